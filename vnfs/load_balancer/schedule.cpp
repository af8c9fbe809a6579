// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/schedule.h"

namespace millrace::load_balancer {

BackendId choose_least(const Service& service, const Tallies& tallies) noexcept {
  BackendId best = kNoId;
  std::uint64_t best_open = 0;
  std::uint64_t best_weight = 1;
  for (const Choice& choice : service.choices) {
    // What it would have with this one: so that of idle ones the greatest comes first.
    const std::uint64_t open = tallies.backend(choice.backend).open.read() + 1;
    if (best != kNoId && open * best_weight >= best_open * choice.weight) continue;
    best = choice.backend;
    best_open = open;
    best_weight = choice.weight;
  }
  return best;
}

}  // namespace millrace::load_balancer
