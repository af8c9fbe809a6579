// SPDX-License-Identifier: BSD-3-Clause
// What the NAT gateway alone reports: /v1/nat/<what>, and its metrics.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/appliance/vnf.h"

namespace millrace::nat {

// lookup (lookup.h), pools, subscribers, drops, stages or policy; nothing for any other word. Control thread.
[[nodiscard]] std::optional<boost::json::value> report(appliance::Workers workers,
                                                       const core::Snapshot& snapshot, std::string_view what,
                                                       control::Members& query);
// Those words.
[[nodiscard]] std::span<const std::string_view> report_names() noexcept;

[[nodiscard]] std::vector<control::Metric> nat_metrics(appliance::Workers workers,
                                                       const core::Snapshot& snapshot);

}  // namespace millrace::nat
