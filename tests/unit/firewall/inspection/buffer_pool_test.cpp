// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <random>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

constexpr std::uint32_t kKiB = 1024;
constexpr std::uint32_t kMiB = 1024 * kKiB;

TEST(BufferPool, BlocksArePowersOfTwo) {
  EXPECT_EQ(BufferPool::block_size(0), kKiB);
  EXPECT_EQ(BufferPool::block_size(1024), kKiB);
  EXPECT_EQ(BufferPool::block_size(1025), 2 * kKiB);
  EXPECT_EQ(BufferPool::block_size(kMiB - 1), kMiB);
  EXPECT_EQ(BufferPool::block_size(kMiB), kMiB);
  EXPECT_EQ(BufferPool::block_size(kMiB + 1), 0U);
}

TEST(BufferPool, GivesAllItHasAndRefusesTheRest) {
  BufferPool pool(2 * kMiB + 3 * kKiB + 17);
  EXPECT_EQ(pool.capacity(), 2 * kMiB + 3 * kKiB);
  const std::vector<BlockNumber> blocks = {pool.take(kMiB), pool.take(kMiB), pool.take(2 * kKiB),
                                           pool.take(1)};
  for (const BlockNumber block : blocks) EXPECT_NE(block, kNoBlock);
  EXPECT_EQ(pool.bytes_in_use(), pool.capacity());
  EXPECT_EQ(pool.take(1), kNoBlock);
  EXPECT_EQ(pool.take(kMiB + 1), kNoBlock) << "more than any block";
  EXPECT_EQ(pool.refusals(), 2U);
  for (const BlockNumber block : blocks) pool.give_back(block);
  pool.give_back(kNoBlock);
  EXPECT_EQ(pool.bytes_in_use(), 0U);
  EXPECT_NE(pool.take(kMiB), kNoBlock) << "halves are joined again";
  EXPECT_NE(pool.take(kMiB), kNoBlock);
}

TEST(BufferPool, AnEmptyOneRefuses) {
  BufferPool pool(kKiB - 1);
  EXPECT_EQ(pool.capacity(), 0U);
  EXPECT_EQ(pool.take(1), kNoBlock);
  EXPECT_EQ(pool.refusals(), 1U);
}

// Beside the pool, a map of its small blocks, in which a free place is looked for one by one.
class Mapped {
 public:
  explicit Mapped(std::uint32_t units) : pool_(std::size_t{units} * kKiB), owner_(units, kNoBlock) {}

  void take(std::uint32_t bytes, std::uint8_t mark) {
    const std::uint32_t size = std::bit_ceil(std::max(bytes, kKiB));
    const bool fits = has_place(size / kKiB);
    const std::uint64_t refusals = pool_.refusals();
    const BlockNumber block = pool_.take(bytes);
    ASSERT_EQ(block != kNoBlock, fits) << bytes;
    ASSERT_EQ(pool_.refusals(), refusals + (fits ? 0 : 1));
    if (!fits) return;
    const std::uint32_t first = block - 1;
    ASSERT_EQ(first % (size / kKiB), 0U);
    ASSERT_LE(first + size / kKiB, owner_.size());
    for (std::uint32_t i = first; i < first + size / kKiB; ++i) {
      ASSERT_EQ(owner_[i], kNoBlock) << "two blocks in one place";
      owner_[i] = block;
    }
    std::ranges::fill(pool_.bytes(block, size), mark);
    taken_[block] = {size, mark};
  }
  void give_back(std::size_t which) {
    if (taken_.empty()) return;
    const auto at = std::next(taken_.begin(), static_cast<std::ptrdiff_t>(which % taken_.size()));
    const auto [block, what] = *at;
    const Bytes bytes = pool_.bytes(block, what.size);
    ASSERT_TRUE(std::ranges::all_of(bytes, [mark = what.mark](std::uint8_t byte) { return byte == mark; }));
    pool_.give_back(block);
    std::ranges::replace(owner_, block, kNoBlock);
    taken_.erase(at);
  }
  void check() const {
    ASSERT_EQ(pool_.bytes_in_use(),
              std::accumulate(taken_.begin(), taken_.end(), std::uint64_t{0},
                              [](std::uint64_t sum, const auto& one) { return sum + one.second.size; }));
  }
  [[nodiscard]] bool empty() const { return taken_.empty(); }

 private:
  struct Taken {
    std::uint32_t size;
    std::uint8_t mark;
  };
  [[nodiscard]] bool has_place(std::uint32_t units) const {
    for (std::size_t at = 0; at + units <= owner_.size(); at += units) {
      const auto begin = owner_.begin() + static_cast<std::ptrdiff_t>(at);
      if (std::all_of(begin, begin + units, [](BlockNumber block) { return block == kNoBlock; })) return true;
    }
    return false;
  }

