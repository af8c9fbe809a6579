// SPDX-License-Identifier: BSD-3-Clause
#include "common/base/event_ring.h"

#include <algorithm>
#include <array>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace millrace {
namespace {

struct Record {
  std::uint64_t number;
  std::array<std::uint64_t, 15> copies;  // of the number: a torn record shows
};

Record nth(std::uint64_t number) {
  Record record{number, {}};
  record.copies.fill(number);
  return record;
}

TEST(EventRing, GivesBackInOrderAndAcrossTheEnd) {
  EventRing<int> ring(4);
  std::array<int, 8> out{};
  int next = 0;
  int expected = 0;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(ring.push(next++));
    ASSERT_EQ(ring.pop(out), 3U);
    for (unsigned i = 0; i < 3; ++i) ASSERT_EQ(out[i], expected++);
  }
  EXPECT_EQ(ring.pop(out), 0U);
  EXPECT_EQ(ring.written(), 30U);
  EXPECT_EQ(ring.lost(), 0U);
}

TEST(EventRing, CountsWhatDoesNotFitAndKeepsTheOlder) {
  EventRing<int> ring(3);  // rounded up to 4
  ASSERT_EQ(ring.capacity(), 4U);
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(ring.full(), i >= 4);
    EXPECT_EQ(ring.push(i), i < 4);
  }
  EXPECT_EQ(ring.lost(), 3U);
  std::array<int, 2> out{};
  ASSERT_EQ(ring.pop(out), 2U);
  EXPECT_EQ(out, (std::array{0, 1}));
  EXPECT_FALSE(ring.full());
  EXPECT_TRUE(ring.push(7));  // there is room again
  EXPECT_TRUE(ring.push(8));
  EXPECT_FALSE(ring.push(9));
  std::array<int, 8> rest{};
  ASSERT_EQ(ring.pop(rest), 4U);
  EXPECT_EQ(std::vector<int>(rest.begin(), rest.begin() + 4), (std::vector{2, 3, 7, 8}));
}

TEST(EventRing, WithoutRoomLosesAll) {
  EventRing<int> ring(0);
  EXPECT_FALSE(ring.push(1));
  EXPECT_EQ(ring.lost(), 1U);
  std::array<int, 1> out{};
  EXPECT_EQ(ring.pop(out), 0U);
}

TEST(EventRing, ThreadsLoseOnlyWhatIsCounted) {
  constexpr std::uint64_t kRecords = 200'000;
  EventRing<Record> ring(64);
  std::atomic<bool> done{false};
  std::uint64_t accepted = 0;
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < kRecords; ++i) accepted += ring.push(nth(i)) ? 1 : 0;
    done.store(true, std::memory_order_release);
  });
  std::uint64_t read = 0;
  std::uint64_t next = 0;
  bool whole = true;
  bool ordered = true;
  std::array<Record, 32> out{};
  for (;;) {
    const bool last = done.load(std::memory_order_acquire);
    const std::size_t count = ring.pop(out);
    for (std::size_t i = 0; i < count; ++i) {
      const Record& record = out[i];
      ordered = ordered && record.number >= next;
      next = record.number + 1;
      whole = whole && std::all_of(record.copies.begin(), record.copies.end(),
                                   [&](std::uint64_t copy) { return copy == record.number; });
    }
    read += count;
    if (last && count == 0) break;
  }
  writer.join();
  EXPECT_TRUE(whole);
  EXPECT_TRUE(ordered);
  EXPECT_EQ(read, accepted);
  EXPECT_EQ(read + ring.lost(), kRecords);
}

}  // namespace
}  // namespace millrace
