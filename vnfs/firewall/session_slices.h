// SPDX-License-Identifier: BSD-3-Clause
// Looking through a worker's sessions while it carries traffic: a piece of the table per job, so that packets
// wait some tens of microseconds and not for the whole table.
#pragma once

#include <algorithm>

#include "common/core/worker.h"
#include "vnfs/firewall/function.h"

namespace millrace::firewall {

inline constexpr SessionIndex kSlice = 256;  // records per job

[[nodiscard]] inline WorkerState& state_of(core::Worker& worker) noexcept {
  return static_cast<FirewallFunction&>(worker.function()).state();
}

// Calls visit(state, index) on the worker's thread for each session from position `at` on, until it returns
// false; `visit` must not allocate. Returns the position to go on from, the table's capacity when all were
// seen. Sessions that begin meanwhile may be missed. Control thread.
template <class Visit>
SessionIndex visit_sessions(core::Worker& worker, SessionIndex at, Visit&& visit) {
  WorkerState& state = state_of(worker);
  const SessionIndex capacity = state.sessions.flows().capacity();
  bool wanted = true;
  while (wanted && at < capacity) {
    worker.execute([&] {
      const SessionIndex end = std::min(capacity, at + kSlice);
      for (; at < end && wanted; ++at) {
        if (state.sessions.flows().in_use(at)) wanted = visit(state, at);
      }
    });
  }
  return std::min(at, capacity);
}

}  // namespace millrace::firewall
