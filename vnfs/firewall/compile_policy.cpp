// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/compile_policy.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_map>

#include <fmt/format.h>

#include "vnfs/firewall/compile_addresses.h"
#include "vnfs/firewall/compile_threat_lists.h"
#include "vnfs/firewall/schedule.h"
#include "vnfs/firewall/shadowed_rules.h"

namespace millrace::firewall {
namespace {

using control::tick_of;

// From here on an operator is told what the rules cost.
constexpr std::size_t kManyEntries = 10'000;
constexpr std::size_t kMuchMemory = std::size_t{64} << 20;
constexpr double kLongMilliseconds = 1000;

std::uint32_t clamp(std::uint64_t value) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

// At least 1, as 0 would be no limit.
std::uint32_t per_second(const control::Rate& rate) {
  return clamp(std::max<std::uint64_t>((rate.count + rate.seconds - 1) / rate.seconds, 1));
}

// In the least seconds, which allow the largest burst; past what can be counted, by the second.
Pace pace_of(const control::Rate& rate) {
  const std::uint64_t common = std::gcd(rate.count, std::uint64_t{rate.seconds});
  const std::uint64_t events = rate.count / common;
  if (events != clamp(events)) return {per_second(rate)};
  return {static_cast<std::uint32_t>(events), static_cast<std::uint32_t>(rate.seconds / common)};
}

Action lower(profile::Action action) {
  switch (action) {
    case profile::Action::kAccept:
      return Action::kAccept;
    case profile::Action::kReject:
      return Action::kReject;
    case profile::Action::kDrop:
      break;
  }
  return Action::kDrop;
}

ReversePath lower(profile::ReversePath mode) {
  switch (mode) {
    case profile::ReversePath::kStrict:
      return ReversePath::kStrict;
    case profile::ReversePath::kLoose:
      return ReversePath::kLoose;
    case profile::ReversePath::kOff:
      break;
  }
  return ReversePath::kOff;
}

RuleLimits limits_of(const profile::Rule& rule) {
  RuleLimits limits;
  if (rule.limit) {
    limits.new_sessions = pace_of(rule.limit->rate);
    limits.new_sessions_burst = clamp(rule.limit->burst.value_or(0));
  }
  limits.sessions = clamp(rule.max_sessions.value_or(0));
  limits.sessions_per_source = clamp(rule.max_sessions_per_source.value_or(0));
  if (rule.new_sessions_per_source) limits.new_sessions_per_source = pace_of(*rule.new_sessions_per_source);
  return limits;
}

Protection lower(const profile::Protect& protect, unsigned workers) {
  Protection lowered;
  if (protect.syn_cookies) {
    const std::uint32_t all = per_second(protect.syn_cookies->above);
    lowered.syn_cookies_above = all / workers + (all % workers != 0 ? 1 : 0);
  }
  if (protect.new_sessions_per_source)
    lowered.new_sessions_per_source = pace_of(*protect.new_sessions_per_source);
  lowered.sessions_per_source = clamp(protect.sessions_per_source.value_or(0));
  lowered.reverse_path = lower(*protect.reverse_path);
  return lowered;
}

Timeouts lower(const profile::Timeouts& timeouts) {
  return {.tcp_established = tick_of(timeouts.tcp_established),
          .tcp_transitory = tick_of(timeouts.tcp_transitory),
          .tcp_embryonic = tick_of(timeouts.tcp_embryonic),
          .udp = tick_of(timeouts.udp),
          .udp_unreplied = tick_of(timeouts.udp_unreplied),
          .icmp = tick_of(timeouts.icmp),
          .sctp_established = tick_of(timeouts.sctp_established),
          .sctp_transitory = tick_of(timeouts.sctp_transitory),
          .other = tick_of(timeouts.other)};
}

std::vector<Service> services_of(const profile::Rule& rule) {
  std::vector<profile::PortRange> sources = rule.source_port;
  if (sources.empty()) sources.emplace_back();
  std::vector<Service> services;
  for (const auto& service : rule.service) {
    for (const profile::PortRange& source : sources) {
      services.push_back({.protocol = service->protocol,
                          .source = {source.first, source.last},
                          .destination = {service->ports.first, service->ports.last},
                          .icmp_type = service->icmp_type,
                          .icmp_code = service->icmp_code});
    }
  }
  return services;
}

class Compiler {
 public:
  Compiler(const profile::Section& profile, const PolicyContext& context)
      : profile_(profile), context_(context), addresses_(profile) {}

