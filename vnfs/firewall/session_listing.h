// SPDX-License-Identifier: BSD-3-Clause
// Sessions of all workers: counting, listing page by page, flushing.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/appliance/vnf.h"
#include "vnfs/firewall/rule_slots.h"

namespace millrace::firewall {

// All on the control thread.
[[nodiscard]] std::uint64_t count_sessions(appliance::Workers workers);

// In the order of workers and places in their tables. The cursor is "WORKER.PLACE" of the first session not
// looked at; it is wrong, and the error's `where` is "cursor", when it is anything else or names a worker
// that is not there.
[[nodiscard]] Result<control::SessionPage> list_sessions(appliance::Workers workers,
                                                         const core::Snapshot& snapshot,
                                                         const RuleSlots& slots,
                                                         const control::PacketMatch& match,
                                                         std::string_view cursor, unsigned most);

[[nodiscard]] Result<std::uint64_t> flush_sessions(appliance::Workers workers, const core::Snapshot& snapshot,
                                                   const RuleSlots& slots, const control::PacketMatch& match);

}  // namespace millrace::firewall
