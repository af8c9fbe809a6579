// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>

#include "vnfs/firewall/inspection/http_chunk.h"
#include "vnfs/firewall/inspection/http_run.h"

namespace millrace::firewall::inspection {

void HttpRun::begin_body(const HttpFraming& framing, BodyEnd end) noexcept {
  self_.left_ = framing.length;
  self_.line_ = self_.at_;
  self_.phase_ = end == BodyEnd::kLength    ? Phase::kLength
                 : end == BodyEnd::kChunked ? Phase::kChunkSize
                                            : Phase::kClose;
  self_.joined_ = end == BodyEnd::kChunked;
  self_.not_kept_ = false;
  self_.packed_ = Packed::kNo;
  self_.unpacked_ = 0;
  work_.joined.clear();
  work_.unpacked.clear();
  body_told_ = file_told_ = 0;
  if (framing.coding == BodyCoding::kIdentity) return;
  if (framing.coding == BodyCoding::kUnknown || side_ == Side::kClient) {
    found_.add(HttpAnomaly::kUnknownCoding);
    return;
  }
  using Format = InflatePool::Format;
  self_.inflate_ = work_.inflate.take(framing.coding == BodyCoding::kGzip ? Format::kGzip : Format::kDeflate);
  found_.add_if(self_.inflate_ == 0, HttpAnomaly::kNotUnpacked);
  if (self_.inflate_ != 0) self_.packed_ = Packed::kYes;
}

Bytes HttpRun::body() const noexcept {
  if (self_.joined_) return work_.joined.bytes();
  return stream_.subspan(self_.body_, self_.at_ - self_.body_);
}

// There is no more for now; when there never is, that was the message.
bool HttpRun::cut_short() noexcept {
  if (!ended_) return false;
  found_.add(HttpAnomaly::kCutOff);
  self_.at_ = static_cast<std::uint32_t>(stream_.size());
  return body_done();
}

bool HttpRun::counted_body() noexcept {
  const std::size_t taken = std::min<std::size_t>(self_.left_, stream_.size() - self_.at_);
  self_.at_ += static_cast<std::uint32_t>(taken);
  self_.left_ -= taken;
  if (self_.left_ == 0) return body_done();
  return cut_short();
}

bool HttpRun::open_body() noexcept {
  if (self_.joined_) keep(stream_.subspan(self_.at_));
  self_.at_ = static_cast<std::uint32_t>(stream_.size());
  return ended_ && body_done();
}

bool HttpRun::chunk_size_line() noexcept {
  const std::uint32_t begin = self_.line_;
  switch (take_line(begin, kLongestChunkLine)) {
    case Line::kWaits:
      return cut_short();
    case Line::kTooLong:
      return lost_chunks(HttpAnomaly::kBadChunkSize);
    case Line::kEmpty:
    case Line::kText:
      break;
  }
  const auto size = chunk_size(stream_.subspan(begin, self_.at_ - begin), found_);
  if (!size) {
    self_.at_ = begin;
    return lost_chunks(HttpAnomaly::kBadChunkSize);
  }
  self_.phase_ = *size == 0 ? Phase::kTrailer : Phase::kChunk;
  self_.left_ = *size == 0 ? self_.at_ : *size;
  return true;
}

bool HttpRun::chunk() noexcept {
  const std::size_t taken = std::min<std::size_t>(self_.left_, stream_.size() - self_.at_);
  keep(stream_.subspan(self_.at_, taken));
  self_.at_ += static_cast<std::uint32_t>(taken);
  self_.left_ -= taken;
  if (self_.left_ == 0) {
    self_.phase_ = Phase::kChunkEnd;
    return true;
  }
  return cut_short();
}

bool HttpRun::chunk_end() noexcept {
  const Bytes rest = stream_.subspan(self_.at_);
  const bool has_cr = !rest.empty() && rest[0] == '\r';
  if (rest.empty() || (has_cr && rest.size() == 1)) {
    return cut_short();
  }
  if (rest[has_cr ? 1 : 0] != '\n') return lost_chunks(HttpAnomaly::kBadChunkEnd);
  found_.add_if(!has_cr, HttpAnomaly::kBareLf);
  self_.at_ += has_cr ? 2U : 1U;
  self_.line_ = self_.at_;
  self_.phase_ = Phase::kChunkSize;
  return true;
}

// RFC 9112 section 7.1.2. Its fields are left out: what was decided from the head stays (RFC 9110 section
// 6.5.1).
bool HttpRun::trailer() noexcept {
  switch (take_line(self_.left_, kLongestHttpHead)) {
    case Line::kWaits:
      return cut_short();
    case Line::kTooLong: {
      found_.add(HttpAnomaly::kHeadTooLong);
      const bool goes_on = body_done();
      self_.phase_ = Phase::kOver;
      return goes_on;
    }
    case Line::kEmpty:
      return body_done();
    case Line::kText:
      return true;
  }
  return true;
}

// From at_ on all is the body, as it comes.
bool HttpRun::lost_chunks(HttpAnomaly why) noexcept {
  found_.add(why);
  self_.phase_ = Phase::kClose;
  return true;
}

void HttpRun::keep(Bytes bytes) noexcept {
  if (bytes.empty() || self_.not_kept_) return;
  const std::size_t room = work_.most_joined - std::min(work_.most_joined, work_.joined.bytes().size());
  const Bytes first = bytes.first(std::min(bytes.size(), room));
  if ((first.empty() || work_.joined.append(first)) && first.size() == bytes.size()) return;
  self_.not_kept_ = grown_out_ = true;
  found_.add(HttpAnomaly::kBodyNotKept);
}

void HttpRun::unpack(bool complete) noexcept {
  using Outcome = InflatePool::Outcome;
  if (self_.packed_ != Packed::kYes) return;
  const Bytes packed = body().subspan(self_.unpacked_);
  const auto [outcome, used] =
      work_.inflate.feed(self_.inflate_, packed, work_.unpacked, work_.most_unpacked);
  self_.unpacked_ += static_cast<std::uint32_t>(used);
  switch (outcome) {
    case Outcome::kMore:
      // A body of nothing is one that was not packed.
      if (complete && !self_.not_kept_ && !body().empty()) found_.add(HttpAnomaly::kBadPacked);
      break;
    case Outcome::kDone:
      break;
    case Outcome::kBad:
      return stop_unpacking(HttpAnomaly::kBadPacked);
    case Outcome::kTooLong:
      return stop_unpacking(HttpAnomaly::kUnpackedTooLong);
    case Outcome::kNotKept:
      return stop_unpacking(HttpAnomaly::kBodyNotKept);
  }
  // What is not all there does not become longer.
  if (complete || self_.not_kept_) {
    work_.inflate.give_back(self_.inflate_);
    self_.inflate_ = 0;
    self_.packed_ = Packed::kLeft;
  }
}

void HttpRun::stop_unpacking(HttpAnomaly why) noexcept {
  grown_out_ = true;
  found_.add(why);
  work_.inflate.give_back(self_.inflate_);
  self_.inflate_ = 0;
  self_.packed_ = Packed::kLeft;
}

void HttpRun::set_body(Parts& parts, bool complete) const noexcept {
  const bool grows = !complete && !self_.not_kept_;
  if (side_ == Side::kClient) {
    parts.set(Buffer::kHttpRequestBody, body(), grows);
    return;
  }
  parts.set(Buffer::kHttpResponseBody, body(), grows);
  if (self_.packed_ == Packed::kNo) {
    parts.set(Buffer::kFileData, body(), grows);
  } else {
    parts.set(Buffer::kFileData, work_.unpacked.bytes(), grows && self_.packed_ == Packed::kYes);
  }
}

bool HttpRun::body_done() noexcept {
  unpack(true);
  Parts parts;
  set_body(parts, true);
  const HttpPlace place = self_.head();
  const std::uint32_t message = self_.messages_;
  const HttpAnomalySet anomalies = take_anomalies();
  next_message();
  return tell(HttpEvent::What::kBody, parts, true, place, message, anomalies);
}

}  // namespace millrace::firewall::inspection
