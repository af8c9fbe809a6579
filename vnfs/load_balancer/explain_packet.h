// SPDX-License-Identifier: BSD-3-Clause
// What would become of a packet that a person describes: the connection it belongs to, or the backend it
// would get, and why.
#pragma once

#include <boost/json/object.hpp>

#include "common/appliance/vnf.h"

namespace millrace::load_balancer {

// Control thread. Errors as those of control::Appliance::explain().
[[nodiscard]] Result<boost::json::object> explain_packet(appliance::Workers workers,
                                                         const core::Snapshot& snapshot,
                                                         const boost::json::object& description);

}  // namespace millrace::load_balancer