  Result<PolicyAndNotes> run() {
    policy_->generation =
        static_cast<std::uint16_t>((context_.generation - 1) % 65535 + 1);  // 0 is no policy's
    policy_->draining = context_.draining;
    policy_->watched = profile_.anomalies.has_value();
    if (policy_->watched) policy_->blocked_sources = context_.blocked_sources;
    policy_->log_all_sessions = context_.log_all_sessions;
    policy_->active_timeout = context_.active_timeout;
    policy_->asks_applications = profile_.asks_applications();
    policy_->drop_when_no_room = profile_.application_limits.when_overloaded == profile::WhenNoRoom::kDrop;
    policy_->timeouts = lower(profile_.timeouts);
    policy_->tcp = {.midstream_pickup = profile_.tcp.midstream_pickup,
                    .liberal_window = profile_.tcp.liberal_window};
    policy_->protection = lower(profile_.protect, std::max(context_.workers, 1U));
    policy_->otherwise.action = lower(profile_.default_action);
    policy_->otherwise.slot = RuleSlots::kDefault;
    if (auto zones = add_zones(); !zones) return tl::unexpected(std::move(zones.error()));
    for (const profile::Rule& rule : profile_.rules) add_rule(rule);
    policy_->sets = addresses_.take_sets();
    if (auto slots = add_outcomes(); !slots) return tl::unexpected(std::move(slots.error()));

    const std::vector<Rule> in_force = only([](const Policy::Listing& listing) { return listing.active; });
    auto matcher = RuleMatcher::compile(in_force, policy_->sets);
    if (!matcher) {
      matcher.error().where = context_.file;
      return tl::unexpected(std::move(matcher.error()));
    }
    policy_->matcher = std::move(*matcher);
    report_shadowed();
    report_cost();
    add_threat_lists(profile_, *policy_, notes_);
    return PolicyAndNotes{std::move(policy_), std::move(notes_)};
  }

 private:
  [[nodiscard]] std::string place(control::Position at) const {
    return at.known() ? fmt::format("{}:{}:{}", context_.file, at.line, at.column) : context_.file;
  }

  Result<void> add_zones() {
    const auto& interfaces = context_.network.interfaces;
    for (std::size_t id = 0; id < interfaces.size(); ++id) {
      policy_->interface_names.push_back(interfaces[id].name);
      interface_ids_.emplace(interfaces[id].name, static_cast<std::uint16_t>(id));
    }
    policy_->zone_of.assign(interfaces.size(), ZoneId::none());
    for (const profile::Zone& zone : profile_.zones) {
      const ZoneId id(static_cast<std::uint16_t>(policy_->zone_names.size()));
      policy_->zone_names.push_back(*zone.name);
      zone_ids_.emplace(*zone.name, id);
      for (const auto& interface : zone.interfaces) {
        const auto found = interface_ids_.find(*interface);
        if (found == interface_ids_.end()) return unknown_interface("zone", *zone.name, interface);
        policy_->zone_of[found->second] = id;
      }
    }
    for (const profile::Rule& rule : profile_.rules) {
      for (const auto& interface : rule.interface) {
        if (!interface_ids_.contains(*interface)) return unknown_interface("rule", *rule.name, interface);
      }
    }
    return {};
  }

  tl::unexpected<Error> unknown_interface(std::string_view what, std::string_view name,
                                          const control::Located<std::string>& interface) const {
    return failure(fmt::format("compile {} {}", what, name),
                   fmt::format("interface {} does not run", *interface), place(interface.at));
  }

  void add_rule(const profile::Rule& rule) {
    Rule lowered{.name = *rule.name};
    for (const auto& zone : rule.from) lowered.from.push_back(zone_ids_.at(*zone));
    for (const auto& zone : rule.to) lowered.to.push_back(zone_ids_.at(*zone));
    for (const auto& interface : rule.interface) lowered.interfaces.push_back(interface_ids_.at(*interface));
    lowered.source = addresses_.lower(rule.source);
    lowered.destination = addresses_.lower(rule.destination);
    lowered.services = services_of(rule);
    lowered.dscp = rule.dscp;
    if (const auto& flags = rule.tcp_flags.value) {
      lowered.tcp_flags = TcpFlagsMatch{.value = flags->set, .mask = flags->mask};
    }
    for (const auto& application : rule.application) {
      lowered.applications.push_back(*application == profile::kOtherName
                                         ? kOtherApplication
                                         : dpi::application_named(*application).value());
    }
    lowered.action = lower(rule.action);
    lowered.log = rule.log;
    lowered.limits = limits_of(rule);
    policy_->rules.push_back(std::move(lowered));

    Policy::Listing listing;
    if (rule.schedule.value) {
      listing.schedule = *rule.schedule.value;
      listing.active = is_active(*profile_.schedule(listing.schedule), context_.now);
    }
    policy_->listings.push_back(std::move(listing));
    note_burst(rule);
  }

