// SPDX-License-Identifier: BSD-3-Clause
// What the VPN gateway answers under /v1/vpn, and its metrics. Control thread.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/appliance/vnf.h"
#include "vnfs/vpn/alarms.h"
#include "vnfs/vpn/associations.h"

namespace millrace::vpn {

// tunnels: tunnel_report.h. associations: those that come in, then those that leave; policies: in the order
// of their priority; engine: which library seals and opens, with which instructions; drops and stages as
// every appliance has them.
[[nodiscard]] std::optional<boost::json::value> report(appliance::Workers workers,
                                                       const Associations& in_force, std::string_view engine,
                                                       Tick now, std::string_view what);
[[nodiscard]] std::span<const std::string_view> report_names() noexcept;

// Each alarm that is raised, with its tunnel, its text and for how long.
[[nodiscard]] boost::json::array alarm_report(const Alarms& alarms, Alarms::Time now);
[[nodiscard]] control::Metric alarm_metric(const Alarms& alarms);

[[nodiscard]] std::vector<control::Metric> vpn_metrics(const Associations& in_force);

}  // namespace millrace::vpn
