// SPDX-License-Identifier: BSD-3-Clause
// What people and orchestrators ask the load balancer: services, backends and their health, and its metrics.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/appliance/vnf.h"
#include "common/control/members.h"
#include "vnfs/load_balancer/policy.h"
#include "vnfs/load_balancer/pool_keeper.h"

namespace millrace::load_balancer {

// All on the control thread.
[[nodiscard]] std::vector<control::Metric> balancer_metrics(appliance::Workers workers, const Policy& policy,
                                                            const PoolKeeper& pools);

// GET /v1/load_balancer/WHAT: "services", each with its backends; `name` picks one. Nothing when unknown.
[[nodiscard]] std::optional<boost::json::value> report(appliance::Workers workers, const Policy& policy,
                                                       const PoolKeeper& pools, std::string_view what,
                                                       control::Members& query);
[[nodiscard]] std::span<const std::string_view> report_names() noexcept;

}  // namespace millrace::load_balancer
