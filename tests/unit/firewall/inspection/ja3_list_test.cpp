// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/ja3_list.h"

#include <set>
#include <string>

#include "tests/unit/firewall/inspection/threat_list_bed.h"

namespace millrace::firewall::inspection {
namespace {

using enum ListKind;

TEST(Ja3List, ThirtyTwoDigitsOfEitherCase) {
  const ThreatLists lists =
      list_of(kJa3, "e7d705a3286e19ea42f587b344ee6865\nE7EAC09A3B9AC5A2C6A2E6B7E7C4F0D1\n");
  EXPECT_TRUE(has_ja3(lists, "e7d705a3286e19ea42f587b344ee6865"));
  EXPECT_TRUE(has_ja3(lists, "E7D705A3286E19EA42F587B344EE6865"));
  EXPECT_TRUE(has_ja3(lists, "e7eac09a3b9ac5a2c6a2e6b7e7c4f0d1"));
  EXPECT_FALSE(has_ja3(lists, "e7d705a3286e19ea42f587b344ee6864"));
  EXPECT_FALSE(has_ja3(lists, "e7d705a3286e19ea42f587b344ee686"));
  EXPECT_FALSE(has_ja3(lists, "e7d705a3286e19ea42f587b344ee6865a"));
  EXPECT_FALSE(has_ja3(lists, "g7d705a3286e19ea42f587b344ee6865"));
  EXPECT_FALSE(has_ja3(lists, ""));
}

TEST(Ja3List, HoldsMany) {
  ListRandom random(4);
  std::set<std::string> listed;
  std::string text;
  const auto digits = [&] {
    std::string made;
    for (int i = 0; i < 32; ++i)
      made += "0123456789abcdef"[i < 30 ? static_cast<unsigned>(i) % 16 : random.below(16)];
    return made;
  };
  for (int i = 0; i < 150; ++i) text += *listed.insert(digits()).first + "\n";
  const ThreatLists lists = list_of(kJa3, text);
  EXPECT_EQ(lists.member(0).list->size(), listed.size());
  for (int i = 0; i < 500; ++i) {
    const std::string asked = digits();
    EXPECT_EQ(has_ja3(lists, asked), listed.contains(asked));
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection
