// SPDX-License-Identifier: BSD-3-Clause
// Quality of service: what a profile may say of it, and what it may not.
#include <gmock/gmock.h>

#include "tests/unit/control/profile/probe_profile.h"

namespace millrace::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// `text`: from line 9.
Checked<Loaded<NoSection>> read_qos(const std::string& text) {
  const std::string head =
      "ports:\n"
      "  a: {device: \"0000:00:05.0\"}\n"
      "interfaces:\n"
      "  low: {port: a, address: [192.0.2.1/24, \"2001:db8::1/64\"]}\n"
      "  high: {port: a, vlan: 5, address: 198.51.100.1/24}\n";
  return read_probe(head + text);
}

TEST(QosProfile, ReadsMetersAndRules) {
  const auto loaded = read_qos(R"(qos:
  policers:
    plain: {rate: 10Mbit}
    slow: {rate: 64kbit, burst: 3000B, conform: {mark: af11}, exceed: drop, violate: {mark: 0}}
    one: {rate: 1Gbit, burst: 1MiB, excess_burst: 2MiB, exceed: {mark: af12}}
    two: {rate: 50Mbit, peak: 100Mbit, color_aware: true}
  rules:
    - {name: voice, interface: low, dscp: [ef, 40], service: udp/10000-20000, mark: ef}
    - {interface: [low, high], from: [10.0.0.0/8, "2001:db8::/32"], police: two}
    - {service: [tcp/80, icmp/echo-request], police: slow}
)");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const auto& policers = loaded->common.qos.policers;
  ASSERT_THAT(policers, SizeIs(4));
  EXPECT_EQ(*policers[0].rate, 10'000'000U);
  EXPECT_EQ(policers[0].committed_burst(), 125'000U);  // 100 ms
  EXPECT_EQ(policers[0].second_burst(), 0U);
  EXPECT_FALSE(policers[0].conform.drop);
  EXPECT_FALSE(policers[0].exceed.drop);
  EXPECT_TRUE(policers[0].violate.drop);
  EXPECT_EQ(policers[1].committed_burst(), 3000U);
  EXPECT_EQ(policers[1].conform.mark, 10);
  EXPECT_TRUE(policers[1].exceed.drop);
  EXPECT_FALSE(policers[1].violate.drop);
  EXPECT_EQ(policers[1].violate.mark, 0);
  EXPECT_EQ(policers[2].second_burst(), 2U << 20);
  EXPECT_EQ(policers[3].peak.value, 100'000'000U);
  EXPECT_EQ(policers[3].second_burst(), 1'250'000U);
  EXPECT_TRUE(policers[3].color_aware);
  const auto& rules = loaded->common.qos.rules;
  ASSERT_THAT(rules, SizeIs(3));
  EXPECT_EQ(rules[0].name, "voice");
  EXPECT_THAT(rules[0].dscp, ElementsAre(46, 40));
  EXPECT_EQ(rules[0].service.front()->ports, (PortRange{10000, 20000}));
  EXPECT_EQ(rules[0].mark, 46);
  EXPECT_THAT(rules[1].interface, SizeIs(2));
  EXPECT_EQ(rules[1].police.value, "two");
}

struct BadQos {
  const char* text;
  const char* where;
  const char* what;
};
void PrintTo(const BadQos& bad, std::ostream* out) { *out << bad.text; }

class BadQosProfile : public ::testing::TestWithParam<BadQos> {};

TEST_P(BadQosProfile, GivesOneErrorAtItsPlace) {
  const auto loaded = read_qos(GetParam().text);
  ASSERT_FALSE(loaded);
  ASSERT_THAT(loaded.error().entries(), SizeIs(1)) << loaded.error().to_string();
  EXPECT_THAT(loaded.error().to_string(), StartsWith("p.yaml:" + std::string(GetParam().where) + ": "));
  EXPECT_THAT(loaded.error().to_string(), HasSubstr(GetParam().what));
}

const BadQos kBadQos[] = {
    {"qos: {policers: {p: {burst: 1MiB}}}\n", "9:21", "lacks 'rate'"},
    {"qos: {policers: {p: {rate: 10M}}}\n", "9:28", "is not a number of bits with its unit"},
    {"qos: {policers: {p: {rate: 7kbit}}}\n", "9:28", "8kbit to 400Gbit"},
    {"qos: {policers: {p: {rate: 10Mbit, burst: 1499B}}}\n", "9:43", "1500B to 4GiB"},
    {"qos: {policers: {p: {rate: 10Mbit, peak: 9Mbit}}}\n", "9:42",
     "a peak below the rate 10Mbit; give at least as much"},
    {"qos: {policers: {p: {rate: 10Mbit, exceed: deny}}}\n", "9:44", "pass or drop"},
    {"qos: {policers: {p: {rate: 10Mbit, exceed: {mark: af14}}}}\n", "9:51", "a DSCP from 0 to 63"},
    {"qos: {rules: {interface: wan, mark: ef}}\n", "9:26", "interface 'wan' is not defined"},
    {"qos: {policers: {gold: {rate: 1Mbit}}, rules: {police: golden}}\n", "9:56",
     "policer 'golden' is not defined; did you mean 'gold'?"},
    {"qos: {rules: {source_port: 53, mark: ef}}\n", "9:14", "give a service of tcp, udp or sctp"},
    {"qos: {rules: {service: [udp, icmp], source_port: 53, mark: ef}}\n", "9:14", "give a service of tcp"},
    {"qos: {rules: {from: 10.0.0.0/8, to: \"2001:db8::/32\", mark: ef}}\n", "9:14", "different families"},
    {"qos: {rules: [{name: a, mark: ef}, {name: a, mark: 0}]}\n", "9:36", "the rule in line 9 is called 'a'"},
};
INSTANTIATE_TEST_SUITE_P(Rules, BadQosProfile, ::testing::ValuesIn(kBadQos));

TEST(QosProfile, BoundsWhatTheDataPathHolds) {
  std::string list;
  for (int i = 0; i < 80; ++i) list += "10." + std::to_string(i) + ".0.0/16, ";
  const auto loaded = read_qos("qos: {rules: {from: [" + list + "], to: [" + list + "], mark: ef}}\n");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().to_string(), HasSubstr("make 12800 combinations, of which there may be 10000"));
}

}  // namespace
}  // namespace millrace::control
