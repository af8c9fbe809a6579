// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/web_traffic.h"

#include <cstring>
#include <random>
#include <stdexcept>

#include <fmt/format.h>
#include <zlib.h>

#include "common/net/wire.h"
#include "vnfs/firewall/inspection/compile_signatures.h"

namespace millrace::benchmark {

using namespace firewall::inspection;

namespace {

constexpr std::size_t kHeaders =
    sizeof(net::EthernetHeader) + sizeof(net::Ipv4Header) + sizeof(net::TcpHeader);
constexpr std::uint32_t kClientFirst = 1000;  // sequence numbers of the first bytes
constexpr std::uint32_t kServerFirst = 9000;

std::string rare_word(std::mt19937& random, std::size_t length) {
  std::string text(length, ' ');
  for (char& c : text) c = "abcdefghijklmnopqrstuvwxyz0123456789._-"[random() % 39];
  return text;
}

unsigned segments(const WebShape& shape) noexcept {
  return static_cast<unsigned>((shape.answer.size() + shape.segment_bytes - 1) / shape.segment_bytes);
}

}  // namespace

unsigned WebConnection::packets(const WebShape& shape) noexcept {
  return kHandshake + 1 + segments(shape) + segments(shape) / 2 + kEnd;
}

unsigned WebConnection::write(rte_mbuf* mbuf, Step step, std::uint32_t sequence, std::uint32_t acknowledgment,
                              std::string_view payload, std::uint8_t flags) const noexcept {
  traffic_.write(mbuf, flow_, step, static_cast<unsigned>(kHeaders + payload.size()));
  auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  auto& tcp =
      *reinterpret_cast<net::TcpHeader*>(bytes + sizeof(net::EthernetHeader) + sizeof(net::Ipv4Header));
  tcp.sequence = be32(sequence);
  tcp.acknowledgment = be32(step == Step::kSyn ? 0 : acknowledgment);
  tcp.flags = static_cast<std::uint8_t>(tcp.flags | flags);
  if (!payload.empty()) std::memcpy(bytes + kHeaders, payload.data(), payload.size());
  mbuf->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  return from_client(step) ? 0U : 1U;
}

unsigned WebConnection::write(rte_mbuf* mbuf, unsigned number) const noexcept {
  const auto asked = kClientFirst + static_cast<std::uint32_t>(shape_.request.size());
  if (number == 0) return write(mbuf, Step::kSyn, kClientFirst - 1, 0, {});
  if (number == 1) return write(mbuf, Step::kSynAck, kServerFirst - 1, kClientFirst, {});
  if (number == 2) return write(mbuf, Step::kAck, kClientFirst, kServerFirst, {});
  if (number == kHandshake) return write(mbuf, Step::kData, kClientFirst, kServerFirst, shape_.request);
  const auto answered = kServerFirst + static_cast<std::uint32_t>(shape_.answer.size());
  switch (packets(shape_) - number) {
    case 3:
      return write(mbuf, Step::kData, asked, answered, {}, net::tcp_flag::kFin);
    case 2:
      return write(mbuf, Step::kReply, answered, asked + 1, {}, net::tcp_flag::kFin);
    case 1:
      return write(mbuf, Step::kAck, asked + 1, answered + 1, {});
    default:
      break;
  }
  // Two segments, then what acknowledges them.
  const unsigned place = number - kHandshake - 1;
  const unsigned segment = place / 3 * 2 + place % 3;
  const auto at = std::min(std::size_t{segment} * shape_.segment_bytes, shape_.answer.size());
  if (place % 3 == 2)
    return write(mbuf, Step::kAck, asked, kServerFirst + static_cast<std::uint32_t>(at), {});
  return write(mbuf, Step::kReply, kServerFirst + static_cast<std::uint32_t>(at), asked,
               std::string_view(shape_.answer).substr(at, shape_.segment_bytes));
}

std::vector<Signature> rare_signatures(unsigned count, bool of_http) {
  static constexpr std::string_view kCommon[] = {"/index.php?id=",   "Mozilla/5.0 ",   "<div class=\"",
                                                 "Cookie: session=", "<script src=\"", "/wp-content/",
                                                 "&page=",           "function ("};
  std::mt19937 random(count);
  std::vector<Signature> signatures;
  for (std::uint32_t id = 1; id <= count; ++id) {
    Signature made;
    made.id = id;
    made.protocol = 6;
    Content content;
    if (random() % 2 == 0) content.bytes = kCommon[random() % std::size(kCommon)];
    content.bytes += rare_word(random, 6 + random() % 12);
    content.caseless = id % 3 == 0;
    const Buffer buffer = !of_http ? Buffer::kPayload : id % 4 == 0 ? Buffer::kFileData : Buffer::kHttpUri;
    if (of_http) made.speech = Speech::kHttp;
    made.buffers.push_back({buffer, {std::move(content)}});
    signatures.push_back(std::move(made));
  }
  return signatures;
}

namespace {

std::string page(std::size_t bytes) {
  static constexpr std::string_view kWords[] = {
      "<div class=\"",  "</div>\n", "<a href=\"/",  "function (event) {",
      "<script src=\"", "&page=",   " = document.", "Cookie: session="};
  std::mt19937 random(7);
  std::string body;
  while (body.size() < bytes) {
    body += kWords[random() % std::size(kWords)];
    body += rare_word(random, random() % 24) + " ";
  }
  body.resize(bytes);
  return body;
}

constexpr std::string_view kRequest =
    "GET /wp-content/themes/one/page.html?id=1234&page=2 HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: "
    "Mozilla/5.0 "
    "(X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\nAccept: "
    "text/html,application/xhtml+xml\r\n"
    "Accept-Language: en-US,en;q=0.5\r\nCookie: session=0123456789abcdef\r\nConnection: keep-alive\r\n\r\n";

std::string packed(const std::string& text) {
  z_stream zip{};
  constexpr int kGzip = 16;  // to the window's bits: that form
  if (deflateInit2(&zip, 6, Z_DEFLATED, 15 + kGzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  std::string out(deflateBound(&zip, text.size()), ' ');
  zip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  zip.avail_in = static_cast<uInt>(text.size());
  zip.next_out = reinterpret_cast<Bytef*>(out.data());
  zip.avail_out = static_cast<uInt>(out.size());
  deflate(&zip, Z_FINISH);
  out.resize(zip.total_out);
  deflateEnd(&zip);
  return out;
}

}  // namespace

WebShape web_shape(std::size_t bytes) {
  return {.request = std::string(kRequest),
          .answer = fmt::format(
              "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{}",
              bytes, page(bytes))};
}

WebShape packed_shape(std::size_t bytes) {
  constexpr std::size_t kChunk = 1000;
  WebShape shape{.request = std::string(kRequest),
                 .answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"};
  const std::string body = packed(page(bytes));
  for (std::size_t at = 0; at < body.size(); at += kChunk) {
    const std::string chunk = body.substr(at, kChunk);
    shape.answer += fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
  }
  shape.answer += "0\r\n\r\n";
  return shape;
}

std::shared_ptr<const Inspection> make_inspection(std::vector<Signature> signatures,
                                                  std::uint32_t inspect_bytes) {
  FlowBitNames names;
  auto compiled = compile_signatures(std::move(signatures), names);
  if (!compiled) throw std::runtime_error(compiled.error().message());
  auto matcher = Matcher::make(compiled->set);
  if (!matcher) throw std::runtime_error(matcher.error().message());
  auto made = std::make_shared<Inspection>();
  made->set = compiled->set;
  made->matchers.emplace_back(std::move(*matcher));
  made->streams.inspect_bytes = inspect_bytes;
  return made;
}

}  // namespace millrace::benchmark
