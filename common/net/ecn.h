// SPDX-License-Identifier: BSD-3-Clause
// Explicit congestion notification across a tunnel: RFC 6040. Data path.
#pragma once

#include <cstdint>

#include "common/net/checksum.h"
#include "common/net/wire.h"

namespace millrace::net {

namespace ecn {  // RFC 3168 section 5
inline constexpr std::uint8_t kMask = 3;
inline constexpr std::uint8_t kNotCapable = 0;
inline constexpr std::uint8_t kCapable1 = 1;
inline constexpr std::uint8_t kCapable0 = 2;
inline constexpr std::uint8_t kCongested = 3;
}  // namespace ecn

// The byte of DSCP and ECN of the IP header at `l3`.
[[nodiscard]] inline std::uint8_t traffic_class_of(const std::uint8_t* l3, bool ipv4) noexcept {
  return ipv4 ? reinterpret_cast<const Ipv4Header*>(l3)->tos
              : reinterpret_cast<const Ipv6Header*>(l3)->traffic_class();
}

// Writes the field of the IP header at `l3`, checksum included.
inline void set_ecn(std::uint8_t* l3, bool ipv4, std::uint8_t value) noexcept {
  if (ipv4) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(l3);
    ip.tos = static_cast<std::uint8_t>((ip.tos & ~ecn::kMask) | value);
    set_ipv4_checksum(ip);
  } else {
    auto& ip = *reinterpret_cast<Ipv6Header*>(l3);
    const std::uint32_t rest = ip.version_class_flow.host() & ~(std::uint32_t{ecn::kMask} << 20);
    ip.version_class_flow = be32(rest | std::uint32_t{value} << 20);
  }
}

// What the outer header said of congestion is told to the datagram that leaves the tunnel (RFC 6040
// section 4.2, figure 4). False when that can not be told, and the datagram is to be dropped.
[[nodiscard]] inline bool leave_tunnel(std::uint8_t* l3, bool ipv4, std::uint8_t outer) noexcept {
  const std::uint8_t inner = traffic_class_of(l3, ipv4) & ecn::kMask;
  if (outer == ecn::kCongested) {
    if (inner == ecn::kNotCapable) return false;
    if (inner != ecn::kCongested) set_ecn(l3, ipv4, ecn::kCongested);
  } else if (outer == ecn::kCapable1 && inner == ecn::kCapable0) {
    set_ecn(l3, ipv4, ecn::kCapable1);
  }
  return true;
}

}  // namespace millrace::net
