// SPDX-License-Identifier: BSD-3-Clause
// The tables of a worker, for the control side.
#pragma once

#include "common/core/worker.h"
#include "vnfs/nat/function.h"

namespace millrace::nat {

[[nodiscard]] inline WorkerState& state_of(core::Worker& worker) noexcept {
  return static_cast<NatFunction&>(worker.function()).state();
}

// On the worker's thread, or while it does not run; counts that are readable from any thread at any time.
[[nodiscard]] inline BindingTable& bindings_of(core::Worker& worker) noexcept {
  return state_of(worker).bindings;
}

}  // namespace millrace::nat
