// SPDX-License-Identifier: BSD-3-Clause
#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/text_table.h"
#include "common/control/vnfctl/units.h"

namespace millrace::vnfctl {
namespace {

// "tcp/22", "tcp", "below example.org", "-"
std::string what_of(const boost::json::value& anomaly) {
  if (find(anomaly, "below") != nullptr) return "below " + text_at(anomaly, "below");
  const std::string protocol = text_at(anomaly, "protocol");
  return find(anomaly, "port") == nullptr ? protocol : protocol + "/" + text_at(anomaly, "port");
}

Tone tone_of_severity(std::string_view severity) { return severity == "minor" ? Tone::kWarn : Tone::kBad; }

}  // namespace

std::string format_anomalies(const boost::json::value& report, const Style& style) {
  if (!flag_at(report, "watched")) return "nobody is watched: the profile has no anomalies\n";
  TextTable anomalies(
      {{"KIND"}, {"SEVERITY"}, {"WHO"}, {"WHAT"}, {"STRENGTH", kRight}, {"SINCE", kRight}, {"EVIDENCE"}});
  for (const auto& one : array_at(report, "anomalies")) {
    const std::string severity = text_at(one, "severity");
    anomalies.add({text_at(one, "kind"),
                   {severity, tone_of_severity(severity)},
                   text_at(one, "subject"),
                   what_of(one),
                   fmt::format("{:.1f}", number_at(one, "strength")),
                   human_duration(number_at(one, "since_s")),
                   text_at(one, "sentence")});
  }
  TextTable blocks({{"BLOCKED"}, {"DOMAIN"}, {"FOR"}, {"LEFT", kRight}});
  for (const auto& one : array_at(report, "blocks"))
    blocks.add({text_at(one, "source"), text_at(one, "domain"), text_at(one, "kind"),
                human_duration(number_at(one, "left_s"))});
  std::string text = anomalies.empty() ? "nothing is out of the usual\n" : anomalies.render(style);
  if (!blocks.empty()) text += "\n" + blocks.render(style);
  return text;
}

}  // namespace millrace::vnfctl
