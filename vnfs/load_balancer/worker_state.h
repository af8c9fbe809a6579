// SPDX-License-Identifier: BSD-3-Clause
// What one worker of the load balancer owns. Nothing here is shared, so nothing here is locked.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "common/core/function.h"
#include "common/core/ipv4_ids.h"
#include "common/core/outer_ids.h"
#include "common/flow/table_sweep.h"
#include "vnfs/load_balancer/connection_limits.h"
#include "vnfs/load_balancer/connection_table.h"
#include "vnfs/load_balancer/reset_silent.h"
#include "vnfs/load_balancer/syn_guard.h"
#include "vnfs/load_balancer/tallies.h"
#include "vnfs/load_balancer/tunnel_ways.h"
#include "vnfs/load_balancer/ways.h"

namespace millrace::load_balancer {

struct WorkerState {
  WorkerState(std::uint32_t connections_at_most, const core::WorkerServices& lent)
      : services(lent),
        // Workers do not take turns in step.
        tallies(static_cast<std::uint32_t>(lent.seed >> 32) + lent.worker.value() * 0x9e3779b9U),
        tunnel_ids(lent.worker.value(), lent.workers, static_cast<std::uint32_t>(lent.seed)),
        reset_silent(lent.originator),
        syn_guard(kMostServices, lent.workers, lent.seed),
        limits(kMostServices, std::min(connections_at_most, kMostClients), lent.workers, lent.seed),
        source_ports(lent.seed, {.worker = lent.worker.value(), .workers = lent.workers}),
        connections(connections_at_most, lent.seed, lent.now, source_ports),
        sweep(lent.now),
        ipv4_ids(lent.seed, lent.worker.value(), lent.workers) {
    connections.observe(tallies);
    connections.observe(limits);
    connections.observe(reset_silent);
  }
  WorkerState(const WorkerState&) = delete;  // its members know each other
  WorkerState& operator=(const WorkerState&) = delete;

  static constexpr std::uint32_t kMostClients = 65'536;  // whose connections are limited

  // Connections have been balanced by their hash alone, for want of room: so have their answers, for that
  // long.
  static constexpr Tick kOverflowLasts = 10 * 60'000;
  [[nodiscard]] bool overflowed(Tick now) const noexcept {
    return has_overflowed && !tick_after(now, overflowed_at + kOverflowLasts);
  }

  core::WorkerServices services;
  Tallies tallies;
  core::OuterIds tunnel_ids;
  Ways ways;
  TunnelWays tunnel_ways;
  ResetSilent reset_silent;
  SynGuard syn_guard;
  ConnectionLimits limits;
  SourcePorts source_ports;
  ConnectionTable connections;
  flow::TableSweep sweep;
  core::Ipv4Ids ipv4_ids;
  std::uint16_t swept_generation = 0;
  Tick sweep_until = 0;
  bool has_overflowed = false;
  Tick overflowed_at = 0;

  // From stage to stage, for the batch in hand. Lanes.
  std::array<flow::FlowLookup, core::Batch::kMaxSize> lookups;
  std::array<BackendId, core::Batch::kMaxSize> backends;  // of answers, and of those that are bound
  std::uint64_t unsettled = 0;  // no connection is known, or one that another policy allowed
  std::uint64_t answers = 0;    // from the endpoint of a `nat` service's backend
  std::uint64_t related = 0;    // ICMP errors
  std::uint64_t bound = 0;      // the backend is known
  std::uint64_t to_tunnel = 0;  // ICMP errors whose backend is behind a tunnel
  std::uint64_t sourced = 0;    // of a connection that has a source
  std::uint64_t proxied = 0;    // of known connections that a SYN cookie opened
};

}  // namespace millrace::load_balancer
