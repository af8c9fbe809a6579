// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_head.h"

#include <algorithm>
#include <array>
#include <span>

#include "vnfs/firewall/inspection/http_start_line.h"
#include "vnfs/firewall/inspection/http_text.h"
#include "vnfs/firewall/inspection/http_uri.h"
#include "vnfs/firewall/inspection/room_writer.h"

namespace millrace::firewall::inspection {
namespace {

bool is_old(Bytes version) noexcept { return std::ranges::equal(version, bytes_of("HTTP/1.0")); }
bool is_current(Bytes version) noexcept { return std::ranges::equal(version, bytes_of("HTTP/1.1")); }

// RFC 9110 section 9.1: methods are in their case.
HttpMethod method_of(const RequestLine& request) noexcept {
  if (request.version.empty()) return HttpMethod::kOld;
  if (std::ranges::equal(request.method, bytes_of("HEAD"))) return HttpMethod::kHead;
  return std::ranges::equal(request.method, bytes_of("CONNECT")) ? HttpMethod::kConnect : HttpMethod::kOther;
}

// RFC 9112 section 2.2 for the line ends, RFC 9110 section 5.5 for the others.
void look_at_bytes(Bytes head, HttpAnomalySet& anomalies) noexcept {
  for (std::size_t at = find(head, '\n'); at < head.size(); at = find(head, '\n', at + 1))
    anomalies.add_if(at == 0 || head[at - 1] != '\r', HttpAnomaly::kBareLf);
  for (std::size_t at = find(head, '\r'); at + 1 < head.size(); at = find(head, '\r', at + 1))
    anomalies.add_if(head[at + 1] != '\n', HttpAnomaly::kBareCr);
  anomalies.add_if(find(head, 0) != head.size(), HttpAnomaly::kNul);
}

struct FieldPart {
  HttpField field;
  Buffer buffer;
};
constexpr std::array<FieldPart, 9> kRequestParts{{
    {HttpField::kUserAgent, Buffer::kHttpUserAgent},
    {HttpField::kReferer, Buffer::kHttpReferer},
    {HttpField::kCookie, Buffer::kHttpCookie},
    {HttpField::kContentType, Buffer::kHttpContentType},
    {HttpField::kContentLength, Buffer::kHttpContentLength},
    {HttpField::kAccept, Buffer::kHttpAccept},
    {HttpField::kAcceptEncoding, Buffer::kHttpAcceptEncoding},
    {HttpField::kAcceptLanguage, Buffer::kHttpAcceptLanguage},
    {HttpField::kConnection, Buffer::kHttpConnection},
}};
constexpr std::array<FieldPart, 6> kAnswerParts{{
    {HttpField::kSetCookie, Buffer::kHttpCookie},
    {HttpField::kContentType, Buffer::kHttpContentType},
    {HttpField::kContentLength, Buffer::kHttpContentLength},
    {HttpField::kConnection, Buffer::kHttpConnection},
    {HttpField::kServer, Buffer::kHttpServer},
    {HttpField::kLocation, Buffer::kHttpLocation},
}};

// Makes the parts of one head.
class HeadParts {
 public:
  HeadParts(Bytes head, Room& room, HttpHead& known, Parts& parts) noexcept
      : head_(head),
        first_line_(without_line_end(head.first(std::min(find(head, '\n') + 1, head.size())))),
        room_(room, http_head_room(head.size())),
        known_(known),
        parts_(parts),
        fields_(lines_of(head), known.anomalies) {}

  void request() noexcept;
  void answer() noexcept;

 private:
  static Bytes lines_of(Bytes head) noexcept {
    return head.subspan(std::min(find(head, '\n') + 1, head.size()));
  }
  void host(Bytes authority, bool needed) noexcept;
  void fields(std::span<const FieldPart> known, HttpField cookie) noexcept;
  void put_header(HttpField cookie) noexcept;
  void put_names() noexcept;
  void put_value(const HttpFieldLine& line) noexcept;
  void put_joined(const HttpFieldLine& first) noexcept;
  void version(Bytes version) noexcept;
  void finish() noexcept;

