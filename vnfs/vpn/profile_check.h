// SPDX-License-Identifier: BSD-3-Clause
// What one value of the VPN gateway's section alone does not tell.
#pragma once

#include <cstdint>

#include "common/control/profile/section.h"
#include "vnfs/vpn/profile.h"

namespace millrace::vpn::profile {

struct ReplayBounds {
  static constexpr std::uint32_t kLeast = 64;
  static constexpr std::uint32_t kMost = 4096;
};

// Whether an interface of the appliance has the address.
[[nodiscard]] bool is_own(const net::IpAddress& address, const control::Profile& common);

// Ports without a protocol that has them are an error. Networks or Protected.
template <class T>
void check_ports(const T& networks, control::Diagnostics& diagnostics) {
  constexpr std::uint8_t kTcp = 6;
  constexpr std::uint8_t kUdp = 17;
  constexpr std::uint8_t kSctp = 132;
  const std::uint8_t protocol = networks.protocol.value_or(0);
  const bool has_ports = protocol == kTcp || protocol == kUdp || protocol == kSctp;
  if ((networks.local_ports || networks.remote_ports) && !has_ports)
    diagnostics.error(networks.at, "ports are of TCP, UDP or SCTP; give protocol: 6, 17 or 132 with them");
}

// Reports what does not fit together. Names of files become paths that can be opened.
void check(Section& profile, const control::CheckContext& context);

}  // namespace millrace::vpn::profile
