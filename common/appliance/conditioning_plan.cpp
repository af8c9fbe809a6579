// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/conditioning_plan.h"

#include <algorithm>
#include <utility>

namespace millrace::appliance {
namespace {

constexpr std::uint64_t kBitsInByte = 8;

core::ColorAction action_of(const control::ColorAction& from) {
  return {.drop = from.drop, .mark = from.mark.value_or(core::ColorAction::kKeep)};
}

core::PolicerUse make_policer(const control::Policer& from, std::uint64_t clock,
                              std::shared_ptr<core::Policer> before) {
  const core::PolicerSpec spec{.committed_rate = *from.rate / kBitsInByte,
                               .committed_burst = from.committed_burst(),
                               .peak_rate = from.peak->value_or(0) / kBitsInByte,
                               .excess_burst = from.second_burst()};
  if (before == nullptr || before->spec() != spec) before = std::make_shared<core::Policer>(spec, clock);
  return {.name = *from.name,
          .meter = std::move(before),
          .actions = {action_of(from.conform), action_of(from.exceed), action_of(from.violate)},
          .color_aware = from.color_aware};
}

void ask_service(const control::Service& service, core::TrafficRule& rule) {
  rule.protocol = service.protocol;
  rule.by_ports = control::has_ports(service) && !service.ports.any();
  rule.first_port = service.ports.first;
  rule.last_port = service.ports.last;
  if (service.icmp_type) rule.icmp_type = *service.icmp_type;
  if (service.icmp_code) rule.icmp_code = *service.icmp_code;
}

void ask_source_ports(const control::PortRange& range, core::TrafficRule& rule) {
  rule.by_ports = true;
  rule.first_source = range.first;
  rule.last_source = range.last;
}

// Each rule once for each item of a list; as they are when the list is empty.
template <class T, class Ask>
std::vector<core::TrafficRule> times(const std::vector<core::TrafficRule>& rules, const std::vector<T>& list,
                                     Ask ask) {
  if (list.empty()) return rules;
  std::vector<core::TrafficRule> all;
  for (const core::TrafficRule& rule : rules) {
    for (const T& item : list) ask(item, all.emplace_back(rule));
  }
  return all;
}

std::vector<core::TrafficRule> expand(const control::TrafficRule& from, core::TrafficRule rule) {
  if (!from.dscp.empty()) {
    rule.dscps = 0;
    for (const std::uint8_t dscp : from.dscp) rule.dscps |= std::uint64_t{1} << dscp;
  }
  std::vector<core::TrafficRule> all{rule};
  all = times(all, from.service, [](const auto& one, core::TrafficRule& to) { ask_service(*one, to); });
  all = times(all, from.source_port, ask_source_ports);
  all = times(all, from.from,
              [](const net::Prefix& one, core::TrafficRule& to) { to.from = core::AddressMatch(one); });
  return times(all, from.to,
               [](const net::Prefix& one, core::TrafficRule& to) { to.to = core::AddressMatch(one); });
}

template <class Map>
typename Map::mapped_type find(const Map& map, const std::string& name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : found->second;
}

}  // namespace

std::shared_ptr<const core::Conditioning> make_conditioning(const control::Profile& profile,
                                                            const std::vector<std::string>& interfaces,
                                                            std::uint64_t clock, KeptConditioning& kept) {
  KeptConditioning now;
  auto conditioning = std::make_shared<core::Conditioning>();
  for (const control::Policer& policer : profile.qos.policers) {
    conditioning->policers.push_back(make_policer(policer, clock, find(kept.policers, *policer.name)));
    now.policers[*policer.name] = conditioning->policers.back().meter;
  }
  conditioning->at.resize(interfaces.size());
  unsigned number = 0;
  for (const control::TrafficRule& from : profile.qos.rules) {
    ++number;
    const std::string name = from.name.value_or("#" + std::to_string(number));
    auto counters = find(kept.rules, name);
    if (counters == nullptr) counters = std::make_shared<core::TrafficCounters>();
    now.rules[name] = counters;
    conditioning->rules.push_back({name, counters});

    core::TrafficRule rule{.mark = from.mark.value_or(core::ColorAction::kKeep), .counters = counters.get()};
    if (from.police.value) {
      const auto policer =
          std::ranges::find(conditioning->policers, *from.police.value, &core::PolicerUse::name);
      rule.policer = static_cast<std::uint32_t>(policer - conditioning->policers.begin());
    }
    const std::vector<core::TrafficRule> all = expand(from, rule);
    for (std::size_t i = 0; i < interfaces.size(); ++i) {
      const auto named = [&](const auto& given) { return *given == interfaces[i]; };
      if (!from.interface.empty() && std::ranges::none_of(from.interface, named)) continue;
      auto& at = conditioning->at[i];
      at.insert(at.end(), all.begin(), all.end());
    }
  }
  conditioning->settle();
  kept = std::move(now);
  if (conditioning->rules.empty()) return nullptr;
  return conditioning;
}

}  // namespace millrace::appliance
