// SPDX-License-Identifier: BSD-3-Clause
// What a worker asks the signatures about: a packet, and what it has added to its session's bytes.
#pragma once

#include <cstdint>

#include "common/base/clock.h"
#include "common/net/address.h"
#include "vnfs/firewall/inspection/parts.h"

namespace millrace::firewall::inspection {

struct Subject {
  net::IpAddress source;  // of this packet
  net::IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
  Side side = Side::kClient;  // the sender; not kBoth
  Speech speech = Speech::kUnknown;
  bool established = false;
  // The first packet of its direction, or the first since the session was established or its speech became
  // known: signatures that look at no bytes are asked.
  bool opening = false;
  // Of TCP: kPayload is what this packet carries, and not the stream. Signatures that look at packets are
  // asked, and nothing waits for more.
  bool by_segment = false;

  std::uint8_t tcp_flags = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint8_t ttl = 0;
  std::uint32_t payload_length = 0;  // of the packet

  const Parts* parts = nullptr;  // null: none is present
  Buffers fresh = 0;             // those that came or grew since the last call for this direction
  Buffers coming = ~Buffers{0};  // those not present that this message may still have
  Tick now = 0;
};

}  // namespace millrace::firewall::inspection
