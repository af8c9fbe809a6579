// SPDX-License-Identifier: BSD-3-Clause
// Why a new connection would get a backend, and why others would not.
#pragma once

#include <boost/json/array.hpp>
#include <string>

#include "vnfs/load_balancer/pool_keeper.h"
#include "vnfs/load_balancer/schedule.h"

namespace millrace::load_balancer {

struct Chosen {
  BackendId backend = kNoId;
  std::size_t slot = 0;    // of the service's, where it has any
  std::uint64_t open = 0;  // connections of the backend at this worker
};

// What ChooseBackend would choose now. On the worker's thread.
[[nodiscard]] Chosen choose_without_taking(const Policy& policy, ServiceId id, const Client& client,
                                           const Tallies& tallies) noexcept;

// The rest on the control thread.
[[nodiscard]] std::string describe_choice(const Policy& policy, ServiceId id, const Chosen& chosen,
                                          unsigned worker);

// "down since 2026-11-27T00:25:14Z: connection refused"; as much of it as is known. `status`: of its checks,
// or null.
[[nodiscard]] std::string describe_down(const health::Status* status);

// [{"address", "why"}, ...] of the service's backends that get no new connection.
[[nodiscard]] boost::json::array describe_not_eligible(const Policy& policy, ServiceId id,
                                                       const PoolKeeper& pools);

}  // namespace millrace::load_balancer
