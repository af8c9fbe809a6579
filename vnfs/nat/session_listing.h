// SPDX-License-Identifier: BSD-3-Clause
// Sessions of all workers: counting, listing page by page, flushing.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "common/appliance/vnf.h"

namespace millrace::nat {

// All on the control thread. An address of `match` may be a session's inside or its outside one; interface,
// VLAN and rule are not kept, and the error's `where` names that parameter.
[[nodiscard]] std::uint64_t count_sessions(appliance::Workers workers);

// In the order of workers and places in their tables. A cursor that is none is an error whose `where` is
// "cursor".
[[nodiscard]] Result<control::SessionPage> list_sessions(appliance::Workers workers,
                                                         const core::Snapshot& snapshot,
                                                         const control::PacketMatch& match,
                                                         std::string_view cursor, unsigned most);

// Calls `between` now and then, before the workers have noted more ends than their logs hold.
[[nodiscard]] Result<std::uint64_t> flush_sessions(appliance::Workers workers, const core::Snapshot& snapshot,
                                                   const control::PacketMatch& match,
                                                   const std::function<void()>& between);

}  // namespace millrace::nat
