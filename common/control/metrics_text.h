// SPDX-License-Identifier: BSD-3-Clause
// Metrics in the Prometheus text exposition format, version 0.0.4
// (https://github.com/prometheus/docs, content/docs/instrumenting/exposition_formats.md).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/control/appliance.h"

namespace millrace::control {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";
inline constexpr std::string_view kMetricsPrefix = "millrace_";

// The families that vnfctl reads; an appliance that counts these things calls them so (here without the
// prefix).
namespace metric {
inline constexpr std::string_view kReceivedPackets = "received_packets_total";
inline constexpr std::string_view kReceivedBytes = "received_bytes_total";
inline constexpr std::string_view kTransmittedPackets = "transmitted_packets_total";
inline constexpr std::string_view kDroppedPackets = "dropped_packets_total";  // label reason
inline constexpr std::string_view kPolicerPackets = "policer_packets_total";  // labels policer, color
inline constexpr std::string_view kPolicerBytes = "policer_bytes_total";
inline constexpr std::string_view kTrafficRulePackets = "traffic_rule_packets_total";  // label rule
inline constexpr std::string_view kTrafficRuleBytes = "traffic_rule_bytes_total";
inline constexpr std::string_view kSessions = "sessions";
inline constexpr std::string_view kSessionsCreated = "sessions_created_total";
}  // namespace metric

// Every sample gets the labels vnf and name before its own. Families that share a name are written as one, as
// the format asks. Bytes that may not stand in a metric's or label's name become underscores.
[[nodiscard]] std::string metrics_text(std::span<const Metric> metrics, std::string_view vnf,
                                       std::string_view name);

}  // namespace millrace::control
