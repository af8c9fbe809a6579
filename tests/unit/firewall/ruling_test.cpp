// SPDX-License-Identifier: BSD-3-Clause
// Rules by application against the text of ruling.h, read aloud one rule and one application at a time.
#include "vnfs/firewall/ruling.h"

#include <optional>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace millrace::firewall {
namespace {

using dpi::ApplicationId;

constexpr ApplicationId kTls{91};
constexpr ApplicationId kYoutube{124};
constexpr ApplicationId kSsh{92};
constexpr ApplicationId kDns{5};

// What a session is, for a person.
struct Application {
  Naming naming = Naming::kUndecided;
  ApplicationId protocol = ApplicationId::kUnknown;
  ApplicationId service = ApplicationId::kUnknown;
};

struct Expected {
  std::optional<std::size_t> rule;  // empty: the default
  bool passes;
  bool provisional;
};

struct Asked {
  std::vector<Rule> rules;
  Action otherwise = Action::kDrop;
};

Policy policy_of(const Asked& asked) {
  Policy policy;
  policy.matcher = *RuleMatcher::compile(asked.rules, {});
  policy.otherwise.action = asked.otherwise;
  for (const Rule& rule : asked.rules) {
    RuleOutcome outcome;
    outcome.action = rule.action;
    outcome.asks_application = !rule.applications.empty();
    policy.outcomes.push_back(outcome);
  }
  return policy;
}

bool lists(const Rule& rule, const Application& known) {
  for (const ApplicationId one : rule.applications) {
    if (known.naming == Naming::kOther ? one == kOtherApplication
                                       : one == known.protocol || one == known.service)
      return true;
  }
  return false;
}

// Points 2 to 6, with a list of what fits.
Expected by_the_book(const Asked& asked, const RuleKey& key, const Application& known) {
  std::vector<std::size_t> candidates;
  std::optional<std::size_t> certain;
  for (std::size_t i = 0; i < asked.rules.size() && !certain; ++i) {
    Rule others = asked.rules[i];
    others.applications.clear();
    if (!matches(others, {}, key)) continue;
    const bool asks = !asked.rules[i].applications.empty();
    if (known.naming == Naming::kUndecided || known.naming == Naming::kNone) {
      candidates.push_back(i);
      if (!asks) certain = i;
    } else if (!asks || lists(asked.rules[i], known)) {
      certain = i;
      candidates = {i};
    }
  }
  const auto action = [&](std::optional<std::size_t> rule) {
    return rule ? asked.rules[*rule].action : asked.otherwise;
  };
  const bool open = !candidates.empty() && candidates.front() != certain;
  if (!open) return {certain, action(certain) == Action::kAccept, false};
  for (const std::size_t candidate : candidates) {
    if (action(candidate) == Action::kAccept) return {candidate, true, true};
  }
  if (!certain && asked.otherwise == Action::kAccept) return {std::nullopt, true, true};
  return {certain, false, false};
}

Ruling rule_of(const Policy& policy, const RuleKey& key, const Application& known) {
  Session session{};
  session.naming = known.naming;
  if (known.naming == Naming::kNamed) session.name({known.protocol, known.service});
  return rule_on(policy, key, policy.matcher.match(key), session.application_settled() ? &session : nullptr);
}

RuleKey key_to(std::uint16_t port) {
  RuleKey key;
  key.source = *net::IpAddress::parse("192.0.2.1");
  key.destination = *net::IpAddress::parse("198.51.100.1");
  key.protocol = net::protocol::kTcp;
  key.source_port = 40'000;
  key.destination_port = port;
  return key;
}

const std::vector<Application> kAll = {{Naming::kNone, {}, {}},          {Naming::kUndecided, {}, {}},
                                       {Naming::kNamed, kTls, {}},       {Naming::kNamed, kTls, kYoutube},
                                       {Naming::kNamed, kSsh, {}},       {Naming::kNamed, kYoutube, {}},
                                       {Naming::kNamed, kDns, kYoutube}, {Naming::kOther, {}, {}}};

TEST(Ruling, AgreesWithItsText) {
  std::mt19937 random(7);
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  constexpr ApplicationId kNames[] = {kTls, kYoutube, kSsh, kOtherApplication};
  constexpr Action kActions[] = {Action::kAccept, Action::kDrop, Action::kReject};
  std::size_t provisional = 0;
  std::size_t refused = 0;
  std::size_t total = 0;
  for (int round = 0; round < 3000; ++round) {
    Asked asked{.rules = {}, .otherwise = kActions[below(3)]};
    for (unsigned i = below(7); i > 0; --i) {
      Rule rule{.name = "r" + std::to_string(i)};
      for (unsigned n = below(3); n > 0; --n) rule.applications.push_back(kNames[below(4)]);
      if (below(2) == 0) rule.services = {Service{.protocol = net::protocol::kTcp, .destination = {80, 80}}};
      rule.action = kActions[below(3)];
      asked.rules.push_back(rule);
    }
    const Policy policy = policy_of(asked);
    for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{443}}) {
      for (const Application& known : kAll) {
        const Expected expected = by_the_book(asked, key_to(port), known);
        const Ruling ruling = rule_of(policy, key_to(port), known);
        const auto rule =
            ruling.rule.valid() ? std::optional<std::size_t>(ruling.rule.value()) : std::nullopt;
        ASSERT_EQ(rule, expected.rule) << round;
        ASSERT_EQ(ruling.undecided, expected.provisional) << round;
        ASSERT_EQ(policy.outcome(ruling.rule).action == Action::kAccept, expected.passes) << round;
        provisional += expected.provisional ? 1 : 0;
        refused += expected.passes ? 0 : 1;
        ++total;
      }
    }
  }
  EXPECT_GT(provisional, total / 20);
  EXPECT_GT(refused, total / 20);
}

