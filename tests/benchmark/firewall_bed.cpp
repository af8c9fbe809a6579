// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/firewall_bed.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace millrace::benchmark {
namespace {

std::shared_ptr<firewall::Policy> make_policy(const std::vector<firewall::Rule>& rules,
                                              std::uint16_t generation,
                                              const std::function<void(firewall::Policy&)>& adjust) {
  auto matcher = firewall::RuleMatcher::compile(rules, {});
  if (!matcher) throw std::runtime_error(matcher.error().message());
  auto policy = std::make_shared<firewall::Policy>();
  policy->generation = generation;
  policy->matcher = std::move(*matcher);
  policy->zone_of = {firewall::ZoneId(0), firewall::ZoneId(1)};
  for (const auto& rule : rules) {
    firewall::RuleOutcome outcome;
    outcome.action = rule.action;
    outcome.slot = static_cast<std::uint32_t>(policy->outcomes.size() + 1);
    outcome.asks_application = !rule.applications.empty();
    policy->asks_applications = policy->asks_applications || outcome.asks_application;
    policy->outcomes.push_back(outcome);
  }
  if (adjust) adjust(*policy);
  return policy;
}

}  // namespace

std::vector<firewall::Rule> make_rules(unsigned count, bool ipv6) {
  std::mt19937 random(42);
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  std::vector<firewall::Rule> rules;
  for (unsigned i = 0; i + 1 < count; ++i) {
    firewall::Rule rule{.name = "rule" + std::to_string(i), .action = firewall::Action::kAccept};
    rule.source.any = rule.destination.any = false;
    const unsigned client = below(1U << 23);
    const unsigned server = below(1U << 15);
    if (ipv6) {
      const auto prefix = [](const char* side, unsigned number, unsigned length) {
        char text[64];
        std::snprintf(text, sizeof text, "2001:db8:%s:%x:%x::/%u", side, number >> 8, number << 8 & 0xffff,
                      length);
        return net::Prefix::parse(text);
      };
      if (const auto p = prefix("a", client, 72))
        rule.source.prefixes.push_back(net::Prefix::of(p->address, 50 + below(18)));
      if (const auto p = prefix("b", server, 72))
        rule.destination.prefixes.push_back(net::Prefix::of(p->address, 57 + below(16)));
    } else {
      rule.source.prefixes.push_back(
          net::Prefix::of(net::IpAddress(net::Ipv4Address{be32(0x0a000000U + client)}), 12 + below(16)));
      rule.destination.prefixes.push_back(
          net::Prefix::of(net::IpAddress(net::Ipv4Address{be32(0xc0a80000U + server)}), 18 + below(15)));
    }
    firewall::Service service{.protocol = below(3) == 0 ? net::protocol::kUdp : net::protocol::kTcp};
    service.destination.first = static_cast<std::uint16_t>(below(6000));
    service.destination.last = static_cast<std::uint16_t>(service.destination.first + below(3000));
    rule.services.push_back(service);
    rules.push_back(std::move(rule));
  }
  rules.push_back({.name = "rest", .action = firewall::Action::kAccept});
  return rules;
}

FirewallBed::FirewallBed(const BedConfig& config) : FirewallBed(config, std::make_unique<Parts>()) {}

FirewallBed::FirewallBed(const BedConfig& config, std::unique_ptr<Parts> parts)
    : PipelineBed(
          config.workers,
          [&] {
            parts->network = two_sides().build();
            parts->rules = config.first_rules;
            parts->adjust = config.adjust;
            parts->handshakes = config.handshakes;
            for (auto& rule : make_rules(config.rules, config.traffic.ipv6))
              parts->rules.push_back(std::move(rule));
            return core::Snapshot{parts->network,
                                  make_policy(parts->rules, parts->generation, parts->adjust)};
          }(),
          [&](const core::WorkerServices& services) -> std::unique_ptr<core::Function> {
            auto function = std::make_unique<firewall::FirewallFunction>(
                firewall::Limits{.sessions = config.traffic.flows / config.workers + config.spare_sessions,
                                 .inspection = config.inspection,
                                 .applications = config.applications,
                                 .watch = config.watch},
                services);
            parts->functions.push_back(function.get());
            if (config.wrap) return config.wrap(std::move(function));
            return function;
          },
          firewall::FirewallFunction::kStageNames),
      parts_(std::move(parts)) {
  for (unsigned w = 0; w < config.workers; ++w)
    parts_->traffic.emplace_back(config.traffic, w, config.workers);
}

core::Snapshot FirewallBed::renewed_snapshot() {
  return {parts_->network, make_policy(parts_->rules, ++parts_->generation, parts_->adjust)};
}

void FirewallBed::fill_window(unsigned worker, Size size) {
  if (parts_->handshakes) {
    constexpr std::array kSteps = {Step::kSyn, Step::kSynAck, Step::kAck};
    constexpr auto kStepCount = static_cast<unsigned>(kSteps.size());
    const Step step = kSteps[parts_->windows % kStepCount];
    const unsigned first = parts_->windows++ / kStepCount * kWindow;
    const Traffic& traffic = parts_->traffic[worker];
    return fill(worker, kWindow, [&](rte_mbuf* mbuf, unsigned i) {
      traffic.write(mbuf, traffic.flow(first + i), step, 60);
      return from_client(step) ? 0U : 1U;
    });
  }
  fill(worker, kWindow, [&](rte_mbuf* mbuf, unsigned i) {
    const bool client = (i & 1U) == 0;
    parts_->traffic[worker].write_any(mbuf, client, size);
    return client ? 0U : 1U;
  });
}

Cost FirewallBed::send(unsigned worker, Step step, unsigned first, unsigned count) {
  const Traffic& traffic = parts_->traffic[worker];
  return PipelineBed::send(
      worker, count,
      [&](rte_mbuf* mbuf, unsigned i) {
        traffic.write(mbuf, traffic.flow(first + i), step, 60);
        return from_client(step) ? 0U : 1U;
      },
      [&](unsigned, unsigned) { drain(worker); });
}

void FirewallBed::establish(unsigned worker) {
  // In portions: a handshake is not left half-open for longer than its timeout.
  constexpr unsigned kPortion = 4096;
  const unsigned flows = parts_->traffic[worker].flows();
  for (unsigned first = 0; first < flows; first += kPortion) {
    const unsigned count = std::min(kPortion, flows - first);
    for (const Step step : {Step::kSyn, Step::kSynAck, Step::kAck}) send(worker, step, first, count);
  }
}

}  // namespace millrace::benchmark
