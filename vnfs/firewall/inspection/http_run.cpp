// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_run.h"

#include <algorithm>
#include <string_view>

#include "vnfs/firewall/inspection/http_start_line.h"
#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

constexpr std::string_view kStatusBeginning = "HTTP/";

}  // namespace

HttpProgress HttpRun::run() noexcept {
  while (!stopped_ && step()) {
  }
  if (!stopped_) tell_rest();
  if (stopped_) return HttpProgress::kStopped;
  return self_.phase_ == Phase::kOver ? HttpProgress::kOver : HttpProgress::kReading;
}

bool HttpRun::step() noexcept {
  switch (self_.phase_) {
    case Phase::kStart:
      return start();
    case Phase::kMethod:
      return method();
    case Phase::kStatus:
      return status();
    case Phase::kHead:
      return head();
    case Phase::kLength:
      return counted_body();
    case Phase::kClose:
      return open_body();
    case Phase::kChunkSize:
      return chunk_size_line();
    case Phase::kChunk:
      return chunk();
    case Phase::kChunkEnd:
      return chunk_end();
    case Phase::kTrailer:
      return trailer();
    case Phase::kOver:
      break;
  }
  self_.at_ = static_cast<std::uint32_t>(stream_.size());
  return false;
}

// Goes on with a line whose beginning is line_ and that was looked through up to at_; line_ then is behind
// it. Lines that began at `from` may have `most` bytes together.
HttpRun::Line HttpRun::take_line(std::size_t from, std::size_t most) noexcept {
  const Bytes there = stream_.first(std::min(stream_.size(), from + most));
  const std::size_t newline = find(there, '\n', self_.at_);
  if (newline == there.size()) {
    self_.at_ = static_cast<std::uint32_t>(newline);
    return newline == from + most ? Line::kTooLong : Line::kWaits;
  }
  const std::size_t length = newline - self_.line_;
  const bool empty = length == 0 || (length == 1 && stream_[self_.line_] == '\r');
  self_.at_ = self_.line_ = static_cast<std::uint32_t>(newline + 1);
  return empty ? Line::kEmpty : Line::kText;
}

// RFC 9112 section 2.2: an empty line before a request is to be ignored.
bool HttpRun::start() noexcept {
  if (work_.exchange.switched()) {
    self_.phase_ = Phase::kOver;
    return true;
  }
  for (; self_.at_ < stream_.size(); ++self_.at_) {
    const std::uint8_t c = stream_[self_.at_];
    if (is_blank(c)) {
      found_.add(HttpAnomaly::kLeadingSpace);
      continue;
    }
    if (c == '\r') {
      if (self_.at_ + 1U == stream_.size() && !ended_) return false;
      if (self_.at_ + 1U == stream_.size() || stream_[self_.at_ + 1U] != '\n') break;
      ++self_.at_;
    } else if (c != '\n') {
      break;
    }
    found_.add_if(side_ == Side::kServer || self_.empty_lines_ != 0, HttpAnomaly::kEmptyLines);
    self_.empty_lines_ = 1;
  }
  if (self_.at_ == stream_.size()) return false;
  self_.message_ = self_.body_ = self_.line_ = self_.at_;
  self_.phase_ = side_ == Side::kClient ? Phase::kMethod : Phase::kStatus;
  return true;
}

bool HttpRun::method() noexcept {
  const std::size_t most = self_.message_ + kLongestHttpMethod;
  while (self_.at_ < stream_.size() && self_.at_ <= most && is_token(stream_[self_.at_])) ++self_.at_;
  const bool fits = self_.at_ <= most;
  if (fits && self_.at_ == stream_.size()) return ended_ && over(HttpAnomaly::kCutOff);
  const bool good = fits && self_.at_ != self_.message_ && is_blank(stream_[self_.at_]);
  if (good) {
    self_.phase_ = Phase::kHead;
    return true;
  }
  // RFC 9110 section 9.3.6: a client may not wait for the answer before it uses its tunnel.
  if (!work_.exchange.tunnel_asked()) return over(HttpAnomaly::kNotHttp);
  self_.phase_ = Phase::kOver;
  return true;
}

bool HttpRun::status() noexcept {
  const Bytes there = stream_.subspan(self_.message_);
  const std::size_t both = std::min(there.size(), kStatusBeginning.size());
  if (begins_with_word(there, kStatusBeginning.substr(0, both))) {
    if (both == kStatusBeginning.size()) {
      self_.phase_ = Phase::kHead;
      return true;
    }
    if (!ended_) return false;
  }
  // The answer to a request without a version has neither; a browser may show others as well.
  const bool old = work_.exchange.any_waits() && work_.exchange.next() == HttpMethod::kOld;
  found_.add_if(!old, HttpAnomaly::kNoStatusLine);
  work_.exchange.answered();
  self_.at_ = self_.message_;
  begin_body({}, BodyEnd::kClose);
  return true;
}

