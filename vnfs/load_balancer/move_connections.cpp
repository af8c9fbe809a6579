// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/owner.h"
#include "vnfs/load_balancer/connection_ends.h"
#include "vnfs/load_balancer/connections_of.h"
#include "vnfs/load_balancer/transfer_connections.h"

namespace millrace::load_balancer {

std::uint64_t move_connections(appliance::Workers before, appliance::Workers after,
                               const core::Snapshot& snapshot) {
  const Policy& policy = policy_of(snapshot);
  std::uint64_t lost = 0;
  for (std::size_t w = 0; w < before.size(); ++w) {
    WorkerState& from = state_of(*before[w]);
    // Sums are what counts: who has which part of them does not matter.
    WorkerState& heir = state_of(*after[w % after.size()]);
    heir.tallies.take_over(from.tallies);
    if (from.has_overflowed) {
      for (core::Worker* worker : after) {
        state_of(*worker).has_overflowed = true;
        state_of(*worker).overflowed_at = from.overflowed_at;
      }
    }
    for (core::Worker* worker : after) state_of(*worker).syn_guard.take_over(from.syn_guard);
    const ConnectionTable& table = from.connections;
    for (ConnectionIndex i = 0; i < table.flows().reach(); ++i) {
      if (!table.flows().in_use(i)) continue;
      const Connection& connection = table[i];
      const Service* service = policy.service(connection.service);
      if (service == nullptr) {
        heir.source_ports.give_back(connection);
        continue;
      }
      const ConnectionEnds ends = ends_of(connection);
      WorkerState& to =
          state_of(*after[core::owner_of(bucket_of(ends), static_cast<unsigned>(after.size()))]);
      const flow::FlowLookup lookup = lookup_of(ends, to.connections.flows().seed());
      const ConnectionIndex moved =
          to.connections.adopt(lookup, connection, service->timeouts, to.services.now);
      if (moved != kNoConnection) {
        to.limits.adopted(to.connections[moved], ends.client, *service);
        continue;
      }
      to.source_ports.give_back(connection);
      to.has_overflowed = true;
      to.overflowed_at = to.services.now;
      ++lost;
    }
  }
  return lost;
}

}  // namespace millrace::load_balancer
