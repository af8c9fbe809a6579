// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/core/network.h"
#include "vnfs/load_balancer/profile.h"
#include "vnfs/load_balancer/source_address.h"

namespace millrace::load_balancer {

// What the network needs for the services: their addresses are the balancer's, on every interface of their
// domain. Unless the appliance drains, and where the profile announces them, the twin has them too: a routing
// daemon sees them come and go. So are the source addresses, but for the twin; of `sources` those that some
// connection still has, though the profile does not name them any more.
void shape_network(const profile::Section& profile, bool draining, const SourceBook& sources,
                   core::Network& network);

}  // namespace millrace::load_balancer
