// SPDX-License-Identifier: BSD-3-Clause
// Anomalies of behaviour as JSON: for the API, and as lines of the event log.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/flow_log/flow_record.h"
#include "vnfs/firewall/inspection/anomaly.h"
#include "vnfs/firewall/inspection/anomaly_detector.h"

namespace millrace::firewall::inspection {

enum class AnomalyChange : std::uint8_t { kRaised, kWorse, kOver };
// "raised", "worse", "over".
[[nodiscard]] std::string_view name(AnomalyChange change) noexcept;

// What ticks and numbers of domains mean.
struct AnomalyContext {
  Tick now;  // of the workers' clock
  control::WallTime wall;
  const std::vector<std::string>& domains;
};

// "203.0.113.7", "2001:db8::/64".
[[nodiscard]] std::string subject_text(const net::Prefix& subject);

// kind, severity, strength, subject, domain, vlan, outer_vlan, port, protocol, below (the domain of names
// that were asked for), since, since_s, last_s (ago), evidence {name: number}, examples, sentence.
[[nodiscard]] boost::json::object to_json(const Anomaly& anomaly, const AnomalyContext& context);
// source, domain, vlan, outer_vlan, kind, left_s.
[[nodiscard]] boost::json::object to_json(const Blocked& blocked, std::uint8_t ipv6_source_bits,
                                          const AnomalyContext& context);

// A line of the event log without its newline, as Suricata's EVE has them: timestamp, event_type "anomaly",
// src_ip (of floods dest_ip), dest_port, proto, anomaly {type "behaviour", event}; and under "millrace"
// appliance, change, and what to_json() gives.
[[nodiscard]] std::string to_eve_line(const Anomaly& anomaly, AnomalyChange change,
                                      const AnomalyContext& context, std::string_view appliance);

}  // namespace millrace::firewall::inspection
