// SPDX-License-Identifier: BSD-3-Clause
// The way of a described packet up to the rules: what ingress and the checks before the rules decide of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/network.h"
#include "vnfs/firewall/described_packet.h"
#include "vnfs/firewall/policy.h"

namespace millrace::firewall {

struct PathCheck {
  std::string_view name;
  std::uint8_t reason = 0;  // why it failed; 0: passed
};

struct PacketPath {
  std::string_view ingress_found_by;  // "description", "route to the source"
  const core::NextHop* hop = nullptr;
  bool to_host = false;
  std::vector<PathCheck> checks;

  [[nodiscard]] bool refused() const noexcept { return !checks.empty() && checks.back().reason != 0; }
};

// Sets the packet's interfaces, domain and route, up to the first check that fails. An error when the
// interface of arrival is unknown or can not be told (Error::where is "interface"), or when a routed packet
// has VLAN tags ("vlan").
[[nodiscard]] Result<PacketPath> find_path(const core::Network& network,
                                           const std::optional<std::string>& interface, core::Packet& packet);

// The checks of a packet that belongs to no session.
void check_opening(const core::Packet& packet, const core::Network& network, const Policy& policy,
                   PacketPath& path);

}  // namespace millrace::firewall
