// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/core/network.h"
#include "vnfs/load_balancer/profile.h"

namespace millrace::load_balancer {

// What the network needs for the services: their addresses are the balancer's, on every interface of their
// domain. Unless the appliance drains, and where the profile announces them, the twin has them too: a routing
// daemon sees them come and go.
void shape_network(const profile::Section& profile, bool draining, core::Network& network);

}  // namespace millrace::load_balancer
