// SPDX-License-Identifier: BSD-3-Clause
// Carries all bindings from workers that have stopped to those that take their place.
#pragma once

#include "common/appliance/vnf.h"

namespace millrace::nat {

// Subscribers go to the worker that owns their bucket now, with their mappings and sessions; ports stay as
// they are. What finds no room there ends. Returns how many sessions were moved. Control thread, no worker
// running.
std::uint64_t move_bindings(appliance::Workers before, appliance::Workers after,
                            const core::Snapshot& snapshot);

}  // namespace millrace::nat
