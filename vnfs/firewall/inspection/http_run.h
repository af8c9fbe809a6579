// SPDX-License-Identifier: BSD-3-Clause
// One call of HttpReader::advance(): its steps over the bytes that are there.
#pragma once

#include "vnfs/firewall/inspection/http_reader.h"

namespace millrace::firewall::inspection {

class HttpRun {
 public:
  using Tell = HttpReader::Tell;

  HttpRun(HttpReader& reader, Bytes stream, bool ended, Side side, const HttpWork& work, Tell sink,
          void* context) noexcept
      : self_(reader),
        stream_(stream),
        ended_(ended),
        side_(side),
        work_(work),
        tell_(sink),
        context_(context),
        body_told_(in_body() ? body().size() : 0),
        file_told_(work.unpacked.bytes().size()) {}

  HttpProgress run() noexcept;

 private:
  using Phase = HttpReader::Phase;
  using Packed = HttpReader::Packed;

  // Each does what can be done, and tells whether there is more to be done.
  [[nodiscard]] bool step() noexcept;
  [[nodiscard]] bool start() noexcept;
  [[nodiscard]] bool method() noexcept;
  [[nodiscard]] bool status() noexcept;
  [[nodiscard]] bool head() noexcept;
  [[nodiscard]] bool counted_body() noexcept;
  [[nodiscard]] bool open_body() noexcept;
  [[nodiscard]] bool chunk_size_line() noexcept;
  [[nodiscard]] bool chunk() noexcept;
  [[nodiscard]] bool chunk_end() noexcept;
  [[nodiscard]] bool trailer() noexcept;

  enum class Line : std::uint8_t { kWaits, kEmpty, kText, kTooLong };
  [[nodiscard]] Line take_line(std::size_t from, std::size_t most) noexcept;

  [[nodiscard]] bool head_done(bool is_last) noexcept;
  [[nodiscard]] BodyEnd asked(const HttpHead& head) noexcept;
  [[nodiscard]] BodyEnd answered(const HttpHead& head) noexcept;
  void begin_body(const HttpFraming& framing, BodyEnd end) noexcept;
  [[nodiscard]] bool body_done() noexcept;
  [[nodiscard]] bool lost_chunks(HttpAnomaly why) noexcept;
  [[nodiscard]] bool cut_short() noexcept;
  [[nodiscard]] bool over(HttpAnomaly why) noexcept;
  void next_message() noexcept;

  [[nodiscard]] bool in_body() const noexcept {
    return self_.phase_ >= Phase::kLength && self_.phase_ <= Phase::kTrailer;
  }
  [[nodiscard]] Bytes body() const noexcept;
  void keep(Bytes bytes) noexcept;
  void unpack(bool complete) noexcept;
  void stop_unpacking(HttpAnomaly why) noexcept;
  void set_body(Parts& parts, bool complete) const noexcept;
  bool tell(HttpEvent::What what, Parts& parts, bool ends, HttpPlace place, std::uint32_t message,
            HttpAnomalySet anomalies) noexcept;
  [[nodiscard]] HttpAnomalySet take_anomalies() noexcept;
  void tell_rest() noexcept;

  HttpReader& self_;
  Bytes stream_;
  bool ended_;
  Side side_;
  const HttpWork& work_;
  Tell tell_;
  void* context_;
  HttpAnomalySet found_;  // and not told
  std::size_t body_told_;
  std::size_t file_told_;
  bool grown_out_ = false;  // what was told to grow does not any more
  bool stopped_ = false;
};

}  // namespace millrace::firewall::inspection
