// SPDX-License-Identifier: BSD-3-Clause
// What `vnfctl watch` shows: two looks at the counters, the rates between them, and those as text.
#pragma once

#include <boost/json/fwd.hpp>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/control/vnfctl/style.h"

namespace millrace::vnfctl {

// Counters at one moment.
struct Look {
  double seconds = 0;  // of a steady clock
  double packets = 0;
  double bytes = 0;
  double sessions = 0;  // open now
  double sessions_created = 0;
  std::map<std::string, double> drops;     // packets by reason
  std::map<std::string, double> rules;     // packets by rule
  std::map<std::string, double> backends;  // packets by "SERVICE BACKEND", both ways
  std::vector<double> busy;                // of each worker, 0 to 1
};

// `rules` is the listing of GET /v1/firewall/rules, empty for an appliance without; `health` that of
// /v1/health.
[[nodiscard]] Look look_at(double seconds, std::string_view metrics, const boost::json::value& health,
                           const boost::json::array& rules);

struct Rates {
  using Ranking = std::vector<std::pair<std::string, double>>;  // name and packets per second, highest first

  double packets = 0;  // per second, as are all
  double bits = 0;
  double drops = 0;
  double sessions = 0;  // open now
  double new_sessions = 0;
  Ranking drop_reasons;
  Ranking rules;
  Ranking backends;
  std::vector<double> busy;
};

// A counter that went back was restarted with the appliance: it counts from zero. Names without a packet
// between the two looks are left out.
[[nodiscard]] Rates rates_between(const Look& before, const Look& after);

[[nodiscard]] std::string format_rates(const Rates& rates, std::string_view title, const Style& style);
[[nodiscard]] boost::json::object to_json(const Rates& rates);

// "[#####     ]"
[[nodiscard]] std::string bar(double ratio, std::size_t width);

}  // namespace millrace::vnfctl