  BufferPool pool_;
  std::vector<BlockNumber> owner_;  // of each small block
  std::map<BlockNumber, Taken> taken_;
};

TEST(BufferPool, AgreesWithAMapOfItsMemory) {
  std::mt19937 random(7);
  const auto below = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
  for (const std::uint32_t units : {1U, 2U, 5U, 64U, 127U, 1027U}) {
    Mapped mapped(units);
    for (int step = 0; step < 400; ++step) {
      if (below(100) < 55) {
        mapped.take(1 + below(kKiB << below(8)), static_cast<std::uint8_t>(step));
      } else {
        mapped.give_back(random());
      }
      mapped.check();
      if (HasFatalFailure()) return;
    }
    while (!mapped.empty()) mapped.give_back(0);
    mapped.take(std::bit_floor(std::min(units, 1024U)) * kKiB, 1);  // all is joined again
    mapped.check();
  }
}

std::vector<std::uint8_t> numbered(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  return bytes;
}

// Grows from nothing to the largest block. What else is in use stays.
void expect_growth(BufferPool& pool, unsigned expected_moves) {
  static_assert(std::is_trivially_copyable_v<PooledBytes>);
  const std::vector<std::uint8_t> source = numbered(kMiB);
  const std::uint64_t others = pool.bytes_in_use();
  PooledBytes bytes{};
  EXPECT_TRUE(bytes.bytes(pool).empty());
  unsigned moves = 0;
  for (std::size_t at = 0, length = 1; at < source.size(); at += length, length = length % 3000 + 13) {
    const BlockNumber before = bytes.block;
    length = std::min(length, source.size() - at);
    ASSERT_TRUE(bytes.append(pool, Bytes(source).subspan(at, length)));
    moves += bytes.block != before ? 1 : 0;
    ASSERT_EQ(bytes.size, at + length);
    ASSERT_EQ(pool.bytes_in_use(), others + bytes.capacity) << "what it has grown out of is given back";
  }
  EXPECT_TRUE(std::ranges::equal(bytes.bytes(pool), source));
  EXPECT_EQ(moves, expected_moves);
  EXPECT_FALSE(bytes.append(pool, Bytes(source).first(1))) << "more than the largest block";
  EXPECT_TRUE(bytes.append(pool, {}));
  EXPECT_TRUE(std::ranges::equal(bytes.bytes(pool), source));
  bytes.clear(pool);
  EXPECT_EQ(bytes.size, 0U);
  EXPECT_EQ(pool.bytes_in_use(), others);
}

TEST(PooledBytes, GrowAtTheEnd) {
  BufferPool pool(2 * kMiB);
  expect_growth(pool, 6);  // 1, 4, 16, 64, 256 KiB and 1 MiB
}

TEST(PooledBytes, GrowInSmallerStepsWhenMemoryIsShort) {
  BufferPool pool(4 * kMiB);
  for (int i = 0; i < 2; ++i) ASSERT_NE(pool.take(kMiB), kNoBlock);
  ASSERT_NE(pool.take(1), kNoBlock);
  expect_growth(pool, 11);  // one for each size of block
}

TEST(PooledBytes, StayAsTheyAreWhenThereIsNoRoom) {
  BufferPool pool(4 * kKiB);
  const BlockNumber other = pool.take(1);
  const std::vector<std::uint8_t> source = numbered(3 * kKiB);
  PooledBytes bytes{};
  ASSERT_TRUE(bytes.append(pool, Bytes(source).first(2000)));
  EXPECT_FALSE(bytes.append(pool, Bytes(source).subspan(2000))) << "4 KiB would have to lie beside the 2";
  EXPECT_EQ(pool.refusals(), 1U);
  EXPECT_TRUE(std::ranges::equal(bytes.bytes(pool), Bytes(source).first(2000)));
  EXPECT_TRUE(bytes.append(pool, Bytes(source).subspan(2000, 48)));
  bytes.clear(pool);
  pool.give_back(other);
  EXPECT_TRUE(bytes.append(pool, source));
}

TEST(PooledBytes, AnEmptyAppendTakesNothing) {
  BufferPool pool(4 * kKiB);
  PooledBytes bytes{};
  EXPECT_TRUE(bytes.append(pool, {}));
  EXPECT_EQ(bytes.block, kNoBlock);
  bytes.clear(pool);
  EXPECT_EQ(pool.bytes_in_use(), 0U);
}

}  // namespace
}  // namespace millrace::firewall::inspection