bool HttpRun::head() noexcept {
  const std::uint32_t begin = self_.line_;
  switch (take_line(self_.message_, kLongestHttpHead)) {
    case Line::kWaits:
      if (!ended_) return false;
      found_.add(HttpAnomaly::kCutOff);
      return head_done(true);
    case Line::kTooLong:
      found_.add(HttpAnomaly::kHeadTooLong);
      return head_done(true);
    case Line::kEmpty:
      return head_done(false);
    case Line::kText:
      break;
  }
  const bool is_first_request_line = side_ == Side::kClient && begin == self_.message_;
  if (is_first_request_line &&
      read_request_line(without_line_end(stream_.subspan(begin, self_.at_ - begin))).version.empty())
    return head_done(true);
  return true;
}

// All of it is before at_. `is_last`: no more messages are read behind it, nor its body.
bool HttpRun::head_done(bool is_last) noexcept {
  self_.body_ = self_.at_;
  const HttpPlace place = self_.head();
  Parts parts;
  const HttpHead head =
      read_head(stream_.subspan(place.begin, place.end - place.begin), side_, work_.room, parts);
  found_.add(head.anomalies);
  if (head.is_http2) {
    work_.room.give_back(head.room_bytes);
    return over(HttpAnomaly::kNotHttp);
  }
  const BodyEnd end = side_ == Side::kClient ? asked(head) : answered(head);
  const bool has_body = !is_last && end != BodyEnd::kNone;
  const std::uint32_t message = self_.messages_;
  if (has_body) begin_body(head.framing, end);
  const HttpAnomalySet anomalies = take_anomalies();
  if (!has_body) next_message();
  if (is_last) self_.phase_ = Phase::kOver;
  const bool goes_on = tell(HttpEvent::What::kHead, parts, !has_body, place, message, anomalies);
  work_.room.give_back(head.room_bytes);
  return goes_on;
}

BodyEnd HttpRun::asked(const HttpHead& head) noexcept {
  found_.add_if(!work_.exchange.asked(head.method), HttpAnomaly::kTooManyPipelined);
  // RFC 9112 section 6.3, item 7.
  return head.framing.end == BodyEnd::kUnsaid ? BodyEnd::kNone : head.framing.end;
}

// RFC 9112 section 6.3, items 1, 2 and 8.
BodyEnd HttpRun::answered(const HttpHead& head) noexcept {
  constexpr unsigned kSwitchingProtocols = 101;
  constexpr unsigned kNoContent = 204;
  constexpr unsigned kNotModified = 304;
  const bool is_interim = head.status < 200;
  const bool says_body = head.framing.end != BodyEnd::kUnsaid && head.framing.end != BodyEnd::kNone;
  if (is_interim && head.status != kSwitchingProtocols) {
    found_.add_if(says_body, HttpAnomaly::kBodyNotAllowed);
    return BodyEnd::kNone;
  }
  found_.add_if(!work_.exchange.any_waits(), HttpAnomaly::kUnasked);
  const HttpMethod method = work_.exchange.any_waits() ? work_.exchange.next() : HttpMethod::kOther;
  work_.exchange.answered();
  if (is_interim || (method == HttpMethod::kConnect && head.status < 300)) {
    work_.exchange.switch_protocol();
    return BodyEnd::kNone;
  }
  if (head.status == kNoContent) found_.add_if(says_body, HttpAnomaly::kBodyNotAllowed);
  if (method == HttpMethod::kHead || head.status == kNoContent || head.status == kNotModified)
    return BodyEnd::kNone;
  return head.framing.end == BodyEnd::kUnsaid ? BodyEnd::kClose : head.framing.end;
}

bool HttpRun::over(HttpAnomaly why) noexcept {
  found_.add(why);
  self_.phase_ = Phase::kOver;
  return true;
}

void HttpRun::next_message() noexcept {
  self_.phase_ = ended_ && self_.at_ == stream_.size() ? Phase::kOver : Phase::kStart;
  self_.told_ = {};
  self_.empty_lines_ = 0;
  ++self_.messages_;
}

HttpAnomalySet HttpRun::take_anomalies() noexcept {
  const HttpAnomalySet anomalies = found_.without(self_.told_);
  self_.told_.add(found_);
  found_ = {};
  return anomalies;
}

bool HttpRun::tell(HttpEvent::What what, Parts& parts, bool ends, HttpPlace place, std::uint32_t message,
                   HttpAnomalySet anomalies) noexcept {
  stopped_ = !tell_(context_, {.what = what,
                               .ends = ends,
                               .message = message,
                               .head = place,
                               .anomalies = anomalies,
                               .parts = parts});
  return !stopped_;
}

// What a body has grown by in this call, and what was found beside it.
void HttpRun::tell_rest() noexcept {
  Parts parts;
  HttpEvent::What what = HttpEvent::What::kAnomaly;
  if (in_body()) {
    unpack(false);
    if (grown_out_ || body().size() != body_told_ || work_.unpacked.bytes().size() != file_told_) {
      what = HttpEvent::What::kBody;
      set_body(parts, false);
    }
  }
  const HttpAnomalySet anomalies = take_anomalies();
  if (what == HttpEvent::What::kAnomaly && anomalies.empty()) return;
  static_cast<void>(tell(what, parts, false, self_.head(), self_.messages_, anomalies));
}

}  // namespace millrace::firewall::inspection
