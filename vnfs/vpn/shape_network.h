// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/core/network.h"

namespace millrace::vpn {

// What the VPN gateway wants of the network: what comes to its own addresses, for there may be ESP among it,
// and what has no route, for a tunnel may know one.
void shape_network(core::Network& network);

}  // namespace millrace::vpn
