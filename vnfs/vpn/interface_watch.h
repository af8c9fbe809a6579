// SPDX-License-Identifier: BSD-3-Clause
// Which interfaces that are tunnels lead nowhere for want of associations, so that routes by them give way to
// others. Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "vnfs/vpn/associations.h"
#include "vnfs/vpn/profile.h"

namespace millrace::vpn {

class InterfaceWatch {
 public:
  // A profile is in force. One whose first packet makes the tunnel is never down.
  void follow(const profile::Section& profile);
  // Numbers (AssociationSpec::interface) of those that are down; nothing when the last answer still holds.
  [[nodiscard]] std::optional<std::set<std::uint32_t>> look(const Associations& in_force);

 private:
  std::vector<std::uint32_t> followed_;
  std::optional<std::set<std::uint32_t>> told_;
  std::uint64_t looked_at_ = 0;  // Associations::serial
};

}  // namespace millrace::vpn
