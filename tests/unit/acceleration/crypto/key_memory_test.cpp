// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/crypto/key_memory.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <span>

#include <gtest/gtest.h>

namespace millrace::crypto {
namespace {

constexpr std::size_t kSlot = 1152;

std::span<const std::uint8_t> bytes_of(const void* slot) {
  return {static_cast<const std::uint8_t*>(slot), kSlot};
}
bool is_zero(const void* slot) {
  return std::ranges::all_of(bytes_of(slot), [](std::uint8_t one) { return one == 0; });
}

TEST(KeyMemory, GivesAlignedSlotsThatDoNotOverlap) {
  KeyMemory memory(kSlot);
  std::set<std::uintptr_t> taken;
  for (int i = 0; i < 1000; ++i) {  // several chunks
    const auto slot = memory.take();
    ASSERT_TRUE(slot);
    EXPECT_TRUE(is_zero(*slot));
    std::memset(*slot, 0x5a, kSlot);
    taken.insert(reinterpret_cast<std::uintptr_t>(*slot));
  }
  std::uintptr_t before = 0;
  for (const std::uintptr_t at : taken) {
    EXPECT_EQ(at % 64, 0U);
    EXPECT_TRUE(before == 0 || at - before >= kSlot);
    before = at;
  }
  EXPECT_EQ(taken.size(), 1000U);
}

TEST(KeyMemory, WipesWhatIsGivenBack) {
  KeyMemory memory(kSlot);
  void* const slot = *memory.take();
  std::memset(slot, 0x5a, kSlot);
  memory.give_back(slot);
  EXPECT_TRUE(is_zero(slot));
  EXPECT_EQ(*memory.take(), slot);
}

}  // namespace
}  // namespace millrace::crypto
