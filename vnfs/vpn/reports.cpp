// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/reports.h"

#include <array>
#include <boost/json.hpp>

#include "common/appliance/common_reports.h"
#include "vnfs/vpn/association_json.h"
#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/function.h"

namespace millrace::vpn {

using boost::json::array;
using boost::json::object;
using control::Metric;

std::optional<boost::json::value> report(appliance::Workers workers, const Associations& in_force,
                                         std::string_view engine, Tick now, std::string_view what) {
  const Associations::Content& content = in_force.content();
  array list;
  if (what == "associations") {
    for (const auto& one : *content.inbound) list.push_back(to_json(*one, now));
    for (const auto& one : *content.outbound) list.push_back(to_json(*one, now));
    return list;
  }
  if (what == "policies") {
    for (const PolicySpec& policy : content.policies->policies()) list.push_back(to_json(policy));
    return list;
  }
  if (what == "engine") return object{{"description", engine}};
  if (what == "drops") return appliance::drops_report(workers, drop_reasons());
  if (what == "stages") return appliance::stages_report(workers, VpnFunction::kStageNames);
  return std::nullopt;
}

std::span<const std::string_view> report_names() noexcept {
  static constexpr std::array<std::string_view, 7> kNames{"tunnels", "alarms", "associations", "policies",
                                                          "engine",  "drops",  "stages"};
  return kNames;
}

array alarm_report(const Alarms& alarms, Alarms::Time now) {
  array list;
  for (const auto& [key, alarm] : alarms.raised()) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - alarm.since);
    list.push_back({{"alarm", name_of(key.second)},
                    {"tunnel", key.first},
                    {"since_s", age.count()},
                    {"text", alarm.text}});
  }
  return list;
}

Metric alarm_metric(const Alarms& alarms) {
  Metric metric{"vpn_alarms", "Alarms that are raised.", Metric::Type::kGauge, {}};
  for (const auto& [key, alarm] : alarms.raised())
    metric.samples.push_back(
        {.labels = {{"alarm", std::string(name_of(key.second))}, {"tunnel", key.first}}, .value = 1});
  return metric;
}

std::vector<Metric> vpn_metrics(const Associations& in_force) {
  const Associations::Content& content = in_force.content();
  // Those of associations that ended are gone, so these are gauges.
  const auto both = [](double in, double out) {
    return std::vector<Metric::Sample>{{.labels = {{"direction", "in"}}, .value = in},
                                       {.labels = {{"direction", "out"}}, .value = out}};
  };
  const auto sum = [](const auto& associations, Counter Use::*counter) {
    double all = 0;
    for (const auto& one : associations) all += static_cast<double>((one->state->use.*counter).read());
    return all;
  };
  return {Metric{"vpn_associations", "Security associations in force.", Metric::Type::kGauge,
                 both(static_cast<double>(content.inbound->size()),
                      static_cast<double>(content.outbound->size()))},
          Metric{"vpn_association_packets", "Packets by the associations in force.", Metric::Type::kGauge,
                 both(sum(*content.inbound, &Use::packets), sum(*content.outbound, &Use::packets))},
          Metric{"vpn_association_bytes", "Bytes of IP datagrams inside, by the associations in force.",
                 Metric::Type::kGauge,
                 both(sum(*content.inbound, &Use::bytes), sum(*content.outbound, &Use::bytes))},
          Metric{"vpn_policies",
                 "Policies in force.",
                 Metric::Type::kGauge,
                 {{.labels = {}, .value = static_cast<double>(content.policies->policies().size())}}}};
}

}  // namespace millrace::vpn
