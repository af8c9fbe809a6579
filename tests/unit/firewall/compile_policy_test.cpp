// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/compile_policy.h"

#include <gtest/gtest.h>

#include "common/control/profile/section.h"

namespace millrace::firewall {
namespace {

constexpr std::string_view kHead = R"(
vnf: firewall
name: fw
ports:
  inside: {device: net_null0}
  outside: {device: net_null1}
interfaces:
  trust: {port: inside, address: [192.0.2.1/24]}
  guests: {port: inside, vlan: 7, address: [10.7.0.1/24]}
  untrust: {port: outside, address: [198.51.100.2/24]}
forwarding: routed
)";

class CompilePolicy : public ::testing::Test {
 protected:
  CompilePolicy() {
    for (const char* name : {"untrust", "trust", "guests"}) {  // not in the profile's order
      network_.interfaces.emplace_back();
      network_.interfaces.back().name = name;
    }
  }

  Result<PolicyAndNotes> compile(const std::string& section, unsigned workers = 1) {
    const auto whole = control::parse_profile(profile::schema(), std::string(kHead) + section, "fw.yaml",
                                              control::no_files());
    if (!whole) throw std::runtime_error(whole.error().to_string());
    return compile_policy(whole->own, {.network = network_,
                                       .slots = slots_,
                                       .generation = ++generation_,
                                       .workers = workers,
                                       .now = 1704103200,  // Monday, 10:00 UTC
                                       .file = "fw.yaml"});
  }
  std::shared_ptr<const Policy> policy(const std::string& section, unsigned workers = 1) {
    auto compiled = compile(section, workers);
    if (!compiled) throw std::runtime_error(compiled.error().message());
    notes_ = std::move(compiled->notes);
    return compiled->policy;
  }

