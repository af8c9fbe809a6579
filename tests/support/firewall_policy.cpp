// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/firewall_policy.h"

#include <charconv>
#include <stdexcept>

namespace millrace::testing {
namespace {

using firewall::Rule;

net::Prefix prefix_of(std::string_view text) {
  const auto prefix = net::Prefix::parse(text);
  if (!prefix) throw std::invalid_argument(std::string(text));
  return *prefix;
}

unsigned number_of(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument(std::string(text));
  return value;
}

}  // namespace

std::uint32_t PolicyMaker::slot(const std::string& rule_name) {
  return slots_.try_emplace(rule_name, static_cast<std::uint32_t>(slots_.size() + 1)).first->second;
}

std::shared_ptr<const firewall::Policy> PolicyMaker::make(const PolicySpec& spec, std::size_t interfaces) {
  auto policy = std::make_shared<firewall::Policy>();
  auto matcher = firewall::RuleMatcher::compile(spec.rules, spec.sets);
  if (!matcher) throw std::invalid_argument(matcher.error().message());
  policy->generation = ++generation_;
  policy->matcher = std::move(*matcher);
  for (const Rule& rule : spec.rules) {
    policy->outcomes.push_back({.action = rule.action,
                                .log = rule.log,
                                .slot = slot(rule.name),
                                .limits = rule.limits,
                                .inspection = 0,
                                .asks_application = !rule.applications.empty()});
    policy->asks_applications = policy->asks_applications || !rule.applications.empty();
  }
  policy->otherwise.action = spec.otherwise;
  for (std::size_t i = 0; i < interfaces; ++i) {
    const std::uint16_t zone = i < spec.zone_of.size() ? spec.zone_of[i] : std::uint16_t{0};
    policy->zone_of.push_back(firewall::ZoneId(zone));
  }
  policy->timeouts = spec.timeouts;
  policy->tcp = spec.tcp;
  policy->protection = spec.protection;
  policy->draining = spec.draining;
  policy->rules = spec.rules;
  policy->sets = spec.sets;
  return policy;
}

firewall::Service service(std::string_view text) {
  static const std::map<std::string_view, std::uint8_t> kProtocols = {
      {"tcp", std::uint8_t{6}},  {"udp", std::uint8_t{17}},    {"sctp", std::uint8_t{132}},
      {"icmp", std::uint8_t{1}}, {"icmpv6", std::uint8_t{58}}, {"gre", std::uint8_t{47}},
      {"esp", std::uint8_t{50}}};
  firewall::Service out;
  const auto slash = text.find('/');
  out.protocol = kProtocols.at(text.substr(0, slash));
  if (slash == std::string_view::npos) return out;
  std::string_view rest = text.substr(slash + 1);
  if (*out.protocol == 1 || *out.protocol == 58) {
    const auto second = rest.find('/');
    out.icmp_type = static_cast<std::uint8_t>(number_of(rest.substr(0, second)));
    if (second != std::string_view::npos)
      out.icmp_code = static_cast<std::uint8_t>(number_of(rest.substr(second + 1)));
    return out;
  }
  const auto dash = rest.find('-');
  out.destination.first = static_cast<std::uint16_t>(number_of(rest.substr(0, dash)));
  out.destination.last = dash == std::string_view::npos
                             ? out.destination.first
                             : static_cast<std::uint16_t>(number_of(rest.substr(dash + 1)));
  return out;
}

RuleBuilder::RuleBuilder(std::string name, firewall::Action action) {
  rule_.name = std::move(name);
  rule_.action = action;
}
RuleBuilder& RuleBuilder::from(std::uint16_t zone) {
  rule_.from.emplace_back(zone);
  return *this;
}
RuleBuilder& RuleBuilder::to(std::uint16_t zone) {
  rule_.to.emplace_back(zone);
  return *this;
}
RuleBuilder& RuleBuilder::interface(std::uint16_t id) {
  rule_.interfaces.push_back(id);
  return *this;
}
RuleBuilder& RuleBuilder::source(std::string_view prefix) {
  rule_.source.any = false;
  rule_.source.prefixes.push_back(prefix_of(prefix));
  return *this;
}
RuleBuilder& RuleBuilder::destination(std::string_view prefix) {
  rule_.destination.any = false;
  rule_.destination.prefixes.push_back(prefix_of(prefix));
  return *this;
}
RuleBuilder& RuleBuilder::not_source(std::string_view prefix) {
  rule_.source.negated = true;
  return source(prefix);
}
RuleBuilder& RuleBuilder::source_set(std::uint32_t id, bool negated) {
  rule_.source.any = false;
  rule_.source.negated = negated;
  rule_.source.sets.emplace_back(id);
  return *this;
}
RuleBuilder& RuleBuilder::service(std::string_view text) {
  rule_.services.push_back(testing::service(text));
  return *this;
}
RuleBuilder& RuleBuilder::source_ports(std::uint16_t first, std::uint16_t last) {
  rule_.services.back().source = {first, last};
  return *this;
}
RuleBuilder& RuleBuilder::dscp(std::uint8_t value) {
  rule_.dscp.push_back(value);
  return *this;
}
RuleBuilder& RuleBuilder::tcp_flags(std::uint8_t value, std::uint8_t mask) {
  rule_.tcp_flags = firewall::TcpFlagsMatch{value, mask};
  return *this;
}
RuleBuilder& RuleBuilder::application(std::string_view name) {
  const auto found =
      name == "other" ? std::optional(firewall::kOtherApplication) : dpi::application_named(name);
  if (!found) throw std::invalid_argument(std::string(name));
  rule_.applications.push_back(*found);
  return *this;
}
RuleBuilder& RuleBuilder::log() {
  rule_.log = true;
  return *this;
}

}  // namespace millrace::testing
