// SPDX-License-Identifier: BSD-3-Clause
// Connections of all workers: counting, listing page by page, flushing.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/appliance/vnf.h"

namespace millrace::load_balancer {

// All on the control thread. An address of `match` may be the client's, the service's or the backend's;
// interface, VLAN and rule are not kept, and the error's `where` names that parameter.
[[nodiscard]] std::uint64_t count_connections(appliance::Workers workers);

// In the order of workers and places in their tables. A cursor that is none is an error whose `where` is
// "cursor".
[[nodiscard]] Result<control::SessionPage> list_connections(appliance::Workers workers,
                                                            const core::Snapshot& snapshot,
                                                            const control::PacketMatch& match,
                                                            std::string_view cursor, unsigned most);

[[nodiscard]] Result<std::uint64_t> flush_connections(appliance::Workers workers,
                                                      const core::Snapshot& snapshot,
                                                      const control::PacketMatch& match);

}  // namespace millrace::load_balancer