  core::Network network_;
  RuleSlots slots_{64};
  std::uint64_t generation_ = 0;
  std::vector<std::string> notes_;
};

RuleKey key(std::string_view source, std::string_view destination, std::uint8_t protocol,
            std::uint16_t port) {
  RuleKey one;
  one.source = *net::IpAddress::parse(source);
  one.destination = *net::IpAddress::parse(destination);
  one.protocol = protocol;
  one.source_port = 40000;
  one.destination_port = port;
  one.tcp_flags = protocol == 6 ? 2 : 0;
  return one;
}

TEST_F(CompilePolicy, NamesBecomeNumbers) {
  const auto made = policy(R"(
firewall:
  zones: {lan: [trust], internet: [untrust]}
  default: reject
  rules:
    - {name: one, from: internet, to: [lan], interface: guests, service: [tcp/80, udp/53], source_port: [1024-2000, 53],
       dscp: [46], action: accept, log: true}
    - {name: two, from: any, service: tcp, tcp_flags: "syn/syn,ack", action: reject}
)");
  EXPECT_EQ(made->zone(core::InterfaceId(0)), ZoneId(1));
  EXPECT_EQ(made->zone(core::InterfaceId(1)), ZoneId(0));
  EXPECT_FALSE(made->zone(core::InterfaceId(2)).valid());
  EXPECT_EQ(made->zone_names, (std::vector<std::string>{"lan", "internet"}));
  EXPECT_EQ(made->otherwise.action, Action::kReject);
  EXPECT_EQ(made->otherwise.slot, 0U);
  ASSERT_EQ(made->rules.size(), 2U);
  const Rule& one = made->rules[0];
  EXPECT_EQ(one.from, std::vector{ZoneId(1)});
  EXPECT_EQ(one.to, std::vector{ZoneId(0)});
  EXPECT_EQ(one.interfaces, std::vector<std::uint16_t>{2});
  EXPECT_EQ(one.dscp, std::vector<std::uint8_t>{46});
  EXPECT_TRUE(one.source.any);
  ASSERT_EQ(one.services.size(), 4U);  // two services from two source ranges
  EXPECT_EQ(
      one.services[1],
      (Service{
          .protocol = 6, .source = {53, 53}, .destination = {80, 80}, .icmp_type = {}, .icmp_code = {}}));
  EXPECT_TRUE(made->outcomes[0].log);
  EXPECT_TRUE(made->rules[1].from.empty());
  EXPECT_EQ(made->rules[1].tcp_flags, (TcpFlagsMatch{.value = 0x02, .mask = 0x12}));
  EXPECT_EQ(made->outcomes[1].action, Action::kReject);
  EXPECT_EQ(slots_.name(made->outcomes[1].slot), "two");
}

TEST_F(CompilePolicy, LimitsTimesAndProtection) {
  const std::string section = R"(
firewall:
  rules:
    - {name: a, action: accept, limit: {rate: 100/s, burst: 250}, max_sessions: 9, max_sessions_per_source: 3,
       new_sessions_per_source: 10/s}
    - {name: b, action: accept, limit: {rate: 10/min}}
    - {name: c, action: accept, limit: {rate: 100k/h, burst: 5}}
    - {name: d, action: accept, limit: {rate: 7/h, burst: 5000}}
    - {name: e, action: accept, limit: {rate: 100G/s}}
  protect: {syn_cookies: {above: 1001/s}, new_sessions_per_source: 2k/s, sessions_per_source: 20k, reverse_path: strict}
  timeouts: {tcp_established: 2h, udp: 90s}
  tcp: {midstream_pickup: true}
)";
  const auto made = policy(section, 4);
  EXPECT_EQ(made->outcomes[0].limits, (RuleLimits{.new_sessions = 100,
                                                  .sessions = 9,
                                                  .new_sessions_per_source = 10,
                                                  .sessions_per_source = 3,
                                                  .new_sessions_burst = 250}));
  EXPECT_EQ(made->outcomes[1].limits.new_sessions, Pace(1, 6));
  EXPECT_EQ(made->outcomes[2].limits.new_sessions, Pace(250, 9));
  EXPECT_EQ(made->outcomes[4].limits.new_sessions, Pace(0xffffffff));
  ASSERT_FALSE(notes_.empty());
  EXPECT_EQ(notes_[0], "rule d: at the rate 7/h the burst can be at most 1193, and is");
  EXPECT_EQ(made->protection.syn_cookies_above, 251U);  // each worker's share, rounded up
  EXPECT_EQ(made->protection.new_sessions_per_source, Pace(2000));
  EXPECT_EQ(made->protection.sessions_per_source, 20000U);
  EXPECT_EQ(made->protection.reverse_path, ReversePath::kStrict);
  EXPECT_EQ(made->timeouts.tcp_established, 7'200'000U);
  EXPECT_EQ(made->timeouts.udp, 90'000U);
  EXPECT_TRUE(made->tcp.midstream_pickup);
  EXPECT_FALSE(made->tcp.liberal_window);
}

TEST_F(CompilePolicy, ARuleOutsideItsScheduleKeepsItsPlaceAndMatchesNothing) {
  const auto made = policy(R"(
firewall:
  schedules: {office: {from: "09:00", to: "17:00"}, night: {from: "22:00", to: "06:00"}}
  rules:
    - {name: at-night, schedule: night, action: drop}
    - {name: by-day, schedule: office, service: tcp/80, action: accept}
    - {name: web, service: tcp/80, action: drop}
    - {name: rest, action: accept}
)");
  ASSERT_EQ(made->rules.size(), 4U);
  EXPECT_FALSE(made->listings[0].active);
  EXPECT_EQ(made->listings[0].schedule, "night");
  EXPECT_TRUE(made->listings[1].active);
  EXPECT_NE(made->outcomes[0].slot, 0U);
  EXPECT_EQ(made->matcher.match(key("192.0.2.7", "198.51.100.9", 6, 80)), RuleIndex(1));
  EXPECT_EQ(made->matcher.match(key("192.0.2.7", "198.51.100.9", 6, 81)), RuleIndex(3));
  // What a rule with a schedule covers is not hidden for good.
  for (const auto& listing : made->listings) EXPECT_FALSE(listing.shadowed_by.valid());
  EXPECT_TRUE(notes_.empty());
}

TEST_F(CompilePolicy, ShadowedRulesAreTold) {
  const auto made = policy(R"(
firewall:
  schedules: {office: {from: "09:00", to: "17:00"}}
  rules:
    - {name: all-web, service: tcp/80-90, action: accept}
    - {name: web, source: 192.0.2.0/24, service: tcp/80, action: drop}
    - {name: web-by-day, schedule: office, service: tcp/81, action: drop}
)");
  EXPECT_EQ(made->listings[1].shadowed_by, RuleIndex(0));
  EXPECT_EQ(made->listings[2].shadowed_by, RuleIndex(0));
  ASSERT_EQ(notes_.size(), 2U);
  EXPECT_EQ(notes_[0], "rule web never matches: rule all-web before it covers it");
}

TEST_F(CompilePolicy, GroupsWithExceptions) {
  const auto made = policy(R"(
firewall:
  groups: {web: [192.0.2.0/28], bad: [203.0.113.0/24], unused: []}
  rules:
    - {name: web-in, source: "!@bad", destination: ["@web", "!192.0.2.4"], action: accept}
)");
  const auto verdict = [&](std::string_view from, std::string_view to) {
    return made->matcher.match(key(from, to, 6, 80)).valid();
  };
  EXPECT_TRUE(verdict("198.51.100.9", "192.0.2.3"));
  EXPECT_FALSE(verdict("198.51.100.9", "192.0.2.4"));
  EXPECT_FALSE(verdict("203.0.113.9", "192.0.2.3"));
  EXPECT_FALSE(verdict("198.51.100.9", "192.0.2.16"));
}

TEST_F(CompilePolicy, GenerationsDifferAndAreNeverZero) {
  const std::string section = "firewall: {rules: []}\n";
  generation_ = 65530;
  std::uint16_t last = 0;
  for (int i = 0; i < 12; ++i) {
    const auto made = policy(section);
    EXPECT_NE(made->generation, 0);
    EXPECT_NE(made->generation, last);
    last = made->generation;
  }
}

TEST_F(CompilePolicy, AnInterfaceThatDoesNotRunIsNamedWithItsPlace) {
  network_.interfaces.pop_back();
  const auto failed = compile("firewall:\n  zones: {lan: [trust, guests]}\n");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message(), "fw.yaml:13:24: compile zone lan: interface guests does not run");
}

TEST_F(CompilePolicy, TooManyRuleNames) {
  std::string section = "firewall:\n  rules:\n";
  for (int i = 0; i < 70; ++i) section += "    - {name: r" + std::to_string(i) + ", action: accept}\n";
  const auto failed = compile(section);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("rule r63"), std::string::npos) << failed.error().message();
}

}  // namespace
}  // namespace millrace::firewall
