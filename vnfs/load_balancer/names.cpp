// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/names.h"

#include <array>

#include "common/control/endpoint_text.h"

namespace millrace::load_balancer {

std::string_view name_of(Backend::State state) noexcept {
  switch (state) {
    case Backend::State::kActive:
      return "active";
    case Backend::State::kDown:
      return "down";
    case Backend::State::kDraining:
      return "draining";
    case Backend::State::kAbsent:
      break;
  }
  return "absent";
}

std::string_view name_of(Scheduler scheduler) noexcept {
  switch (scheduler) {
    case Scheduler::kMaglev:
      return "maglev";
    case Scheduler::kWeightedRoundRobin:
      return "weighted_round_robin";
    case Scheduler::kLeastConnections:
      return "least_connections";
    case Scheduler::kSourceHash:
      break;
  }
  return "source_hash";
}

std::string_view name_of(Forwarding forwarding) noexcept {
  constexpr std::array<std::string_view, 6> kNames{"nat", "full_nat", "direct", "ipip", "gue", "gre"};
  return kNames.at(static_cast<std::size_t>(forwarding));
}

std::string name_of(const Backend& backend) {
  return backend.port == 0 ? backend.address.to_string()
                           : control::endpoint_text(backend.address, backend.port);
}

}  // namespace millrace::load_balancer
