// SPDX-License-Identifier: BSD-3-Clause
// The threat lists in force: what they hold and what they found, for the API and as metrics. Control thread.
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "vnfs/firewall/check_listed.h"
#include "vnfs/firewall/reports.h"

namespace millrace::firewall {

[[nodiscard]] boost::json::array threat_lists_report(const ReportContext& context);
[[nodiscard]] std::vector<control::Metric> threat_list_metrics(const ReportContext& context);

// Which lists name an end of a session, and which end.
[[nodiscard]] boost::json::array listed_report(const Policy& policy, const ListedEnds& listed);
// Why it is refused: "by threat list drop, which names its destination". A list must refuse it.
[[nodiscard]] std::string why_refused(const Policy& policy, const ListedEnds& listed);

}  // namespace millrace::firewall
