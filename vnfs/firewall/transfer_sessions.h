// SPDX-License-Identifier: BSD-3-Clause
// Sessions on their way out of a table and into another: to a stream, from a stream, from worker to worker.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/appliance/vnf.h"
#include "vnfs/firewall/rule_slots.h"

namespace millrace::firewall {

// All on the control thread. The workers must live until the last, empty piece was taken; sessions that begin
// meanwhile may be left out.
[[nodiscard]] std::function<Result<std::string>()> export_sessions(appliance::Workers workers,
                                                                   const core::Snapshot& snapshot,
                                                                   const RuleSlots& slots);

// Takes the sessions of a stream over, or none when anything is wrong with the stream. Every one is judged by
// the running rules at its next packet, as after a change of policy. Rules and records count from here on
// what passes here: what came with it was counted where it passed. Refused are those whose idle time is
// over, whose domain is unknown here, whose flow has a session here, and those there is no room for.
[[nodiscard]] Result<control::Appliance::Imported> import_sessions(appliance::Workers workers,
                                                                   const core::Snapshot& snapshot,
                                                                   const RuleSlots& slots,
                                                                   std::string_view stream);

// Every session of `before` into the table of its owner among `after`, which are other workers and have none
// yet; what rules and tables have counted goes along. No worker runs. Sessions for which there is no room end
// in `before`, as evicted; their number is returned. `before` is to be thrown away when its notes of flows
// have been read.
std::uint64_t move_sessions(appliance::Workers before, appliance::Workers after,
                            const core::Snapshot& snapshot);

}  // namespace millrace::firewall
