// SPDX-License-Identifier: BSD-3-Clause
// A connection for people.
#pragma once

#include <boost/json/object.hpp>

#include "common/core/network.h"
#include "vnfs/load_balancer/policy.h"

namespace millrace::load_balancer {

// `now` and `worker` are those of the table it stands in. Control thread.
[[nodiscard]] boost::json::object to_json(const Connection& connection, Tick now, unsigned worker,
                                          const Policy& policy, const core::Network& network);

}  // namespace millrace::load_balancer
