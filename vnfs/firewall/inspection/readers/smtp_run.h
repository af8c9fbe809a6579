// SPDX-License-Identifier: BSD-3-Clause
// One call of SmtpReader::advance(): its steps over the bytes that are there.
#pragma once

#include <string_view>

#include "vnfs/firewall/inspection/readers/smtp_reader.h"

namespace millrace::firewall::inspection::readers {

class SmtpRun {
 public:
  SmtpRun(SmtpReader& reader, Bytes stream, Side side, const SmtpWork& work,
          EventSink<SmtpEvent> sink) noexcept
      : self_(reader), stream_(stream), side_(side), work_(work), sink_(sink) {}

  ReadProgress run(bool ended) noexcept;

 private:
  using Phase = SmtpReader::Phase;

  // Each does what can be done, and tells whether there is more to be done.
  [[nodiscard]] bool step() noexcept;
  [[nodiscard]] bool line() noexcept;
  [[nodiscard]] bool mail() noexcept;
  [[nodiscard]] bool chunk() noexcept;

  void command(Bytes line) noexcept;
  void path(SmtpReader::Text which, std::string_view word, Bytes parameter) noexcept;
  void begin_mail() noexcept;
  void begin_chunk(Bytes parameter) noexcept;
  void keep(Bytes bytes) noexcept;
  void reply(Bytes line) noexcept;

  void remember(SmtpReader::Text which, Bytes what) noexcept;
  void forget_mail() noexcept;
  [[nodiscard]] Parts texts() const noexcept;
  void tell_mail(std::size_t end, bool ends) noexcept;
  // With the anomalies that were found.
  void tell(SmtpEvent event) noexcept;

  SmtpReader& self_;
  Bytes stream_;
  Side side_;
  const SmtpWork& work_;
  EventSink<SmtpEvent> sink_;
  ReadAnomalySet found_;  // and not told
  bool stopped_ = false;
};

}  // namespace millrace::firewall::inspection::readers
