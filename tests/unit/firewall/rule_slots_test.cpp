// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/rule_slots.h"

#include <gtest/gtest.h>

namespace millrace::firewall {
namespace {

using Names = std::vector<std::string>;
using Slots = std::vector<std::uint32_t>;

TEST(RuleSlots, ARuleKeepsItsSlotWhereverItStands) {
  RuleSlots slots(16);
  const auto first = slots.assign(Names{"a", "b"});
  ASSERT_TRUE(first);
  const auto second = slots.assign(Names{"c", "b", "a"});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->slots[1], first->slots[1]);
  EXPECT_EQ(second->slots[2], first->slots[0]);
  EXPECT_EQ(slots.name(first->slots[0]), "a");
  EXPECT_EQ(slots.find("c"), second->slots[0]);
  EXPECT_EQ(slots.find("d"), std::nullopt);
}

TEST(RuleSlots, TheDefaultHasSlotZeroAndARuleOfThatNameAnother) {
  RuleSlots slots(16);
  EXPECT_EQ(slots.name(RuleSlots::kDefault), "default");
  EXPECT_EQ(slots.find("default"), RuleSlots::kDefault);
  const auto assigned = slots.assign(Names{"default"});
  ASSERT_TRUE(assigned);
  EXPECT_NE(assigned->slots[0], RuleSlots::kDefault);
  EXPECT_EQ(slots.find("default"), assigned->slots[0]);
}

TEST(RuleSlots, ARuleThatComesBackHasItsSlotAgain) {
  RuleSlots slots(16);
  const std::uint32_t slot = slots.assign(Names{"a"})->slots[0];
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(slots.assign(Names{"b"}));
  EXPECT_EQ(slots.assign(Names{"a"})->slots[0], slot);
}

TEST(RuleSlots, WhenFullTheErrorNamesTheRuleAndNothingChanges) {
  RuleSlots slots(4);  // three rules
  const auto running = slots.assign(Names{"a", "b"});
  ASSERT_TRUE(running);
  const auto failed = slots.assign(Names{"a", "c", "d", "e"});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("rule d"), std::string::npos) << failed.error().message();
  EXPECT_EQ(slots.find("c"), std::nullopt);
  EXPECT_TRUE(slots.assign(Names{"a", "b", "c"}));
}

TEST(RuleSlots, ASlotIsReusedOnlyLongAfterItsLastPolicy) {
  RuleSlots slots(3);  // two rules
  auto running = slots.assign(Names{"a", "b"});
  ASSERT_TRUE(running);
  const Slots held = running->slots;
  // As long as a policy has the rules, nothing is free, however many are tried.
  for (unsigned i = 0; i < 3 * RuleSlots::kKeptFor; ++i) ASSERT_FALSE(slots.assign(Names{"c"}));
  running = slots.assign(Names{"b"});
  ASSERT_TRUE(running);
  unsigned tries = 1;
  auto next = slots.assign(Names{"b", "c"});
  for (; !next && tries < 100; ++tries) next = slots.assign(Names{"b", "c"});
  ASSERT_TRUE(next);
  EXPECT_GE(tries, RuleSlots::kKeptFor);
  EXPECT_EQ(next->slots[0], held[1]);
  EXPECT_EQ(next->slots[1], held[0]);
  EXPECT_EQ(slots.find("a"), std::nullopt);
  const auto holders = slots.holders();
  ASSERT_EQ(holders.size(), 3U);
  EXPECT_EQ(holders[held[0]].name, "c");
  EXPECT_EQ(holders[held[0]].tenancy, 1U);
  EXPECT_EQ(holders[held[1]].tenancy, 0U);
}

TEST(RuleSlots, ALeaseMayOutliveTheRegistry) {
  std::shared_ptr<const void> lease;
  {
    RuleSlots slots(8);
    lease = slots.assign(Names{"a"})->lease;
  }
  lease.reset();
}

}  // namespace
}  // namespace millrace::firewall
