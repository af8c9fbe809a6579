// SPDX-License-Identifier: BSD-3-Clause
// The tables from which a scheduler takes backends.
#pragma once

#include <span>
#include <vector>

#include "vnfs/load_balancer/policy.h"

namespace millrace::load_balancer {

// Each backend as often as its weight says, at least once; `most` slots at most, and there are no more
// choices than that. In the order of the list.
[[nodiscard]] std::vector<BackendId> shares(std::span<const Choice> choices, std::size_t most);

// The same, but in an order in which the turns of each are spread evenly (smooth weighted round robin, as
// nginx has it).
[[nodiscard]] std::vector<BackendId> turns(std::span<const Choice> choices, std::size_t most);

}  // namespace millrace::load_balancer
