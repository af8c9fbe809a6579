// SPDX-License-Identifier: BSD-3-Clause
// IPFIX messages (RFC 7011) from records of flows, by libfixbuf. One transport session: its templates and its
// sequence numbers begin anew with a new encoder.
//
// A record is a biflow (RFC 5103): counts of the other direction stand in the reverse elements, and
// biflowDirection says that the source is the initiator. There are eight templates: IPv4 or IPv6; with ports
// or with ICMP type and code; of a flow that has ended or goes on (counts, times, why) or of one that was
// opened or denied. firewallEvent tells which: 1 created, 2 deleted, 3 denied, 5 update. Counts are deltas:
// of what no earlier record of the flow told, as is the time from start to end. An options template gives the
// interfaces their names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/control/flow_log/ipfix_record.h"

namespace millrace::control {

struct IpfixInterface {
  std::uint16_t id = 0;
  std::string name;
};

using IpfixMessage = std::vector<std::uint8_t>;

// Not thread-safe.
class IpfixEncoder {
 public:
  // No message is longer than `message_bytes`.
  [[nodiscard]] static Result<std::unique_ptr<IpfixEncoder>> make(std::uint32_t observation_domain,
                                                                  std::uint16_t message_bytes);
  ~IpfixEncoder();
  IpfixEncoder(const IpfixEncoder&) = delete;
  IpfixEncoder& operator=(const IpfixEncoder&) = delete;

  // All templates, and the interfaces' names; needed before the first record and, over UDP, again and again.
  [[nodiscard]] Result<std::vector<IpfixMessage>> templates(std::span<const IpfixInterface> interfaces);

  // One message with as many of the first records as it holds.
  struct Encoded {
    IpfixMessage message;
    std::size_t records = 0;
  };
  [[nodiscard]] Result<Encoded> encode(std::span<const IpfixRecord> records);

 private:
  class Impl;
  explicit IpfixEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::control
