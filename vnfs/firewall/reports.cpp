// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/reports.h"

#include <array>
#include <boost/json.hpp>
#include <chrono>

#include "common/appliance/common_reports.h"
#include "common/control/flow_log/json_format.h"
#include "common/core/eal.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/flow_log_reader.h"
#include "vnfs/firewall/list_reports.h"
#include "vnfs/firewall/session_slices.h"

namespace millrace::firewall {
namespace {

using boost::json::array;
using boost::json::object;
using control::EventClock;
using control::Metric;

const Policy& policy_of(const ReportContext& context) {
  return static_cast<const Policy&>(*context.snapshot.policy);
}

object counted(std::string_view name, Action action, const RuleTotal& total, const EventClock& clock) {
  object rule{{"name", name},
              {"action", action_name(action)},
              {"hits", total.hits},
              {"packets", total.packets},
              {"bytes", total.bytes},
              {"open_sessions", total.open_sessions},
              {"never_hit", total.hits == 0},
              {"last_hit", nullptr}};
  if (total.last_hit != 0) {
    const control::WallTime last = clock.at(total.last_hit);
    rule["last_hit"] = control::rfc3339(last);
    rule["last_hit_ago_s"] = std::chrono::floor<std::chrono::seconds>(clock.wall - last).count();
  }
  return rule;
}

// The rules in their order, then the default.
array rules(const ReportContext& context) {
  const Policy& policy = policy_of(context);
  const auto totals = context.totals.read(context.workers, context.slots);
  const EventClock clock = EventClock::now(core::tsc_per_second());
  const auto total = [&](const RuleOutcome& outcome) {
    return outcome.slot < totals.size() ? totals[outcome.slot] : RuleTotal{};
  };
  array list;
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    object rule = counted(policy.rules[i].name, policy.rules[i].action, total(policy.outcomes[i]), clock);
    const Policy::Listing listing = i < policy.listings.size() ? policy.listings[i] : Policy::Listing{};
    rule["active"] = listing.active;
    if (!listing.schedule.empty()) rule["schedule"] = listing.schedule;
    if (listing.shadowed_by.valid()) rule["shadowed_by"] = policy.rules[listing.shadowed_by.value()].name;
    list.push_back(std::move(rule));
  }
  object otherwise = counted("default", policy.otherwise.action, total(policy.otherwise), clock);
  otherwise["active"] = true;
  otherwise["is_default"] = true;
  list.push_back(std::move(otherwise));
  return list;
}

array zones(const Policy& policy) {
  array list;
  for (std::size_t zone = 0; zone < policy.zone_names.size(); ++zone) {
    array interfaces;
    for (std::size_t i = 0; i < policy.zone_of.size() && i < policy.interface_names.size(); ++i) {
      if (policy.zone_of[i] == ZoneId(static_cast<std::uint16_t>(zone))) {
        interfaces.emplace_back(policy.interface_names[i]);
      }
    }
    list.push_back(object{{"name", policy.zone_names[zone]}, {"interfaces", std::move(interfaces)}});
  }
  return list;
}

array inspections(const Policy& policy) {
  array list;
  for (std::size_t number = 0; number < policy.inspections.size(); ++number) {
    const inspection::Inspection& one = *policy.inspections[number];
    const inspection::InspectionReport& report = *one.report;
    array rules;
    for (std::size_t i = 0; i < policy.rules.size(); ++i) {
      if (policy.outcomes[i].inspection == number + 1) rules.emplace_back(policy.rules[i].name);
    }
    array skipped;
    for (const auto& each : report.skipped)
      skipped.push_back(object{{"where", each.where}, {"sid", each.id}, {"reason", each.reason}});
    list.push_back(object{{"name", one.name},
                          {"rules", std::move(rules)},
                          {"signatures", report.signatures},
                          {"disabled", report.disabled},
                          {"skipped", report.skipped.size()},
                          {"patterns", report.patterns},
                          {"memory_bytes", report.memory_bytes},
                          {"inspect_bytes", one.streams.inspect_bytes},
                          {"skipped_signatures", std::move(skipped)}});
  }
  return list;
}

array groups(const Policy& policy) {
  array list;
  for (const AddressSet& set : policy.sets) {
    if (set.name.starts_with('(')) continue;  // made for a rule with exceptions
    list.push_back(object{{"name", set.name}, {"prefixes", set.prefixes.size()}});
  }
  return list;
}

object policy_report(const Policy& policy) {
  const CompileReport& cost = policy.matcher.report();
  std::size_t inactive = 0;
  std::size_t shadowed = 0;
  for (const Policy::Listing& listing : policy.listings) {
    inactive += listing.active ? 0 : 1;
    shadowed += listing.shadowed_by.valid() ? 1 : 0;
  }
  return {{"generation", policy.generation},
          {"draining", policy.draining},
          {"default", action_name(policy.otherwise.action)},
          {"rules", policy.rules.size()},
          {"inactive_rules", inactive},
          {"shadowed_rules", shadowed},
          {"entries", cost.entries},
          {"rows", cost.rows},
          {"source_classes", cost.source_classes},
          {"destination_classes", cost.destination_classes},
          {"memory_bytes", cost.memory_bytes},
          {"compile_ms", cost.milliseconds}};
}

std::vector<Metric> inspection_metrics(appliance::Workers workers) {
  double sessions = 0;
  double matches = 0;
  double unseen = 0;
  double memory = 0;
  double refused = 0;
  double lost = 0;
  double behind = 0;
  double not_copied = 0;
  for (core::Worker* worker : workers) {
    inspection::Inspector& inspector = state_of(*worker).inspector;
    not_copied += static_cast<double>(inspector.copies().lost());
    behind += state_of(*worker).load.behind() ? 1 : 0;
    sessions += static_cast<double>(inspector.conversations_in_use());
    matches += static_cast<double>(inspector.matches());
    unseen += static_cast<double>(inspector.unseen());
    memory += static_cast<double>(inspector.pool().bytes_in_use());
    refused += static_cast<double>(inspector.pool().refusals());
    lost += static_cast<double>(inspector.events().lost());
  }
  using Type = Metric::Type;
  const auto single = [](std::string name, std::string help, Type type, double value) {
    return Metric{std::move(name), std::move(help), type, {{.labels = {}, .value = value}}};
  };
  return {single("inspected_sessions", "Sessions that are looked into now.", Type::kGauge, sessions),
          single("inspection_matches_total", "Signatures that matched.", Type::kCounter, matches),
          single("inspection_unseen_total", "Sessions that went on unseen, at least in part.", Type::kCounter,
                 unseen),
          single("workers_behind", "Workers that find more packets waiting than they keep up with.",
                 Type::kGauge, behind),
          single("inspection_memory_bytes", "Memory that holds bytes of streams.", Type::kGauge, memory),
          single("inspection_memory_refused_total", "Times there was no memory for bytes of a stream.",
                 Type::kCounter, refused),
          single("inspection_events_lost_total", "Events for which there was no room.", Type::kCounter, lost),
          single("inspection_packets_lost_total",
                 "Packets of sessions with a match that were to be kept, and for which there was no room.",
                 Type::kCounter, not_copied)};
}

std::vector<Metric> application_metrics(appliance::Workers workers) {
  std::array<double, ApplicationCounts::kPlaces> sessions{};
  double undecided = 0;
  double without_room = 0;
  double without_memory = 0;
  double memory = 0;
  for (core::Worker* worker : workers) {
    const ApplicationFinder& finder = state_of(*worker).applications;
    const auto counts = finder.counts().all();
    for (std::size_t i = 0; i < counts.size(); ++i) sessions[i] += static_cast<double>(counts[i].read());
    undecided += static_cast<double>(finder.undecided());
    without_room += static_cast<double>(finder.without_room());
    without_memory += static_cast<double>(finder.without_memory());
    memory += static_cast<double>(finder.memory_bytes());
  }
  if (memory == 0) return {};  // no rule asks
  using Type = Metric::Type;
  const auto single = [](std::string name, std::string help, Type type, double value) {
    return Metric{std::move(name), std::move(help), type, {{.labels = {}, .value = value}}};
  };
  Metric by_name{"sessions_by_application_total",
                 "Sessions whose application was settled; other is what could not be named.",
                 Type::kCounter,
                 {}};
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const bool other = i == ApplicationCounts::kOther;
    if (sessions[i] == 0 && !other) continue;
    by_name.samples.push_back(
        {.labels = {{"application", other ? std::string("other")
                                          : std::string(dpi::application_name(
                                                dpi::ApplicationId{static_cast<std::uint16_t>(i)}))}},
         .value = sessions[i]});
  }
  std::vector<Metric> metrics;
  metrics.push_back(std::move(by_name));
  metrics.push_back(single("application_undecided_sessions",
                           "Sessions that have begun to speak and whose application is not known yet.",
                           Type::kGauge, undecided));
  metrics.push_back(single("application_overloaded_total",
                           "Packets of sessions for which there was no room to find the application out.",
                           Type::kCounter, without_room));
  metrics.push_back(single("application_memory_refused_total",
                           "Times there was no memory for what a session said.", Type::kCounter,
                           without_memory));
  metrics.push_back(
      single("application_memory_bytes", "Memory for finding applications out.", Type::kGauge, memory));
  return metrics;
}

}  // namespace

