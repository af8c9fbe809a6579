// SPDX-License-Identifier: BSD-3-Clause
// The tables of a worker, for the control side.
#pragma once

#include "common/core/worker.h"
#include "vnfs/load_balancer/function.h"

namespace millrace::load_balancer {

// On the worker's thread, or while it does not run; counts that are readable from any thread at any time.
[[nodiscard]] inline WorkerState& state_of(core::Worker& worker) noexcept {
  return static_cast<LoadBalancerFunction&>(worker.function()).state();
}

[[nodiscard]] inline const Policy& policy_of(const core::Snapshot& snapshot) noexcept {
  return static_cast<const Policy&>(*snapshot.policy);
}

[[nodiscard]] inline ConnectionTable& connections_of(core::Worker& worker) noexcept {
  return state_of(worker).connections;
}

}  // namespace millrace::load_balancer
