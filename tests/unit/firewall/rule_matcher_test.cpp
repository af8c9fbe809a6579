// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/rule_matcher.h"

#include <chrono>
#include <cstdio>
#include <random>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/net/wire.h"
#include "tests/unit/firewall/rule_generator.h"

namespace millrace::firewall {
namespace {

net::Prefix prefix(const char* text) { return *net::Prefix::parse(text); }
net::IpAddress address(const char* text) { return *net::IpAddress::parse(text); }

std::string describe(const RuleKey& key) {
  return key.source.to_string() + " -> " + key.destination.to_string() + " protocol " +
         std::to_string(key.protocol) + " ports " + std::to_string(key.source_port) + " " +
         std::to_string(key.destination_port) + (key.has_ports ? "" : " unknown");
}

TEST(RuleMatcher, AgreesWithALinearScan) {
  std::size_t matched = 0;
  std::size_t total = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    RuleGenerator generate(seed);
    const auto rules = generate.rules(std::vector<std::size_t>{1, 5, 40, 63, 64, 65, 300}[seed % 7]);
    const auto matcher = RuleMatcher::compile(rules, generate.sets());
    ASSERT_TRUE(matcher) << matcher.error().message();
    std::vector<RuleKey> keys;
    for (int i = 0; i < 6000; ++i) keys.push_back(generate.key());
    std::vector<RuleIndex> found(keys.size());
    matcher->match(keys, found);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const RuleIndex expected = linear_match(rules, generate.sets(), keys[i]);
      ASSERT_EQ(found[i], expected) << "seed " << seed << ": " << describe(keys[i]);
      ASSERT_EQ(matcher->match(keys[i]), expected) << "one alone";
      matched += expected.valid() ? 1 : 0;
    }
    total += keys.size();
  }
  EXPECT_EQ(total, 360'000U);
  EXPECT_GT(matched, total / 4) << "the packets should meet the rules";
  EXPECT_LT(matched, total * 9 / 10) << "and miss them";
}

// More than 4096 entries: rows of several blocks, the match in any of them.
TEST(RuleMatcher, AgreesOverManyBlocks) {
  std::vector<Rule> rules;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    Rule rule;
    rule.name = fmt::format("host {}", i);
    rule.destination.any = false;
    rule.destination.prefixes = {net::Prefix::of(net::Ipv4Address{be32(0x0a000000U + i * 3)}, 32)};
    rule.services = {Service{.protocol = net::protocol::kTcp, .destination = {80, 80}}};
    rules.push_back(rule);
  }
  const auto matcher = RuleMatcher::compile(rules, {});
  ASSERT_TRUE(matcher);
  RuleKey key;
  key.source = address("192.0.2.1");
  key.protocol = net::protocol::kTcp;
  key.destination_port = 80;
  for (std::uint32_t i = 0; i < 60'000; ++i) {
    key.destination = net::Ipv4Address{be32(0x0a000000U + i)};
    ASSERT_EQ(matcher->match(key), i % 3 == 0 ? RuleIndex(i / 3) : RuleIndex::none()) << i;
  }
}

TEST(RuleMatcher, NoRulesMatchNothing) {
  const auto matcher = RuleMatcher::compile({}, {});
  ASSERT_TRUE(matcher);
  const std::vector<RuleKey> keys(3);
  std::vector<RuleIndex> found(3, RuleIndex(7));
  matcher->match(keys, found);
  for (const RuleIndex index : found) EXPECT_FALSE(index.valid());
}

TEST(RuleMatcher, GroupsOfAMillionPrefixesCostOneLookup) {
  std::mt19937 random(5);
  std::vector<AddressSet> sets(3);
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    const net::Ipv4Address v4{be32(static_cast<std::uint32_t>(random()))};
    sets[0].prefixes.push_back(net::Prefix::of(v4, 24 + i % 9));
    if (i % 10 == 0) sets[1].prefixes.push_back(net::Prefix::of(v4, 20));
  }
  sets[2].prefixes = {prefix("128.0.0.0/1")};
  std::vector<Rule> rules(3);
  for (std::uint32_t i = 0; i < 3; ++i) {
    rules[i].name = fmt::format("r{}", i);
    rules[i].source.any = false;
    rules[i].source.sets = {SetId(i)};
  }
  rules[0].destination = {.any = false, .negated = true, .prefixes = {}, .sets = {SetId(0)}};
  rules[0].services = {Service{.protocol = net::protocol::kTcp}};

  const auto matcher = RuleMatcher::compile(rules, sets);
  ASSERT_TRUE(matcher) << matcher.error().message();
  const CompileReport& report = matcher->report();
  std::printf("1M-prefix group on both sides: %.1f MiB, compiled in %.0f ms\n",
              static_cast<double>(report.memory_bytes) / (1 << 20), report.milliseconds);
  EXPECT_EQ(report.entries, 3U);
  EXPECT_LE(report.source_classes, 8U);
  EXPECT_LT(report.memory_bytes, 64U << 20);

  RuleKey key;
  key.protocol = net::protocol::kTcp;
  for (int i = 0; i < 200; ++i) {
    key.source = i % 2 == 0 ? sets[0].prefixes[random() % 1'000'000].address
                            : net::IpAddress(net::Ipv4Address{be32(static_cast<std::uint32_t>(random()))});
    key.destination = net::Ipv4Address{be32(static_cast<std::uint32_t>(random()))};
    ASSERT_EQ(matcher->match(key), linear_match(rules, sets, key)) << describe(key);
  }
}

TEST(RuleMatcher, RefusesWhatCannotBeAndNamesTheRule) {
  const auto refusal = [](const Rule& rule, const CompileLimits& limits = {}) {
    const std::vector<Rule> rules{Rule{.name = "first"}, rule};
    const auto matcher = RuleMatcher::compile(rules, {}, limits);
    return matcher ? "" : matcher.error().message();
  };
  EXPECT_EQ(refusal(Rule{.name = "fine"}), "");
  Rule bad{.name = "web-in"};
  bad.dscp = {64};
  EXPECT_EQ(refusal(bad), "compile rule web-in: DSCP 64 is past 63");
  bad = Rule{.name = "web-in"};
  bad.source = {.any = false, .negated = false, .prefixes = {}, .sets = {SetId(0)}};
  EXPECT_EQ(refusal(bad), "compile rule web-in: no address set 0");
  bad = Rule{.name = "web-in"};
  bad.services = {Service{.protocol = net::protocol::kTcp, .destination = {81, 80}}};
  EXPECT_EQ(refusal(bad), "compile rule web-in: a port range ends before it begins");
  bad = Rule{.name = "web-in"};
  bad.from = {ZoneId::none()};
  EXPECT_EQ(refusal(bad), "compile rule web-in: a zone that is not there");
  bad = Rule{.name = "web-in"};
  bad.services.resize(5);
  CompileLimits five;
  five.entries = 5;
  CompileLimits six;
  six.entries = 6;
  CompileLimits tiny;
  tiny.memory_bytes = 10;
  EXPECT_NE(refusal(bad, five).find("web-in"), std::string::npos);
  EXPECT_EQ(refusal(bad, six), "");
  EXPECT_NE(refusal(Rule{.name = "web-in"}, tiny), "");
}

}  // namespace
}  // namespace millrace::firewall
