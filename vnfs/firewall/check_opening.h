// SPDX-License-Identifier: BSD-3-Clause
// What is asked of a described packet before the rules are.
#pragma once

#include "common/appliance/packet_path.h"
#include "vnfs/firewall/policy.h"

namespace millrace::firewall {

// The checks of a packet that belongs to no session.
void check_opening(const core::Packet& packet, const core::Network& network, const Policy& policy, Tick now,
                   appliance::PacketPath& path);

}  // namespace millrace::firewall
