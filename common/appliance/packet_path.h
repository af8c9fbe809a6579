// SPDX-License-Identifier: BSD-3-Clause
// The way of a described packet up to the function: what ingress and the routes decide of it.
#pragma once

#include <boost/json/fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/appliance/described_packet.h"
#include "common/core/network.h"

namespace millrace::appliance {

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

// "forward", "host", "blackhole"
[[nodiscard]] std::string_view kind_name(core::NextHop::Kind kind) noexcept;

// The packet as it was understood, for the answer.
[[nodiscard]] boost::json::object describe(const control::PacketDescription& packet);
// The reason of a number, the core's own or one of `functions`.
[[nodiscard]] const core::DropReason& reason_of(std::uint8_t id,
                                                std::span<const core::DropReason> functions) noexcept;
// [{"check", "passed"}, ...], with the reason and its sentence where one failed.
[[nodiscard]] boost::json::array describe(const std::vector<PathCheck>& checks,
                                          std::span<const core::DropReason> functions);

// Sets the packet's interfaces, domain and route, up to the first check that fails. An error when the
// interface of arrival is unknown or can not be told (Error::where is "interface"), or when a routed packet
// has VLAN tags ("vlan").
[[nodiscard]] Result<PacketPath> find_path(const core::Network& network,
                                           const std::optional<std::string>& interface, core::Packet& packet);

}  // namespace millrace::appliance
