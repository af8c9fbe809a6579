// SPDX-License-Identifier: BSD-3-Clause
// Writes an address into an IP header of either family. Data path.
#pragma once

#include <cstddef>
#include <cstring>

#include "common/net/address.h"
#include "common/net/rewrite.h"
#include "common/net/wire.h"

namespace millrace::load_balancer {

// `delta`: what comes to the sum of an IPv4 header.
inline void write_source(std::uint8_t* ip, const net::IpAddress& address, std::uint16_t delta) noexcept {
  if (address.is_v4()) [[likely]] {
    std::memcpy(ip + offsetof(net::Ipv4Header, source), address.bytes().data(), sizeof(net::Ipv4Address));
    net::adjust_at(ip + offsetof(net::Ipv4Header, checksum), delta);
  } else {
    std::memcpy(ip + offsetof(net::Ipv6Header, source), address.bytes().data(), sizeof(net::Ipv6Address));
  }
}
inline void write_destination(std::uint8_t* ip, const net::IpAddress& address, std::uint16_t delta) noexcept {
  if (address.is_v4()) [[likely]] {
    std::memcpy(ip + offsetof(net::Ipv4Header, destination), address.bytes().data(),
                sizeof(net::Ipv4Address));
    net::adjust_at(ip + offsetof(net::Ipv4Header, checksum), delta);
  } else {
    std::memcpy(ip + offsetof(net::Ipv6Header, destination), address.bytes().data(),
                sizeof(net::Ipv6Address));
  }
}

}  // namespace millrace::load_balancer
