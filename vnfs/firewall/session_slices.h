// SPDX-License-Identifier: BSD-3-Clause
// Looking through a worker's sessions while it carries traffic.
#pragma once

#include "common/appliance/table_slices.h"
#include "vnfs/firewall/function.h"

namespace millrace::firewall {

[[nodiscard]] inline WorkerState& state_of(core::Worker& worker) noexcept {
  return static_cast<FirewallFunction&>(worker.function()).state();
}

// Calls visit(state, index) for each session from position `at` on, as appliance::visit_slices() does.
template <class Visit>
SessionIndex visit_sessions(core::Worker& worker, SessionIndex at, Visit&& visit) {
  WorkerState& state = state_of(worker);
  return appliance::visit_slices(worker, at, state.sessions.flows().capacity(), [&](SessionIndex index) {
    return !state.sessions.flows().in_use(index) || visit(state, index);
  });
}

}  // namespace millrace::firewall
