// SPDX-License-Identifier: BSD-3-Clause
// Gives connections of full_nat services an address and a port to come from. One per worker.
#pragma once

#include "common/core/port_runs.h"
#include "vnfs/load_balancer/policy.h"
#include "vnfs/load_balancer/records.h"

namespace millrace::load_balancer {

class SourcePorts {
 public:
  SourcePorts(std::uint64_t seed, core::WorkerShare share) noexcept;

  // For a connection to this backend, whose owners' bucket is `bucket`. False when no port is free; of a pool
  // of many addresses, of none of some that were tried.
  [[nodiscard]] bool take(const Service& service, const Backend& backend, be16 backend_port,
                          core::PortSpace space, unsigned bucket, Connection& connection) noexcept;
  // The port's answers are the connection's, which is in the table under this number.
  static void bind(const Connection& connection, ConnectionIndex index) noexcept;
  // The connection is over, or was not to be.
  void give_back(const Connection& connection) noexcept;

 private:
  // Beyond so many addresses a packet is not kept waiting: of a pool that has ports left, one among them has.
  static constexpr unsigned kAddressTries = 8;

  core::PortRuns runs_;
};

}  // namespace millrace::load_balancer