  Bytes head_;
  Bytes first_line_;
  RoomWriter room_;
  HttpHead& known_;
  Parts& parts_;
  HttpFieldList fields_;
};

void HeadParts::version(Bytes version) noexcept {
  parts_.set(Buffer::kHttpProtocol, version);
  known_.anomalies.add_if(!is_old(version) && !is_current(version), HttpAnomaly::kUnknownVersion);
}

void HeadParts::request() noexcept {
  const RequestLine request = read_request_line(first_line_);
  known_.method = method_of(request);
  known_.is_http2 = std::ranges::equal(first_line_, bytes_of("PRI * HTTP/2.0"));
  known_.anomalies.add_if(request.odd_space, HttpAnomaly::kStartLineSpace);
  known_.anomalies.add_if(request.space_in_target, HttpAnomaly::kTargetSpace);
  if (request.version.empty()) {
    known_.anomalies.add(HttpAnomaly::kNoVersion);
  } else {
    version(request.version);
  }
  parts_.set(Buffer::kHttpRequestLine, first_line_);
  parts_.set(Buffer::kHttpMethod, request.method);
  parts_.set(Buffer::kHttpRawUri, request.target);
  const HttpUri uri =
      normalize_uri(request.target, known_.method == HttpMethod::kConnect, room_, known_.anomalies);
  parts_.set(Buffer::kHttpUri, uri.path);
  host(uri.authority, is_current(request.version));
  fields(kRequestParts, HttpField::kCookie);
  known_.framing = framing_of(fields_, is_old(request.version), known_.anomalies);
  finish();
}

void HeadParts::answer() noexcept {
  const StatusLine answer = read_status_line(first_line_);
  version(answer.version);
  const Bytes status = answer.status;
  // RFC 9110 section 15.
  const bool good = status.size() == 3 && std::ranges::all_of(status, is_digit) && status[0] != '0';
  known_.anomalies.add_if(!good, HttpAnomaly::kBadStatus);
  known_.anomalies.add_if(answer.odd_space, HttpAnomaly::kStartLineSpace);
  if (good)
    known_.status =
        static_cast<std::uint16_t>((status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0'));
  parts_.set(Buffer::kHttpResponseLine, first_line_);
  parts_.set(Buffer::kHttpStatusCode, status);
  parts_.set(Buffer::kHttpStatusMessage, answer.message);
  fields(kAnswerParts, HttpField::kSetCookie);
  known_.framing = framing_of(fields_, is_old(answer.version), known_.anomalies);
  finish();
}

void HeadParts::finish() noexcept {
  parts_.set(Buffer::kHttpStart, head_);
  parts_.set(Buffer::kHttpRawHeader, lines_of(head_));
  known_.room_bytes = room_.used();
  if (!room_.full()) return;
  known_.anomalies.add(HttpAnomaly::kNoRoom);
  for (const Buffer rewritten :
       {Buffer::kHttpUri, Buffer::kHttpHeader, Buffer::kHttpHeaderNames, Buffer::kHttpHost})
    parts_.present &= ~bit(rewritten);
}

// RFC 9112 section 3.2.2: what the target names counts, and the field does not.
void HeadParts::host(Bytes authority, bool needed) noexcept {
  const HttpFieldLine* const field = fields_.first(HttpField::kHost);
  const Bytes named = field == nullptr ? Bytes{} : fields_.value(*field);
  // Section 3.2.
  known_.anomalies.add_if(needed && field == nullptr, HttpAnomaly::kNoHost);
  known_.anomalies.add_if(field != nullptr && fields_.next(*field) != nullptr, HttpAnomaly::kManyHosts);
  known_.anomalies.add_if(
      field != nullptr && !authority.empty() && !same_word(host_of(authority), host_of(named)),
      HttpAnomaly::kHostsDiffer);
  if (authority.empty()) authority = named;
  if (authority.empty() && field == nullptr) return;
  parts_.set(Buffer::kHttpRawHost, authority);
  for (const std::uint8_t c : host_of(authority)) room_.put(lower(c));
  parts_.set(Buffer::kHttpHost, room_.take());
}

void HeadParts::fields(std::span<const FieldPart> known, HttpField cookie) noexcept {
  put_header(cookie);
  put_names();
  for (const FieldPart& part : known) {
    const HttpFieldLine* const line = fields_.first(part.field);
    if (line == nullptr) continue;
    if (line->next == 0 && !line->rewrite) {
      parts_.set(part.buffer, fields_.value(*line));
      continue;
    }
    put_joined(*line);
    if (!room_.full()) parts_.set(part.buffer, room_.take());
  }
}

void HeadParts::put_header(HttpField cookie) noexcept {
  for (const HttpFieldLine& line : fields_.lines()) {
    if (!line.first || line.field == cookie) continue;
    if (line.has_colon) {
      room_.put(fields_.name(line));
      room_.put(": ");
    }
    put_joined(line);
    room_.put("\r\n");
  }
  room_.put(fields_.unread());
  parts_.set(Buffer::kHttpHeader, room_.take());
}

void HeadParts::put_names() noexcept {
  room_.put("\r\n");
  for (const HttpFieldLine& line : fields_.lines()) {
    if (!line.first || !line.has_colon) continue;
    room_.put(fields_.name(line));
    room_.put("\r\n");
  }
  room_.put("\r\n");
  parts_.set(Buffer::kHttpHeaderNames, room_.take());
}

// RFC 9110 section 5.3.
void HeadParts::put_joined(const HttpFieldLine& first) noexcept {
  put_value(first);
  for (const HttpFieldLine* line = fields_.next(first); line != nullptr; line = fields_.next(*line)) {
    room_.put(", ");
    put_value(*line);
  }
}

// Blanks with a line end or a bare CR among them become one space.
void HeadParts::put_value(const HttpFieldLine& line) noexcept {
  const Bytes value = fields_.value(line);
  if (!line.rewrite) {
    room_.put(value);
    return;
  }
  for (std::size_t at = 0; at < value.size();) {
    std::size_t end = at;
    bool broken = false;
    for (; end < value.size() && (is_blank(value[end]) || value[end] == '\r' || value[end] == '\n'); ++end)
      broken = broken || !is_blank(value[end]);
    if (broken) {
      room_.put(std::uint8_t{' '});
    } else {
      room_.put(value.subspan(at, end - at));
    }
    for (at = end; at < value.size() && !is_blank(value[at]) && value[at] != '\r' && value[at] != '\n'; ++at)
      room_.put(value[at]);
  }
}

}  // namespace

HttpHead read_head(Bytes head, Side side, Room& room, Parts& parts) noexcept {
  HttpHead known;
  look_at_bytes(head, known.anomalies);
  HeadParts making(head, room, known, parts);
  if (side == Side::kClient) {
    making.request();
  } else {
    making.answer();
  }
  return known;
}

}  // namespace millrace::firewall::inspection
