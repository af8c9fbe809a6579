// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/list_reports.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>

#include <fmt/format.h>

#include "common/control/flow_log/json_format.h"
#include "common/core/eal.h"
#include "vnfs/firewall/inspection/list_verdict.h"
#include "vnfs/firewall/inspection/threat_list_files.h"
#include "vnfs/firewall/session_slices.h"

namespace millrace::firewall {
namespace {

using boost::json::array;
using boost::json::object;
using control::EventClock;
using control::Metric;
using inspection::ThreatLists;
using std::chrono::floor;
using std::chrono::seconds;

const Policy& policy_in(const ReportContext& context) {
  return static_cast<const Policy&>(*context.snapshot.policy);
}

void add_age(object& list, std::string_view when, std::string_view ago, control::WallTime time,
             const EventClock& clock) {
  list[when] = control::rfc3339(time);
  list[ago] = std::max<std::int64_t>(floor<seconds>(clock.wall - time).count(), 0);
}

object describe(const ThreatLists& lists, std::size_t number, const Policy& policy, const RuleTotal& total,
                const EventClock& clock) {
  const ThreatLists::Member& member = lists.member(number);
  const inspection::ThreatList& held = *member.list;
  object list{{"name", member.name},
              {"type", name_of(held.kind())},
              {"action", name_of(action_of(lists, number))},
              {"severity", member.severity},
              {"entries", held.size()},
              {"memory_bytes", held.memory_bytes()},
              {"hits", total.hits},
              {"last_hit", nullptr},
              {"bad_lines", held.bad_lines}};
  if (total.last_hit != 0) add_age(list, "last_hit", "last_hit_ago_s", clock.at(total.last_hit), clock);
  if (number < policy.list_files.size()) {
    const Policy::ListFile& file = policy.list_files[number];
    list["file"] = file.path;
    add_age(list, "modified", "age_s",
            std::chrono::time_point_cast<control::WallTime::duration>(
                std::chrono::system_clock::from_time_t(file.modified)),
            clock);
    array warnings;
    for (const std::string& warning : inspection::warnings_of(held, file.path))
      warnings.emplace_back(warning);
    list["warnings"] = std::move(warnings);
  }
  return list;
}

}  // namespace

array threat_lists_report(const ReportContext& context) {
  const Policy& policy = policy_in(context);
  if (policy.threat_lists == nullptr) return {};
  const auto totals = context.totals.read(context.workers, context.slots);
  const EventClock clock = EventClock::now(core::tsc_per_second());
  array list;
  for (std::size_t i = 0; i < policy.threat_lists->size(); ++i) {
    const std::uint32_t slot = policy.list_slots[i];
    list.push_back(
        describe(*policy.threat_lists, i, policy, slot < totals.size() ? totals[slot] : RuleTotal{}, clock));
  }
  return list;
}

std::vector<Metric> threat_list_metrics(const ReportContext& context) {
  using Type = Metric::Type;
  const Policy& policy = policy_in(context);
  if (policy.threat_lists == nullptr) return {};
  Metric hits{
      "threat_list_hits_total", "Sessions and messages that a threat list named.", Type::kCounter, {}};
  Metric entries{"threat_list_entries", "Entries of a threat list.", Type::kGauge, {}};
  Metric bad{"threat_list_bad_lines", "Lines of its file that are not in force.", Type::kGauge, {}};
  Metric memory{"threat_list_memory_bytes", "Memory of a threat list.", Type::kGauge, {}};
  Metric modified{
      "threat_list_modified_timestamp_seconds", "When its file was last changed.", Type::kGauge, {}};
  const auto totals = context.totals.read(context.workers, context.slots);
  for (std::size_t i = 0; i < policy.threat_lists->size(); ++i) {
    const ThreatLists::Member& member = policy.threat_lists->member(i);
    const auto sample = [&](Metric& metric, auto value) {
      metric.samples.push_back({.labels = {{"list", member.name}}, .value = static_cast<double>(value)});
    };
    const std::uint32_t slot = policy.list_slots[i];
    sample(hits, slot < totals.size() ? totals[slot].hits : 0);
    sample(entries, member.list->size());
    sample(bad, member.list->bad_lines);
    sample(memory, member.list->memory_bytes());
    if (i < policy.list_files.size()) sample(modified, policy.list_files[i].modified);
  }
  double kept_back = 0;
  for (core::Worker* worker : context.workers)
    kept_back += static_cast<double>(state_of(*worker).list_events_kept_back.read());
  Metric untold{"threat_list_events_kept_back_total",
                "Hits of listed addresses that were counted and not told of: there were too many.",
                Type::kCounter,
                {{.labels = {}, .value = kept_back}}};
  return {std::move(hits),   std::move(entries),  std::move(bad),
          std::move(memory), std::move(modified), std::move(untold)};
}

array listed_report(const Policy& policy, const ListedEnds& listed) {
  array found;
  for (inspection::ListHits hits = listed.all(); !hits.empty(); hits = hits.rest()) {
    const std::size_t list = hits.first();
    found.push_back(object{{"name", policy.threat_lists->name(list)},
                           {"action", name_of(action_of(*policy.threat_lists, list))},
                           {"source", listed.source.has(list)},
                           {"destination", listed.destination.has(list)}});
  }
  return found;
}

std::string why_refused(const Policy& policy, const ListedEnds& listed) {
  inspection::ListHits hits = listed.all();
  while (action_of(*policy.threat_lists, hits.first()) != listed.action) hits = hits.rest();
  const std::size_t list = hits.first();
  return fmt::format("by threat list {}, which names its {}", policy.threat_lists->name(list),
                     listed.source.has(list) ? "source" : "destination");
}

}  // namespace millrace::firewall
