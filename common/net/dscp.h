// SPDX-License-Identifier: BSD-3-Clause
// Code points of DiffServ (RFC 2474). Data path.
#pragma once

#include <cstdint>

#include "common/net/checksum.h"
#include "common/net/ecn.h"
#include "common/net/wire.h"

namespace millrace::net {

inline constexpr std::uint8_t kMostDscp = 63;

// Of the IP header at `l3`.
[[nodiscard]] inline std::uint8_t dscp_of(const std::uint8_t* l3, bool ipv4) noexcept {
  return static_cast<std::uint8_t>(traffic_class_of(l3, ipv4) >> 2);
}

// Writes it to the IP header at `l3`, checksum included; what the header says of congestion stays.
inline void set_dscp(std::uint8_t* l3, bool ipv4, std::uint8_t dscp) noexcept {
  if (ipv4) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(l3);
    const be16 before(static_cast<std::uint16_t>(ip.version_length << 8 | ip.tos));
    ip.tos = static_cast<std::uint8_t>(dscp << 2 | (ip.tos & ecn::kMask));
    const be16 after(static_cast<std::uint16_t>(ip.version_length << 8 | ip.tos));
    ip.checksum = update(ip.checksum, before, after);
  } else {
    auto& ip = *reinterpret_cast<Ipv6Header*>(l3);
    constexpr std::uint32_t kField = std::uint32_t{kMostDscp} << 22;
    ip.version_class_flow = be32((ip.version_class_flow.host() & ~kField) | std::uint32_t{dscp} << 22);
  }
}

// Which of three packets of an Assured Forwarding class is dropped first: RFC 2597 section 6. Of others: 0.
[[nodiscard]] constexpr std::uint8_t drop_precedence(std::uint8_t dscp) noexcept {
  const bool assured = dscp >= 10 && dscp <= 38 && (dscp & 1) == 0 && (dscp & 6) != 0;
  return assured ? static_cast<std::uint8_t>((dscp >> 1 & 3) - 1) : std::uint8_t{0};
}

}  // namespace millrace::net
