// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/conditioning_plan.h"

#include <gmock/gmock.h>

namespace millrace::appliance {
namespace {

using ::testing::IsNull;
using ::testing::SizeIs;

constexpr std::uint64_t kClock = 1'000'000'000;
const std::vector<std::string> kInterfaces{"lan", "wan"};

control::Policer policer(std::string name, std::uint64_t rate) {
  control::Policer made;
  made.name.value = std::move(name);
  made.rate.value = rate;
  return made;
}

control::TrafficRule rule(std::string police = {}) {
  control::TrafficRule made;
  if (!police.empty()) made.police.value = std::move(police);
  return made;
}

TEST(ConditioningPlan, NothingIsAskedFor) {
  KeptConditioning kept;
  control::Profile profile;
  EXPECT_THAT(make_conditioning(profile, kInterfaces, kClock, kept), IsNull());
  profile.qos.policers = {policer("unused", 8'000'000)};
  EXPECT_THAT(make_conditioning(profile, kInterfaces, kClock, kept), IsNull());
}

TEST(ConditioningPlan, EachCombinationIsARuleAtEachInterface) {
  control::Profile profile;
  control::TrafficRule one = rule();
  one.interface = {{.value = "wan", .at = {}}};
  one.service = {{.value = control::parse_service("tcp/80").value(), .at = {}},
                 {.value = control::parse_service("icmp/echo-request").value(), .at = {}},
                 {.value = control::parse_service("esp").value(), .at = {}}};
  one.from = {net::Prefix::parse("10.0.0.0/8").value(), net::Prefix::parse("2001:db8::/32").value()};
  one.dscp = {0, 63};
  one.mark = 46;
  profile.qos.rules = {one, rule()};
  KeptConditioning kept;
  const auto made = make_conditioning(profile, kInterfaces, kClock, kept);
  ASSERT_NE(made, nullptr);
  ASSERT_THAT(made->at, SizeIs(2));
  EXPECT_THAT(made->at[0], SizeIs(1));  // that which is for all
  ASSERT_THAT(made->at[1], SizeIs(7));
  const core::TrafficRule& web = made->at[1][0];
  EXPECT_EQ(web.protocol, 6);
  EXPECT_TRUE(web.by_ports);
  EXPECT_EQ(web.first_port, 80);
  EXPECT_EQ(web.last_port, 80);
  EXPECT_EQ(web.dscps, 1U | std::uint64_t{1} << 63);
  EXPECT_EQ(web.mark, 46);
  EXPECT_EQ(web.from, core::AddressMatch(one.from[0]));
  EXPECT_EQ(made->at[1][1].from, core::AddressMatch(one.from[1]));
  const core::TrafficRule& ping = made->at[1][2];
  EXPECT_EQ(ping.icmp_type, 8);
  EXPECT_FALSE(ping.by_ports);
  EXPECT_EQ(made->at[1][4].protocol, 50);
  EXPECT_EQ(made->rules[0].name, "#1");
  EXPECT_EQ(made->at[1][0].counters, made->rules[0].counters.get());
  EXPECT_EQ(made->at[0][0].counters, made->rules[1].counters.get());
}

TEST(ConditioningPlan, AMeterOutlivesAReloadUnlessItsRatesChange) {
  control::Profile profile;
  profile.qos.policers = {policer("a", 8'000'000), policer("b", 8'000'000)};
  profile.qos.rules = {rule("a"), rule("b")};
  KeptConditioning kept;
  const auto first = make_conditioning(profile, kInterfaces, kClock, kept);
  profile.qos.policers[0].conform.mark = 10;  // what follows from a color is no state
  profile.qos.policers[1].rate.value = 16'000'000;
  const auto second = make_conditioning(profile, kInterfaces, kClock, kept);
  EXPECT_EQ(first->policers[0].meter, second->policers[0].meter);
  EXPECT_EQ(second->policers[0].actions[0].mark, 10);
  EXPECT_NE(first->policers[1].meter, second->policers[1].meter);
  EXPECT_EQ(second->policers[1].meter->spec().committed_rate, 2'000'000U);
  EXPECT_EQ(first->rules[1].counters, second->rules[1].counters);
  EXPECT_EQ(second->at[0][1].policer, 1U);

  profile.qos.rules.clear();
  EXPECT_THAT(make_conditioning(profile, kInterfaces, kClock, kept), IsNull());
  EXPECT_TRUE(kept.rules.empty());
}

}  // namespace
}  // namespace millrace::appliance