// 5 is not only what a lenient reading of 4 gives: whatever the application turns out to be, a session that
// is refused at once would have been refused, and one that is accepted at the end was let in.
TEST(Ruling, WhatMayBeAcceptedIsLetIn) {
  std::mt19937 random(11);
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  constexpr ApplicationId kNames[] = {kTls, kYoutube, kSsh, kOtherApplication};
  for (int round = 0; round < 2000; ++round) {
    Asked asked{.rules = {}, .otherwise = below(2) == 0 ? Action::kAccept : Action::kDrop};
    for (unsigned i = below(6); i > 0; --i) {
      Rule rule{.name = "r"};
      if (below(4) != 0) rule.applications = {kNames[below(4)]};
      rule.action = below(2) == 0 ? Action::kAccept : Action::kDrop;
      asked.rules.push_back(rule);
    }
    const Policy policy = policy_of(asked);
    const bool let_in = policy.outcome(rule_of(policy, key_to(80), {}).rule).action == Action::kAccept;
    for (const Application& known : kAll) {
      if (known.naming < Naming::kNamed) continue;
      const bool accepted = policy.outcome(rule_of(policy, key_to(80), known).rule).action == Action::kAccept;
      ASSERT_TRUE(let_in || !accepted) << round;
    }
  }
}

TEST(Ruling, TheInspectionOfTheFirstThatMayAcceptAndHasOne) {
  Asked asked{.rules = {{.name = "video"}, {.name = "web"}, {.name = "rest"}}};
  asked.rules[0].applications = {kYoutube};
  asked.rules[1].applications = {kTls};
  for (Rule& rule : asked.rules) rule.action = Action::kAccept;
  Policy policy = policy_of(asked);
  policy.inspections.resize(2);
  policy.outcomes[1].inspection = 2;
  policy.outcomes[2].inspection = 1;
  const Ruling provisional = rule_of(policy, key_to(443), {});
  EXPECT_EQ(provisional.rule, RuleIndex(0));
  EXPECT_EQ(provisional.inspection, 2);
  EXPECT_EQ(rule_of(policy, key_to(443), {Naming::kNamed, kTls, kYoutube}).inspection, 0);
  EXPECT_EQ(rule_of(policy, key_to(443), {Naming::kNamed, kSsh, {}}).inspection, 1);
}

TEST(Ruling, ASessionKeepsBothItsNames) {
  constexpr std::uint16_t kNumbers[] = {0, 1, 255, 511};
  for (const std::uint16_t protocol : kNumbers) {
    for (const std::uint16_t service : kNumbers) {
      Session session{};
      session.dscp = 63;
      session.name({ApplicationId{protocol}, ApplicationId{service}});
      EXPECT_EQ(session.named(), (dpi::Application{ApplicationId{protocol}, ApplicationId{service}}));
      EXPECT_EQ(session.dscp, 63U);
    }
  }
  for (const std::string& name : dpi::application_names())
    EXPECT_LT(static_cast<unsigned>(*dpi::application_named(name)), 1U << Session::kApplicationBits) << name;
}

}  // namespace
}  // namespace millrace::firewall
