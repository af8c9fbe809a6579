// SPDX-License-Identifier: BSD-3-Clause
// When rules with a time of day are in force.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>

#include "vnfs/firewall/profile.h"

namespace millrace::firewall {

[[nodiscard]] bool is_active(const profile::Schedule& schedule, std::time_t when);

// Seconds from `when`, at least 1, until is_active() of a schedule that some rule uses becomes another;
// nothing when that never happens.
[[nodiscard]] std::optional<std::uint64_t> seconds_to_next_change(const profile::Section& profile,
                                                                  std::time_t when);

}  // namespace millrace::firewall
