// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/explain_choice.h"

#include <algorithm>
#include <boost/json.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "vnfs/load_balancer/names.h"

namespace millrace::load_balancer {
namespace {

// Empty when it is one to choose.
std::string why_not(BackendId id, const Policy& policy, const PoolKeeper& pools) {
  const Backend& backend = policy.backends[id];
  const Service& service = policy.services[backend.service];
  switch (backend.state) {
    case Backend::State::kDown:
      return describe_down(pools.status({service.name, backend.address, backend.port}));
    case Backend::State::kDraining:
      return "draining: it keeps the connections it has";
    case Backend::State::kActive:
    case Backend::State::kAbsent:
      break;
  }
  const bool listed = std::ranges::find(service.choices, id, &Choice::backend) != service.choices.end();
  return listed ? "" : "its weight is 0";
}

}  // namespace

Chosen choose_without_taking(const Policy& policy, ServiceId id, const Client& client,
                             const Tallies& tallies) noexcept {
  const Service& service = policy.services[id];
  Chosen chosen;
  if (service.is_consistent()) {
    const std::uint64_t hash = hash_of(client, service, policy.hash_seed);
    chosen.backend = choose_by_hash(service, hash);
    chosen.slot = slot_of(hash, service.slots->size());
  } else if (service.scheduler == Scheduler::kLeastConnections) {
    chosen.backend = choose_least(service, tallies);
  } else {
    std::uint32_t turn = tallies.service(id).turn;
    if (!service.slots->empty()) chosen.slot = turn % service.slots->size();
    chosen.backend = choose_in_turn(service, turn);
  }
  if (chosen.backend != kNoId) chosen.open = tallies.backend(chosen.backend).open.read();
  return chosen;
}

std::string describe_choice(const Policy& policy, ServiceId id, const Chosen& chosen, unsigned worker) {
  const Service& service = policy.services[id];
  const std::size_t slots = service.slots->size();
  if (service.by_client)
    return fmt::format("it has slot {} of {} of the Maglev table, by the client's address", chosen.slot,
                       slots);
  switch (service.scheduler) {
    case Scheduler::kMaglev:
      return fmt::format("it has slot {} of {} of the Maglev table, by addresses and ports", chosen.slot,
                         slots);
    case Scheduler::kSourceHash:
      return fmt::format("it has slot {} of {}, by the client's address", chosen.slot, slots);
    case Scheduler::kWeightedRoundRobin:
      return fmt::format("it is its turn, number {} of {} at worker {}", chosen.slot + 1, slots, worker);
    case Scheduler::kLeastConnections:
      break;
  }
  std::uint64_t sum = 0;
  for (const Choice& choice : service.choices) sum += choice.weight;
  const auto own = std::ranges::find(service.choices, chosen.backend, &Choice::backend);
  const double share = own == service.choices.end() ? 0 : 100.0 * own->weight / static_cast<double>(sum);
  return fmt::format(
      "it has the fewest connections for its weight: {} open at worker {}, for {:.1f} % of the weight",
      chosen.open, worker, share);
}

std::string describe_down(const health::Status* status) {
  if (status == nullptr || status->state != health::State::kDown) return "down";
  const auto change = std::ranges::find(status->history.rbegin(), status->history.rend(),
                                        health::State::kDown, &health::Change::to);
  if (change == status->history.rend()) return "down: " + status->last.text;
  return fmt::format("down since {:%Y-%m-%dT%H:%M:%SZ}: {}",
                     std::chrono::time_point_cast<std::chrono::seconds>(change->at), change->reason);
}

boost::json::array describe_not_eligible(const Policy& policy, ServiceId id, const PoolKeeper& pools) {
  boost::json::array list;
  for (std::size_t i = 0; i < policy.backends.size(); ++i) {
    const Backend& backend = policy.backends[i];
    if (!backend.keeps() || backend.service != id) continue;
    std::string why = why_not(static_cast<BackendId>(i), policy, pools);
    if (!why.empty())
      list.push_back(boost::json::object{{"address", name_of(backend)}, {"why", std::move(why)}});
  }
  return list;
}

}  // namespace millrace::load_balancer
