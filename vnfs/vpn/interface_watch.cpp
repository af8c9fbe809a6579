// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/interface_watch.h"

namespace millrace::vpn {

void InterfaceWatch::follow(const profile::Section& profile) {
  followed_.clear();
  for (const profile::Connection& one : profile.connections)
    if (one.interface != 0 && one.start != profile::Start::kTraffic) followed_.push_back(one.interface);
  told_.reset();
}

std::optional<std::set<std::uint32_t>> InterfaceWatch::look(const Associations& in_force) {
  if (followed_.empty() && told_) return std::nullopt;
  if (told_ && looked_at_ == in_force.serial.value()) return std::nullopt;
  looked_at_ = in_force.serial.value();
  std::set<std::uint32_t> down(followed_.begin(), followed_.end());
  for (const auto& association : *in_force.content().outbound) down.erase(association->interface);
  if (told_ == down) return std::nullopt;
  told_ = down;
  return down;
}

}  // namespace millrace::vpn
