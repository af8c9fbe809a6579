// SPDX-License-Identifier: BSD-3-Clause
// What would become of a packet that a person describes: the connection it belongs to, or the backend it
// would get, and why.
#pragma once

#include <boost/json/object.hpp>

#include "common/appliance/vnf.h"
#include "vnfs/load_balancer/pool_keeper.h"

namespace millrace::load_balancer {

// Changes nothing: nobody's turn is taken. `pools` knows why backends are down. Control thread. Errors as
// those of control::Appliance::explain().
[[nodiscard]] Result<boost::json::object> explain_packet(appliance::Workers workers,
                                                         const core::Snapshot& snapshot,
                                                         const PoolKeeper& pools,
                                                         const boost::json::object& description);

}  // namespace millrace::load_balancer
