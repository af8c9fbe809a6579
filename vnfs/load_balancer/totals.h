// SPDX-License-Identifier: BSD-3-Clause
// Sums of what the workers count.
#pragma once

#include "common/appliance/vnf.h"
#include "vnfs/load_balancer/connections_of.h"

namespace millrace::load_balancer {

struct BackendTotals {
  std::uint64_t connections = 0;
  std::uint64_t open = 0;
  std::array<std::uint64_t, 2> packets{};  // by Direction
  std::array<std::uint64_t, 2> bytes{};
  std::uint64_t failed = 0;           // handshakes
  std::uint64_t failed_in_a_row = 0;  // on the worker that has seen most
};

struct ServiceTotals {
  std::uint64_t connections = 0;
  std::uint64_t open = 0;
  std::uint64_t without_record = 0;
  std::uint64_t refused = 0;
  std::uint64_t over_client_connections = 0;
  std::uint64_t over_client_rate = 0;
  std::uint64_t over_connections = 0;
  std::uint64_t without_source = 0;
  std::uint64_t toa_left_out = 0;
};

[[nodiscard]] inline BackendTotals totals_of(BackendId id, appliance::Workers workers) {
  BackendTotals totals;
  for (core::Worker* worker : workers) {
    const BackendTally& tally = state_of(*worker).tallies.backend(id);
    totals.connections += tally.connections.read();
    totals.open += tally.open.read();
    totals.failed += tally.failed.read();
    totals.failed_in_a_row = std::max(totals.failed_in_a_row, tally.failed_in_a_row.read());
    for (std::size_t way = 0; way < 2; ++way) {
      totals.packets[way] += tally.packets[way].read();
      totals.bytes[way] += tally.bytes[way].read();
    }
  }
  return totals;
}

[[nodiscard]] inline ServiceTotals totals_of_service(ServiceId id, appliance::Workers workers) {
  ServiceTotals totals;
  for (core::Worker* worker : workers) {
    const ServiceTally& tally = state_of(*worker).tallies.service(id);
    totals.connections += tally.connections.read();
    totals.open += tally.open.read();
    totals.without_record += tally.without_record.read();
    totals.refused += tally.refused.read();
    totals.over_client_connections += tally.over_client_connections.read();
    totals.over_client_rate += tally.over_client_rate.read();
    totals.over_connections += tally.over_connections.read();
    totals.without_source += tally.without_source.read();
    totals.toa_left_out += tally.toa_left_out.read();
  }
  return totals;
}

}  // namespace millrace::load_balancer
