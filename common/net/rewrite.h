// SPDX-License-Identifier: BSD-3-Clause
// Writes other ports into a transport header and keeps its checksum right by what was decided beforehand
// (RFC 3022 section 4.1, RFC 1624). Data path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/net/wire.h"

namespace millrace::net {

// The checksum after `delta` came to the sum it covers: RFC 1624 equation 3.
[[nodiscard]] inline std::uint16_t adjusted(std::uint16_t checksum, std::uint16_t delta) noexcept {
  const std::uint32_t sum = static_cast<std::uint32_t>(static_cast<std::uint16_t>(~checksum)) + delta;
  return static_cast<std::uint16_t>(~((sum & 0xffffU) + (sum >> 16)));
}

inline void adjust_at(std::uint8_t* place, std::uint16_t delta) noexcept {
  std::uint16_t checksum = 0;
  std::memcpy(&checksum, place, sizeof checksum);
  checksum = adjusted(checksum, delta);
  std::memcpy(place, &checksum, sizeof checksum);
}

// A UDP checksum of zero means none, and stays; one that would become zero is written as its equal (RFC 768).
inline void adjust_udp_at(std::uint8_t* place, std::uint16_t delta) noexcept {
  std::uint16_t checksum = 0;
  std::memcpy(&checksum, place, sizeof checksum);
  if (checksum == 0) return;
  checksum = adjusted(checksum, delta);
  if (checksum == 0) checksum = 0xffff;
  std::memcpy(place, &checksum, sizeof checksum);
}

// Source and destination port, in wire order.
struct WirePorts {
  std::uint16_t source;
  std::uint16_t destination;
};

inline void write_ports(std::uint8_t* transport, WirePorts ports) noexcept {
  const std::uint32_t both = ports.source | std::uint32_t{ports.destination} << 16;
  std::memcpy(transport, &both, sizeof both);
}

// Ports or identifier, and checksum, of a transport header of which `present` bytes are there. `delta`: what
// comes to the sum by the new addresses and ports; the identifier of an ICMP query is the source's port.
inline void rewrite_transport(std::uint8_t* transport, std::size_t present, std::uint8_t protocol,
                              WirePorts ports, std::uint16_t delta) noexcept {
  constexpr std::size_t kTcpChecksum = 16;
  constexpr std::size_t kUdpChecksum = 6;
  constexpr std::size_t kIcmpChecksum = 2;
  constexpr std::size_t kIcmpIdentifier = 4;
  constexpr std::uint8_t kDccp = 33;
  constexpr std::uint8_t kUdpLite = 136;
  switch (protocol) {
    case protocol::kTcp:
      write_ports(transport, ports);
      if (present >= kTcpChecksum + 2) adjust_at(transport + kTcpChecksum, delta);
      break;
    case protocol::kUdp:
      write_ports(transport, ports);
      if (present >= kUdpChecksum + 2) adjust_udp_at(transport + kUdpChecksum, delta);
      break;
    case protocol::kIcmp:
      std::memcpy(transport + kIcmpIdentifier, &ports.source, sizeof ports.source);
      if (present >= kIcmpChecksum + 2) adjust_at(transport + kIcmpChecksum, delta);
      break;
    case kUdpLite:  // has no zero either: RFC 3828 section 3.1
      if (present >= kUdpChecksum + 2) adjust_udp_at(transport + kUdpChecksum, delta);
      break;
    case kDccp:
      if (present >= kUdpChecksum + 2) adjust_at(transport + kUdpChecksum, delta);
      break;
    default:  // SCTP sums no addresses (RFC 9260 section 6.8), others have no checksum we know
      break;
  }
}

}  // namespace millrace::net
