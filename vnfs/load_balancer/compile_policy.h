// SPDX-License-Identifier: BSD-3-Clause
// From the services there are to the policy the workers have.
#pragma once

#include <memory>
#include <span>

#include "vnfs/load_balancer/policy.h"
#include "vnfs/load_balancer/roster.h"
#include "vnfs/load_balancer/service_spec.h"

namespace millrace::load_balancer {

struct PolicyContext {
  Roster& roster;
  SourceBook* sources = nullptr;   // source addresses are looked up, or made, here; null: no full_nat
  const Policy* before = nullptr;  // tables of services that did not change are taken from it
  std::uint64_t generation = 0;
  bool draining = false;
  std::uint32_t table_size = 65'537;  // a prime
  std::uint64_t hash_seed = 0;
};

// Fails when answers of two `nat` backends could not be told apart, or when there are too many of something.
// Any thread but a worker's, one at a time.
[[nodiscard]] Result<std::shared_ptr<const Policy>> compile_policy(std::span<const ServiceSpec> services,
                                                                   const PolicyContext& context);

}  // namespace millrace::load_balancer
