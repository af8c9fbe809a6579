// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/block_arena.h"

#include <cstring>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::dpi {
namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 30;

TEST(BlockArena, GivesABlockThatCanBeWritten) {
  BlockArena arena(1 << 20);
  BlockArena::Holder holder{.number = 7};
  auto* block = static_cast<std::byte*>(arena.take(300, kPlenty, holder));
  ASSERT_NE(block, nullptr);
  std::memset(block, 1, 300);
  EXPECT_EQ(arena.size_of(block, holder), 300U);
  EXPECT_EQ(holder.bytes, 512U);
  EXPECT_TRUE(arena.give_back(block, holder));
  EXPECT_EQ(holder.bytes, 0U);
  EXPECT_EQ(arena.untouched(), 16U);
}

TEST(BlockArena, RefusesWhatIsTooMuch) {
  BlockArena arena(1 << 20);
  BlockArena::Holder holder;
  EXPECT_EQ(arena.take(BlockArena::kLargest + 1, kPlenty, holder), nullptr);
  EXPECT_EQ(arena.take(std::size_t{0} - 1, kPlenty, holder), nullptr);
  EXPECT_EQ(arena.take(513, 1000, holder), nullptr);
  EXPECT_EQ(holder.refused, 3U);
  EXPECT_NE(arena.take(512, 1000, holder), nullptr);
  EXPECT_EQ(arena.take(512, 1000, holder), nullptr);
  EXPECT_NE(arena.take(0, 1000, holder), nullptr);
  EXPECT_EQ(holder.bytes, 640U);
  EXPECT_EQ(arena.give_back_all(holder), 2U);
}

TEST(BlockArena, RefusesPointersThatAreNoBlocksOfTheHolders) {
  BlockArena arena(1 << 20);
  BlockArena::Holder one{.number = 1};
  BlockArena::Holder two{.number = 2};
  auto* block = static_cast<std::byte*>(arena.take(1000, kPlenty, one));
  int elsewhere = 0;
  EXPECT_FALSE(arena.give_back(block, two));
  EXPECT_FALSE(arena.give_back(block + 1, one));
  EXPECT_FALSE(arena.give_back(block + BlockArena::kSmallest, one));
  EXPECT_FALSE(arena.give_back(&elsewhere, one));
  EXPECT_FALSE(arena.give_back(nullptr, one));
  EXPECT_TRUE(arena.give_back(block, one));
  EXPECT_FALSE(arena.give_back(block, one));
  EXPECT_EQ(arena.size_of(block, one), 0U);
}

TEST(BlockArena, IsWholeAgainWhenAllIsGivenBack) {
  BlockArena arena(4 * BlockArena::kLargest);
  BlockArena::Holder holder;
  std::size_t blocks = 0;
  while (arena.take(1, kPlenty, holder) != nullptr) ++blocks;
  EXPECT_EQ(blocks, 4 * BlockArena::kLargest / BlockArena::kSmallest);
  EXPECT_EQ(arena.untouched(), 0U);
  EXPECT_EQ(arena.give_back_all(holder), blocks);
  EXPECT_EQ(arena.untouched(), 4U);
  for (int i = 0; i < 4; ++i) EXPECT_NE(arena.take(BlockArena::kLargest, kPlenty, holder), nullptr);
}

// Beside a model that knows where each block is and what was written in it.
TEST(BlockArena, GivesBlocksThatAreApart) {
  struct Block {
    std::size_t size;
    unsigned holder;
  };
  BlockArena arena(8 * BlockArena::kLargest);
  std::vector<BlockArena::Holder> holders(5);
  for (unsigned i = 0; i < holders.size(); ++i) holders[i].number = i + 10;
  std::map<std::byte*, Block> model;
  std::mt19937 random(4);
  for (int step = 0; step < 8000; ++step) {
    const auto who = static_cast<unsigned>(random() % 5);
    if (random() % 2 == 0) {
      const std::size_t size = 1 + random() % (std::size_t{1} << (4 + random() % 12));
      auto* block = static_cast<std::byte*>(arena.take(size, kPlenty, holders[who]));
      if (block == nullptr) continue;
      std::memset(block, static_cast<int>(size % 251), size);
      const auto next = model.lower_bound(block);
      EXPECT_TRUE(next == model.end() || block + size <= next->first);
      EXPECT_TRUE(next == model.begin() || std::prev(next)->first + std::prev(next)->second.size <= block);
      model[block] = {size, who};
    } else if (!model.empty()) {
      const auto gone = std::next(model.begin(), random() % static_cast<unsigned>(model.size()));
      for (std::size_t i = 0; i < gone->second.size; ++i)
        ASSERT_EQ(gone->first[i], static_cast<std::byte>(gone->second.size % 251));
      EXPECT_TRUE(arena.give_back(gone->first, holders[gone->second.holder]));
      model.erase(gone);
    }
  }
  for (auto& holder : holders) arena.give_back_all(holder);
  EXPECT_EQ(arena.untouched(), 8U);
  EXPECT_EQ(arena.taken(), 0U);
}

}  // namespace
}  // namespace millrace::dpi