std::string_view action_name(Action action) noexcept {
  switch (action) {
    case Action::kAccept:
      return "accept";
    case Action::kDrop:
      return "drop";
    case Action::kReject:
      return "reject";
  }
  return "drop";
}

std::optional<boost::json::value> report(const ReportContext& context, std::string_view what) {
  if (what == "rules") return rules(context);
  if (what == "drops") return appliance::drops_report(context.workers, drop_reasons());
  if (what == "stages") return appliance::stages_report(context.workers, FirewallFunction::kStageNames);
  if (what == "zones") return zones(policy_of(context));
  if (what == "groups") return groups(policy_of(context));
  if (what == "policy") return policy_report(policy_of(context));
  if (what == "threat_lists") return threat_lists_report(context);
  if (what == "inspections") return inspections(policy_of(context));
  return std::nullopt;
}

std::span<const std::string_view> report_names() noexcept {
  static constexpr std::array<std::string_view, 10> kNames{
      "rules",  "drops",       "stages",       "zones",  "groups",
      "policy", "inspections", "threat_lists", "alerts", "anomalies"};
  return kNames;
}

std::vector<Metric> firewall_metrics(const ReportContext& context) {
  using Type = Metric::Type;
  const Policy& policy = policy_of(context);
  double open = 0;
  double expendable = 0;
  double capacity = 0;
  double opened = 0;
  double evicted = 0;
  double memory = 0;
  for (core::Worker* worker : context.workers) {
    const WorkerState& state = state_of(*worker);
    open += static_cast<double>(state.sessions.open_now());
    expendable += static_cast<double>(state.sessions.expendable());
    capacity += static_cast<double>(state.sessions.flows().capacity());
    opened += static_cast<double>(state.sessions.opened());
    evicted += static_cast<double>(state.sessions.evicted());
    memory += static_cast<double>(state.sessions.memory_bytes() + state.flow_log.memory_bytes() +
                                  state.limits.sources().memory_bytes() +
                                  state.rule_counters.size() * sizeof(RuleCounters));
  }
  const auto single = [](std::string name, std::string help, Type type, double value) {
    return Metric{std::move(name), std::move(help), type, {{.labels = {}, .value = value}}};
  };
  std::vector<Metric> metrics;
  metrics.push_back(single("sessions", "Sessions open now.", Type::kGauge, open));
  metrics.push_back(single("sessions_half_open",
                           "Of them, those half-open or finished, which give way first.", Type::kGauge,
                           expendable));
  metrics.push_back(single("sessions_capacity", "Sessions there is room for.", Type::kGauge, capacity));
  metrics.push_back(single("sessions_created_total", "Sessions ever opened.", Type::kCounter, opened));
  metrics.push_back(single("sessions_evicted_total",
                           "Half-open or finished sessions that gave way to new ones.", Type::kCounter,
                           evicted));
  metrics.push_back(single("session_memory_bytes", "Memory of the workers' tables.", Type::kGauge, memory));
  for (control::Metric& metric : inspection_metrics(context.workers)) metrics.push_back(std::move(metric));
  for (control::Metric& metric : threat_list_metrics(context)) metrics.push_back(std::move(metric));
  for (control::Metric& metric : application_metrics(context.workers)) metrics.push_back(std::move(metric));
  metrics.push_back(single("rules", "Rules of the running policy.", Type::kGauge,
                           static_cast<double>(policy.rules.size())));
  metrics.push_back(single("policy_memory_bytes", "Memory of the compiled rules.", Type::kGauge,
                           static_cast<double>(policy.matcher.report().memory_bytes)));

  Metric hits{"rule_hits_total", "Sessions a rule opened and packets it refused.", Type::kCounter, {}};
  Metric packets{
      "rule_packets_total", "Packets of a rule's sessions, and those it refused.", Type::kCounter, {}};
  Metric bytes{"rule_bytes_total", "Bytes of those packets.", Type::kCounter, {}};
  Metric sessions{"rule_sessions", "Open sessions of a rule.", Type::kGauge, {}};
  Metric last_hit{"rule_last_hit_timestamp_seconds",
                  "When a rule last opened a session or refused a packet; 0 when it never did.",
                  Type::kGauge,
                  {}};
  const EventClock clock = EventClock::now(core::tsc_per_second());
  const auto totals = context.totals.read(context.workers, context.slots);
  const auto add = [&](const std::string& name, std::uint32_t slot) {
    const RuleTotal total = slot < totals.size() ? totals[slot] : RuleTotal{};
    const auto sample = [&](Metric& metric, auto value) {
      metric.samples.push_back({.labels = {{"rule", name}}, .value = static_cast<double>(value)});
    };
    sample(hits, total.hits);
    sample(packets, total.packets);
    sample(bytes, total.bytes);
    sample(sessions, total.open_sessions);
    using Seconds = std::chrono::seconds;
    sample(last_hit, total.last_hit == 0
                         ? 0
                         : std::chrono::floor<Seconds>(clock.at(total.last_hit)).time_since_epoch().count());
  };
  bool default_is_taken = false;
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    add(policy.rules[i].name, policy.outcomes[i].slot);
    default_is_taken = default_is_taken || policy.rules[i].name == "default";
  }
  // A time series may not appear twice.
  add(default_is_taken ? "(default)" : "default", policy.otherwise.slot);
  for (Metric* metric : {&hits, &packets, &bytes, &sessions, &last_hit})
    metrics.push_back(std::move(*metric));
  return metrics;
}

}  // namespace millrace::firewall
