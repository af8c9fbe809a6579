// SPDX-License-Identifier: BSD-3-Clause
// Connections on their way out of a table and into another: to a stream, from a stream, from worker to
// worker.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/appliance/vnf.h"

namespace millrace::load_balancer {

// All on the control thread. The workers must live until the last, empty piece was taken; connections that
// begin meanwhile may be left out, and those of full_nat and those that a SYN cookie opened are.
[[nodiscard]] std::function<Result<std::string>()> export_connections(appliance::Workers workers,
                                                                      const core::Snapshot& snapshot);

// Takes the connections of a stream over, or none when anything is wrong with the stream. Refused are those
// whose idle time is over, whose service or backend is unknown here or by full_nat, that are known here, and
// those there is no room for.
[[nodiscard]] Result<control::Appliance::Imported> import_connections(appliance::Workers workers,
                                                                      const core::Snapshot& snapshot,
                                                                      std::string_view stream);

// Every connection of `before` into the table of its owner among `after`, which are other workers and have
// none yet; what was counted goes along. No worker runs. Those for which there is no room are balanced by
// their hash alone from then on; their number is returned.
std::uint64_t move_connections(appliance::Workers before, appliance::Workers after,
                               const core::Snapshot& snapshot);

}  // namespace millrace::load_balancer
