// SPDX-License-Identifier: BSD-3-Clause
// The API's answers as text for people. Plain functions from JSON to lines; what is missing in an answer
// shows as "-".
#pragma once

#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/vnfctl/style.h"

namespace millrace::vnfctl {

// GET /v1/health
[[nodiscard]] std::string format_health(const boost::json::value& health, const Style& style);
// GET /v1/workers
[[nodiscard]] std::string format_workers(const boost::json::value& answer, const Style& style);
// GET and POST /v1/drain
[[nodiscard]] std::string format_drain(const boost::json::value& status, const Style& style);
// PUT /v1/profile, accepted
[[nodiscard]] std::string format_profile_outcome(const boost::json::value& outcome, const Style& style);

// The sessions of GET /v1/sessions
[[nodiscard]] std::string format_sessions(const boost::json::array& sessions, const Style& style);
// The same of a load balancer, whose sessions are a client's connections to a backend
[[nodiscard]] std::string format_connections(const boost::json::array& connections, const Style& style);
// GET /v1/services
[[nodiscard]] std::string format_services(const boost::json::array& services, const Style& style);
// GET /v1/firewall/rules
[[nodiscard]] std::string format_rules(const boost::json::array& rules, const Style& style);
// GET /v1/VNF/stages
[[nodiscard]] std::string format_stages(const boost::json::array& stages, const Style& style);
// Meters and rules of `qos`, as the command's JSON has them.
[[nodiscard]] std::string format_qos(const boost::json::object& report, const Style& style);
// GET /v1/firewall/anomalies
[[nodiscard]] std::string format_anomalies(const boost::json::value& report, const Style& style);

struct DropCount {
  std::string reason;
  double packets = 0;
  std::string sentence;  // empty when the appliance gives none
};
// The most frequent first; those without a packet are left out.
[[nodiscard]] std::string format_drops(std::vector<DropCount> drops, const Style& style);

// The packets of POST /v1/trace
[[nodiscard]] std::string format_trace(const boost::json::array& packets, const Style& style);
// POST /v1/explain: the verdict or the summary first, then whatever else is said.
[[nodiscard]] std::string format_explanation(const boost::json::value& explanation, const Style& style);

// green for what lets packets pass, red for what stops them
[[nodiscard]] Tone tone_of(std::string_view verdict) noexcept;

}  // namespace millrace::vnfctl
