// SPDX-License-Identifier: BSD-3-Clause
// "What would become of this packet, and why?"
#pragma once

#include <boost/json/object.hpp>

#include "common/appliance/vnf.h"

namespace millrace::nat {

// The packet is described as control/packet_description.h says. The answer:
//   packet     as understood, with what was taken for granted
//   ingress    {interface, side: inside, outside or other, domain, found_by}
//   route      {egress, side, next_hop: function where it is to an address of ours}
//   checks     [{check, passed, reason?, sentence?}]: those of the core
//   rules      [{number, matched, why_not?}] up to the one that decides, at most 50 that do not
//   binding    {by: session, mapping, static, rule; inside, outside, pool?} that it belongs to or would open
//   becomes    {source, destination}: as it would leave; a port that would be drawn is left out
//   verdict    {action: translate, pass, drop, to_host or answer; reason?, sentence?}
//   summary    the same in a sentence
// Nothing is changed by it. The error names the member that is wrong. Control thread; one short job on the
// worker that has the inside address.
[[nodiscard]] Result<boost::json::object> explain_packet(appliance::Workers workers,
                                                         const core::Snapshot& snapshot,
                                                         const boost::json::object& description);

}  // namespace millrace::nat
