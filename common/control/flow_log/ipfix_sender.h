// SPDX-License-Identifier: BSD-3-Clause
// Records of one schema to an IPFIX collector (RFC 7011), over UDP or TCP.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/control/flow_log/collector_socket.h"
#include "common/control/flow_log/ipfix_encoder.h"
#include "common/control/flow_log/record_sink.h"

namespace millrace::control {

struct IpfixExporterOptions {
  std::string host = {};
  std::uint16_t port = 4739;  // IANA's for IPFIX
  Transport transport = Transport::kUdp;
  std::uint32_t observation_domain = 1;
  std::chrono::milliseconds template_interval{
      60'000};                                 // over UDP templates are repeated, RFC 7011 section 8.4
  std::uint16_t datagram_bytes = 1'232;        // what IPv6 carries on any link: 1280 less IPv6 and UDP
  std::size_t waiting_records = 65'536;        // more are lost while the collector is away
  std::chrono::milliseconds first_retry{500};  // doubled at each failure
  std::chrono::milliseconds last_retry{30'000};
  std::chrono::milliseconds patience{5'000};  // with a connection that does not come up or does not take data
};

// A thread of its own connects, encodes and sends; the caller never waits for it. A collector that is away is
// tried again with growing pauses. TCP: a message that did not go out whole is sent anew on the next
// connection. UDP: what is sent counts as written; a collector that refuses is noticed at the next message,
// which is then kept.
class IpfixSender {
 public:
  // Fails only when libfixbuf does; a collector that is away is no failure.
  [[nodiscard]] static Result<std::unique_ptr<IpfixSender>> start(IpfixSchema schema,
                                                                  IpfixExporterOptions options);
  // Records that wait and a connection that stands: they are sent. Everything else is lost.
  ~IpfixSender();
  IpfixSender(const IpfixSender&) = delete;
  IpfixSender& operator=(const IpfixSender&) = delete;

  // Names told to the collector with the next templates. As write().
  void set_interfaces(std::vector<IpfixInterface> interfaces);
  // These and the next as those of RecordSink. Takes what there is room for.
  void write(std::vector<IpfixRecord> records);
  void reopen();
  [[nodiscard]] SinkStatus status() const;
  bool flush(std::chrono::milliseconds at_most);

 private:
  class Impl;
  explicit IpfixSender(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::control
