// SPDX-License-Identifier: BSD-3-Clause
// Writes other addresses and ports into an IPv4 packet, its checksums kept right by what was decided when the
// session began (RFC 3022 section 4.1, RFC 1624). Data path.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/net/wire.h"
#include "vnfs/nat/tuple.h"

namespace millrace::nat {

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

inline void write_addresses(std::uint8_t* ip, Endpoint source, Endpoint destination) noexcept {
  constexpr std::size_t kSource = 12;
  const std::uint64_t both = source.address | std::uint64_t{destination.address} << 32;
  std::memcpy(ip + kSource, &both, sizeof both);
}

inline void write_ports(std::uint8_t* transport, Endpoint source, Endpoint destination) noexcept {
  const std::uint32_t both = source.port | std::uint32_t{destination.port} << 16;
  std::memcpy(transport, &both, sizeof both);
}

// Ports or identifier, and checksum, of a transport header of which `present` bytes are there.
inline void rewrite_transport(std::uint8_t* transport, std::size_t present, std::uint8_t protocol,
                              Endpoint source, Endpoint destination, std::uint16_t delta) noexcept {
  constexpr std::size_t kTcpChecksum = 16;
  constexpr std::size_t kUdpChecksum = 6;
  constexpr std::size_t kIcmpChecksum = 2;
  constexpr std::size_t kIcmpIdentifier = 4;
  constexpr std::uint8_t kDccp = 33;
  constexpr std::uint8_t kUdpLite = 136;
  switch (protocol) {
    case net::protocol::kTcp:
      write_ports(transport, source, destination);
      if (present >= kTcpChecksum + 2) adjust_at(transport + kTcpChecksum, delta);
      break;
    case net::protocol::kUdp:
      write_ports(transport, source, destination);
      if (present >= kUdpChecksum + 2) adjust_udp_at(transport + kUdpChecksum, delta);
      break;
    case net::protocol::kIcmp:  // the identifier is our side's port: both ends have the same
      std::memcpy(transport + kIcmpIdentifier, &source.port, sizeof source.port);
      if (present >= kIcmpChecksum + 2) adjust_at(transport + kIcmpChecksum, delta);
      break;
    case kUdpLite:
    case kDccp:
      if (present >= kUdpChecksum + 2) adjust_at(transport + kUdpChecksum, delta);
      break;
    default:  // SCTP sums no addresses (RFC 9260 section 6.8), others have no checksum we know
      break;
  }
}

}  // namespace millrace::nat