  void note_burst(const profile::Rule& rule) {
    if (!rule.limit || !rule.limit->burst) return;
    const std::uint32_t most = RateBucket::most_burst(pace_of(rule.limit->rate));
    if (*rule.limit->burst <= most) return;
    notes_.push_back(fmt::format("rule {}: at the rate {} the burst can be at most {}, and is", *rule.name,
                                 control::print_rate(rule.limit->rate), most));
  }

  Result<void> add_outcomes() {
    std::vector<std::string> names;
    for (const Rule& rule : policy_->rules) names.push_back(rule.name);
    for (const profile::ThreatList& list : profile_.threat_lists) names.push_back(list_slot_name(*list.name));
    auto assigned = context_.slots.assign(names);
    if (!assigned) {
      assigned.error().where = context_.file;
      return tl::unexpected(std::move(assigned.error()));
    }
    policy_->counters_lease = std::move(assigned->lease);
    policy_->inspections = context_.inspections;
    policy_->list_slots.assign(assigned->slots.begin() + static_cast<std::ptrdiff_t>(policy_->rules.size()),
                               assigned->slots.end());
    for (std::size_t i = 0; i < policy_->rules.size(); ++i) {
      const Rule& rule = policy_->rules[i];
      policy_->outcomes.push_back({.action = rule.action,
                                   .log = rule.log,
                                   .slot = assigned->slots[i],
                                   .limits = rule.limits,
                                   .inspection = inspection_of(profile_.rules[i]),
                                   .asks_application = !rule.applications.empty()});
    }
    return {};
  }

  // One more than its number.
  [[nodiscard]] std::uint16_t inspection_of(const profile::Rule& rule) const {
    if (!rule.inspect.value) return 0;
    const auto found = std::ranges::find(profile_.inspections, *rule.inspect.value,
                                         [](const profile::Inspection& one) { return one.name.value; });
    const auto number = static_cast<std::size_t>(found - profile_.inspections.begin());
    return number < context_.inspections.size() ? static_cast<std::uint16_t>(number + 1) : std::uint16_t{0};
  }

  // The rules in their places, those that are not wanted changed so that they match nothing.
  template <class Wanted>
  [[nodiscard]] std::vector<Rule> only(Wanted wanted) const {
    std::vector<Rule> rules = policy_->rules;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (!wanted(policy_->listings[i])) rules[i].source = AddressMatch{.any = false};
    }
    return rules;
  }

  // Only what holds at all times is reported: a rule with a schedule hides nothing for good.
  void report_shadowed() {
    const auto always = [](const Policy::Listing& listing) { return listing.schedule.empty(); };
    for (const ShadowedRule& one : find_shadowed(only(always), policy_->sets)) shadow(one);
    if (std::ranges::all_of(policy_->listings, always)) return;
    for (const ShadowedRule& one : find_shadowed(policy_->rules, policy_->sets)) {
      if (!always(policy_->listings[one.rule.value()]) && always(policy_->listings[one.covered_by.value()]))
        shadow(one);
    }
  }

  void shadow(const ShadowedRule& one) {
    policy_->listings[one.rule.value()].shadowed_by = one.covered_by;
    notes_.push_back(fmt::format("rule {} never matches: rule {} before it covers it",
                                 policy_->rules[one.rule.value()].name,
                                 policy_->rules[one.covered_by.value()].name));
  }

  void report_cost() {
    const CompileReport& report = policy_->matcher.report();
    if (report.entries < kManyEntries && report.memory_bytes < kMuchMemory &&
        report.milliseconds < kLongMilliseconds) {
      return;
    }
    notes_.push_back(fmt::format("{} rules became {} entries: {:.1f} MiB, compiled in {:.0f} ms",
                                 report.rules, report.entries,
                                 static_cast<double>(report.memory_bytes) / (1 << 20), report.milliseconds));
  }

  const profile::Section& profile_;
  const PolicyContext& context_;
  AddressCompiler addresses_;
  std::unordered_map<std::string, std::uint16_t> interface_ids_;
  std::unordered_map<std::string, ZoneId> zone_ids_;
  std::shared_ptr<Policy> policy_ = std::make_shared<Policy>();
  std::vector<std::string> notes_;
};

}  // namespace

Result<PolicyAndNotes> compile_policy(const profile::Section& profile, const PolicyContext& context) {
  return Compiler(profile, context).run();
}

}  // namespace millrace::firewall
