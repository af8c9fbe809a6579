// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/roster.h"

#include <gtest/gtest.h>

namespace millrace::load_balancer {
namespace {

// As if a policy with these services were made; their numbers.
std::vector<ServiceId> list(Roster& roster, const std::vector<std::string>& names) {
  std::vector<ServiceId> numbers;
  roster.begin();
  for (const std::string& name : names) numbers.push_back(roster.service(name).value_or(kNoId));
  roster.end();
  return numbers;
}

net::IpAddress host(std::uint32_t number) { return net::Ipv4Address{be32(0x0a000000 + number)}; }

TEST(Roster, NumbersStayWhateverElseComesAndGoes) {
  Roster roster(8, 8);
  const auto before = list(roster, {"web", "dns", "mail"});
  EXPECT_EQ(before, (std::vector<ServiceId>{0, 1, 2}));
  EXPECT_EQ(list(roster, {"mail", "new", "web"}), (std::vector<ServiceId>{2, 3, 0}));
  EXPECT_EQ(list(roster, {"web", "mail"}), (std::vector<ServiceId>{0, 2}));
}

TEST(Roster, AskingTwiceGivesTheSame) {
  Roster roster(8, 8);
  EXPECT_EQ(list(roster, {"web", "web"}), (std::vector<ServiceId>{0, 0}));
}

TEST(Roster, WhatLeftIsUsedAgainWhenAllOthersHaveBeenTheEarliestFirst) {
  Roster roster(4, 8);
  list(roster, {"a", "b", "c"});
  list(roster, {"c"});       // 0 and 1 are free
  list(roster, {"c", "d"});  // 3, never used
  list(roster, {"d"});       // 2 is free, later than those
  EXPECT_EQ(list(roster, {"d", "e", "f", "g"}), (std::vector<ServiceId>{3, 0, 1, 2}));
}

// A number is not given to another while the policy that is being made may still ask for its owner.
TEST(Roster, ANumberIsFreeOnlyWhenTheListIsDone) {
  Roster roster(2, 8);
  list(roster, {"a", "b"});
  EXPECT_EQ(list(roster, {"c", "a"}), (std::vector<ServiceId>{kNoId, 0}));
  EXPECT_EQ(list(roster, {"c", "a"}), (std::vector<ServiceId>{1, 0}));
}

TEST(Roster, SaysWhenItIsFull) {
  Roster roster(1, 1);
  roster.begin();
  ASSERT_TRUE(roster.service("web"));
  const auto service = roster.service("dns");
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().message(), "take in service dns: there are as many services as there may be");
  ASSERT_TRUE(roster.backend(0, host(1), 80));
  const auto backend = roster.backend(0, host(2), 80);
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().message(),
            "take in backend 10.0.0.2: there are as many backends as there may be");
  EXPECT_EQ(roster.service("web").value_or(kNoId), 0);  // who is known is not turned away
}

// What could not be made leaves no number behind.
TEST(Roster, AListThatWasGivenUpIsForgotten) {
  Roster roster(2, 8);
  list(roster, {"a"});
  roster.begin();
  ASSERT_TRUE(roster.service("b"));
  EXPECT_EQ(list(roster, {"a"}), std::vector<ServiceId>{0});
  EXPECT_EQ(list(roster, {"a", "c"}), (std::vector<ServiceId>{0, 1}));
}

TEST(Roster, ABackendIsOneOfItsServiceAddressAndPort) {
  Roster roster(8, 8);
  roster.begin();
  const auto number = [&](ServiceId service, std::uint32_t address, std::uint16_t port) {
    return roster.backend(service, host(address), port).value_or(kNoId);
  };
  EXPECT_EQ(number(0, 1, 80), 0);
  EXPECT_EQ(number(1, 1, 80), 1);
  EXPECT_EQ(number(0, 2, 80), 2);
  EXPECT_EQ(number(0, 1, 81), 3);
  EXPECT_EQ(number(0, 1, 80), 0);
}

}  // namespace
}  // namespace millrace::load_balancer
