// SPDX-License-Identifier: BSD-3-Clause
// "What would become of this packet, and why?"
#pragma once

#include <boost/json/object.hpp>

#include "common/appliance/vnf.h"
#include "vnfs/vpn/associations.h"

namespace millrace::vpn {

// The packet is described as control/packet_description.h says. The answer:
//   packet       as understood, with what was taken for granted
//   ingress      {interface, domain, found_by}
//   route        {egress, next_hop}
//   checks       [{check, passed, reason?, sentence?}]: those of the core
//   policy       {local, remote, action, priority, tunnel?, out?} that means it on its way out; null: none
//   does came_by      the same of one that says it should have come by a tunnel; null: none does association
//   by which it would leave; null: none verdict      {action: protect, pass, drop or to_host; reason?,
//   sentence?} summary      the same in a sentence
// Nothing is changed by it. The error names the member that is wrong. Control thread.
[[nodiscard]] Result<boost::json::object> explain_packet(const core::Snapshot& snapshot,
                                                         const Associations& in_force,
                                                         const boost::json::object& description);

}  // namespace millrace::vpn
