// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/shadowed_rules.h"

#include <chrono>
#include <cstdio>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/net/wire.h"
#include "tests/support/classbench.h"
#include "tests/unit/firewall/rule_generator.h"

namespace millrace::firewall {
namespace {

using Pairs = std::vector<std::pair<unsigned, unsigned>>;

AddressMatch in(std::vector<const char*> prefixes) {
  AddressMatch match{.any = false, .negated = false, .prefixes = {}, .sets = {}};
  for (const char* text : prefixes) match.prefixes.push_back(*net::Prefix::parse(text));
  return match;
}

AddressMatch not_in(std::vector<const char*> prefixes) {
  AddressMatch match = in(std::move(prefixes));
  match.negated = true;
  return match;
}

Service tcp(std::uint16_t first, std::uint16_t last) {
  return {.protocol = net::protocol::kTcp,
          .source = {},
          .destination = {first, last},
          .icmp_type = {},
          .icmp_code = {}};
}

Pairs shadowed(const std::vector<Rule>& rules, const std::vector<AddressSet>& sets = {}) {
  Pairs pairs;
  for (const auto& [rule, by] : find_shadowed(rules, sets)) pairs.emplace_back(rule.value(), by.value());
  return pairs;
}

// Two rules, the second differing from "everything" in one way; is it covered by the first?
bool covered(Rule wide, Rule narrow, const std::vector<AddressSet>& sets = {}) {
  return !shadowed({std::move(wide), std::move(narrow)}, sets).empty();
}

Rule source(AddressMatch match) {
  Rule rule;
  rule.source = std::move(match);
  return rule;
}

Rule services(std::vector<Service> list) {
  Rule rule;
  rule.services = std::move(list);
  return rule;
}

TEST(FindShadowed, NamesTheFirstRuleThatCovers) {
  EXPECT_EQ(shadowed({source(in({"10.1.0.0/16"})), source(in({"10.0.0.0/8"})), source(in({"10.1.2.0/24"})),
                      source(in({"11.0.0.0/8"})), Rule{}, source(in({"11.1.0.0/16"}))}),
            (Pairs{{2, 0}, {5, 3}}));
}

TEST(FindShadowed, ComparesAddressesExactly) {
  EXPECT_TRUE(
      covered(source(in({"10.0.0.0/8", "192.0.2.0/24"})), source(in({"192.0.2.7/32", "10.9.0.0/16"}))));
  EXPECT_FALSE(covered(source(in({"10.0.0.0/8"})), source(in({"10.1.0.0/16", "11.0.0.0/8"}))));
  EXPECT_TRUE(covered(source(not_in({"10.0.0.0/8"})), source(in({"192.0.2.0/24"}))));
  EXPECT_FALSE(covered(source(not_in({"10.0.0.0/8"})), source(in({"10.0.0.0/7"}))));
  EXPECT_TRUE(covered(source(not_in({"10.1.0.0/16"})), source(not_in({"10.0.0.0/8"}))));
  EXPECT_FALSE(covered(source(not_in({"10.0.0.0/8"})), source(not_in({"10.1.0.0/16"}))));
  EXPECT_FALSE(covered(source(not_in({"10.0.0.0/8"})), Rule{}));
  EXPECT_TRUE(covered(source(in({"0.0.0.0/0", "::/0"})), source(in({"2001:db8::/32"}))));
  EXPECT_FALSE(covered(source(in({"::/0"})), source(in({"10.0.0.0/8"}))));
}

TEST(FindShadowed, LooksIntoSets) {
  const std::vector<AddressSet> sets{
      {"wide", {*net::Prefix::parse("10.0.0.0/8"), *net::Prefix::parse("192.0.2.0/24")}},
      {"narrow", {*net::Prefix::parse("10.7.0.0/16")}}};
  const auto of_set = [](std::uint32_t set) {
    return source({.any = false, .negated = false, .prefixes = {}, .sets = {SetId(set)}});
  };
  EXPECT_TRUE(covered(of_set(0), of_set(1), sets));
  EXPECT_FALSE(covered(of_set(1), of_set(0), sets));
}

TEST(FindShadowed, ComparesServices) {
  EXPECT_TRUE(covered(services({tcp(1, 1024)}), services({tcp(80, 80), tcp(443, 443)})));
  EXPECT_FALSE(covered(services({tcp(80, 80)}), services({tcp(80, 80), tcp(443, 443)})));
  EXPECT_FALSE(covered(services({tcp(80, 80)}), Rule{}));
  EXPECT_TRUE(covered(services({Service{}}), Rule{}));
  const Service echo{
      .protocol = net::protocol::kIcmp, .source = {}, .destination = {}, .icmp_type = 8, .icmp_code = {}};
  Service echo_0 = echo;
  echo_0.icmp_code = 0;
  EXPECT_TRUE(covered(services({echo}), services({echo_0})));
  EXPECT_FALSE(covered(services({echo_0}), services({echo})));
  EXPECT_FALSE(covered(services({echo}), services({Service{.protocol = net::protocol::kIcmp}})));
}

TEST(FindShadowed, ComparesTheRest) {
  Rule syn;
  syn.tcp_flags = TcpFlagsMatch{0x02, 0x12};
  Rule syn_only;
  syn_only.tcp_flags = TcpFlagsMatch{0x02, 0xff};
  EXPECT_TRUE(covered(syn, syn_only));
  EXPECT_FALSE(covered(syn_only, syn));
  EXPECT_TRUE(covered(services({tcp(0, 65535)}), syn)) << "flags are TCP's";
  EXPECT_FALSE(covered(services({tcp(1, 65535)}), syn));

  Rule one_zone;
  one_zone.from = {ZoneId(1)};
  Rule two_zones;
  two_zones.from = {ZoneId(2), ZoneId(1)};
  EXPECT_TRUE(covered(two_zones, one_zone));
  EXPECT_FALSE(covered(one_zone, two_zones));
  EXPECT_FALSE(covered(one_zone, Rule{}));
}

TEST(FindShadowed, KeepsQuietAboutRulesThatNoPacketMatches) {
  EXPECT_FALSE(covered(Rule{}, source(in({}))));
  Rule impossible;
  impossible.tcp_flags = TcpFlagsMatch{0x10, 0x02};
  EXPECT_FALSE(covered(Rule{}, impossible));
}

// Soundness: whatever matches a reported rule matches the rule that is said to cover it.
TEST(FindShadowed, NeverClaimsTooMuch) {
  std::size_t reported = 0;
  std::size_t checked = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    RuleGenerator generate(seed);
    const auto rules = generate.rules(120);
    const auto found = find_shadowed(rules, generate.sets());
    reported += found.size();
    for (int i = 0; i < 3000; ++i) {
      const RuleKey key = generate.key();
      for (const auto& [rule, by] : found) {
        ASSERT_LT(by, rule);
        if (!matches(rules[rule.value()], generate.sets(), key)) continue;
        ++checked;
        ASSERT_TRUE(matches(rules[by.value()], generate.sets(), key)) << rule.value() << " by " << by.value();
      }
    }
  }
  EXPECT_GT(reported, 100U);
  EXPECT_GT(checked, 10'000U);
}

// Completeness and time: of ten thousand filters said twice, each second one is covered by its first.
TEST(FindShadowed, FindsEveryRepetition) {
  const auto corpus = classbench::corpus();
  if (!corpus) GTEST_SKIP() << "no ClassBench corpus here; MILLRACE_CORPUS names its folder";
  for (const char* name : {"acl1_10k.rules", "fw1_10k.rules", "ipc1_10k.rules"}) {
    const auto filters = classbench::read_filters(*corpus / name);
    std::vector<Rule> rules;
    for (std::size_t i = 0; i < filters.size(); ++i) rules.push_back(classbench::rule_of(filters[i], i + 1));
    const std::vector<Rule> once = rules;
    rules.insert(rules.end(), once.begin(), once.end());
    const auto begin = std::chrono::steady_clock::now();
    const auto found = find_shadowed(rules, {});
    const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begin;
    std::printf("%s: %zu of %zu shadowed, found in %.0f ms\n", name, found.size(), rules.size(),
                spent.count());
    std::vector<bool> is_shadowed(rules.size());
    for (const auto& [rule, by] : found) is_shadowed[rule.value()] = true;
    for (std::size_t i = filters.size(); i < rules.size(); ++i)
      ASSERT_TRUE(is_shadowed[i]) << name << " " << i;
  }
}

}  // namespace
}  // namespace millrace::firewall
