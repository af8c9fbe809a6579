// SPDX-License-Identifier: BSD-3-Clause
// Syslog messages to a collector over UDP (RFC 5426), one in each datagram.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/control/flow_log/record_sink.h"

namespace millrace::control {

struct SyslogSenderOptions {
  std::string host = {};
  std::uint16_t port = 514;                    // RFC 5426 section 3.3
  std::size_t waiting_lines = 65'536;          // more are lost while the collector is away
  std::chrono::milliseconds first_retry{500};  // doubled at each failure
  std::chrono::milliseconds last_retry{30'000};
  std::chrono::milliseconds patience{5'000};  // with a network that does not take datagrams
};

// A thread of its own sends; the caller never waits for it. What is sent counts as written: nobody
// acknowledges it. A collector whose host says that nobody listens is noticed at the next message, which is
// then kept and tried again with growing pauses.
class SyslogSender {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SyslogSender>> start(SyslogSenderOptions options);
  // Lines that wait are tried once; the rest is lost.
  ~SyslogSender();
  SyslogSender(const SyslogSender&) = delete;
  SyslogSender& operator=(const SyslogSender&) = delete;

  // As those of RecordSink.
  void write(std::vector<std::string> lines);
  void reopen();
  [[nodiscard]] SinkStatus status() const;
  bool flush(std::chrono::milliseconds at_most);

 private:
  class Impl;
  explicit SyslogSender(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::control
