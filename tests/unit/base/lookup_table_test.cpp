// SPDX-License-Identifier: BSD-3-Clause
#include "common/base/lookup_table.h"

#include <cstdint>
#include <random>
#include <unordered_map>

#include <gtest/gtest.h>

namespace millrace {
namespace {

// Collides as often as `kinds` says: that many different hashes.
template <std::uint64_t kinds>
struct Key {
  std::uint32_t number = 0;

  bool operator==(const Key&) const noexcept = default;
  [[nodiscard]] std::uint64_t hash() const noexcept { return number % kinds * 0x9e3779b97f4a7c15U; }
};

template <std::uint64_t kinds>
void compare_with_the_standard_library() {
  std::mt19937 random(7);
  LookupTable<Key<kinds>, std::uint32_t> table;
  std::unordered_map<std::uint32_t, std::uint32_t> oracle;
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.find({1}), nullptr);
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const auto number = static_cast<std::uint32_t>(random() % 1500);
    EXPECT_EQ(table.add({number}, i), oracle.emplace(number, i).second);
  }
  for (std::uint32_t number = 0; number < 2000; ++number) {
    const auto known = oracle.find(number);
    const std::uint32_t* found = table.find({number});
    ASSERT_EQ(found != nullptr, known != oracle.end()) << number;
    if (found != nullptr) EXPECT_EQ(*found, known->second) << "the first value stays";
  }
}

TEST(LookupTable, FindsWhatTheStandardLibraryFinds) { compare_with_the_standard_library<1U << 31U>(); }
TEST(LookupTable, TheSameWhenHashesCollide) { compare_with_the_standard_library<13>(); }

}  // namespace
}  // namespace millrace
