// SPDX-License-Identifier: BSD-3-Clause
// "What would become of this packet, and why?"
#pragma once

#include <boost/json/object.hpp>

#include "common/appliance/vnf.h"
#include "vnfs/firewall/rule_slots.h"

namespace millrace::firewall {

// The packet is described as control/packet_description.h says. The answer:
//   packet    as understood, with what was taken for granted
//   ingress   {interface, zone, domain, found_by}: by the route to the source when the description names none
//   checks    [{check, passed, reason?, sentence?}]: those before the rules, as far as they were reached
//   route     {egress, zone, next_hop}
//   session   the one it belongs to, as in the listing of sessions, or null
//   by_application  when rules that fit otherwise ask for the application: [{application, rule, action}],
//   what
//             would become of it; undecided: true when it is let in until that is known
//   rules     [{name, action, matched, why_not?}] in their order up to the one that matches, at most 50 that
//   do not;
//             rules_skipped: how many of those are left out
//   limits    those in force for a session it would open
//   verdict   {action: accept, drop, reject or to_host; rule?, reason?, sentence?}
//   summary   the same in a sentence
// `now`: of the workers' clock. The error names the member that is wrong. Control thread; one short job on
// the worker that owns the flow.
[[nodiscard]] Result<boost::json::object> explain_packet(appliance::Workers workers,
                                                         const core::Snapshot& snapshot,
                                                         const RuleSlots& slots, Tick now,
                                                         const boost::json::object& description);

}  // namespace millrace::firewall
