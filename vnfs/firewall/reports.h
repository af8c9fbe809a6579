// SPDX-License-Identifier: BSD-3-Clause
// What the firewall alone reports: /v1/firewall/<what>, and its metrics.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/appliance/vnf.h"
#include "vnfs/firewall/rule.h"
#include "vnfs/firewall/rule_slots.h"
#include "vnfs/firewall/rule_totals.h"

namespace millrace::firewall {

struct ReportContext {
  appliance::Workers workers;
  const core::Snapshot& snapshot;
  const RuleSlots& slots;
  RuleTotals& totals;
};

// rules, drops, stages, zones, groups, policy, inspections or threat_lists; nothing for any other word.
// Control thread.
[[nodiscard]] std::optional<boost::json::value> report(const ReportContext& context, std::string_view what);
// Those words.
[[nodiscard]] std::span<const std::string_view> report_names() noexcept;

[[nodiscard]] std::vector<control::Metric> firewall_metrics(const ReportContext& context);

// "accept", "drop", "reject".
[[nodiscard]] std::string_view action_name(Action action) noexcept;

}  // namespace millrace::firewall
