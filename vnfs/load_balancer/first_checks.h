// SPDX-License-Identifier: BSD-3-Clause
// When health checks begin. An appliance that starts has policies before its ports have a link: a check that
// leaves before can only fail, and says nothing about the backend.
#pragma once

#include <algorithm>
#include <chrono>

#include "common/core/network.h"

namespace millrace::load_balancer {

// Longer than a NIC takes to agree on a speed. A port that has no link by then may have no cable; backends
// behind others are not to go unchecked for its sake.
inline constexpr std::chrono::seconds kLongestHold{5};

// Asked until it is true, and never again: a link that is lost later is a failure like any other.
// `network`: in force. `held`: since the start.
[[nodiscard]] inline bool first_checks_may_go(const core::Network& network,
                                              std::chrono::steady_clock::duration held) {
  return held >= kLongestHold || std::ranges::all_of(network.interfaces, [&](const core::Interface& each) {
           return !each.up || network.port_up[each.port.value()];
         });
}

}  // namespace millrace::load_balancer
