// SPDX-License-Identifier: BSD-3-Clause
// Who is looked at, how often, and how much at a time.
#include "common/flow/table_sweep.h"

#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "common/flow/flow_table.h"

namespace millrace::flow {
namespace {

struct SweptRecord {
  FlowKey key;
  Ipv6Pair addresses;
};
using SweptTable = FlowTable<SweptRecord>;

RecordIndex open(SweptTable& table, std::uint32_t number) {
  FlowLookup out;
  make_ipv4_lookup(out, net::Ipv4Address{be32(number + 1)}, net::Ipv4Address{be32(0xc0000201)}, be16(1000),
                   be16(53), net::protocol::kUdp, 0, 42);
  return table.insert(out);
}

TEST(TableSweep, ARoundTakesAsLongAsItsTableIsLarge) {
  EXPECT_EQ(TableSweep::round_of(0), 1'000U);
  EXPECT_EQ(TableSweep::round_of(1), 1'000U);
  EXPECT_EQ(TableSweep::round_of(100'000), 1'000U);
  EXPECT_EQ(TableSweep::round_of(400'000), 4'000U);
  EXPECT_EQ(TableSweep::round_of(1'000'000), 10'000U);
  EXPECT_EQ(TableSweep::round_of(64'000'000), 10'000U);
}

// Sessions come and go while the clock, which wraps on the way, moves on by steps of any size.
TEST(TableSweep, ComesToEverySessionInEveryRoundAndToNothingElse) {
  for (const std::uint32_t capacity : {1U, 40U, 3'000U, 250'000U}) {
    SCOPED_TRACE(capacity);
    std::mt19937 random(capacity);
    const Tick start = 0xffffffffU - 3'000;
    SweptTable table(capacity, 42);
    TableSweep sweep(start);
    const std::uint32_t kept = (capacity + 1) / 2;  // the others are replaced all the time
    std::vector<std::uint64_t> seen(capacity);      // on a clock that does not wrap; of the kept ones
    std::vector<RecordIndex> passing;
    std::uint32_t next = 0;
    for (; next < kept; ++next) seen[open(table, next)] = start;
    while (passing.size() < capacity - kept) passing.push_back(open(table, next++));
    ASSERT_EQ(table.reach(), capacity);

    const Tick round = std::max<Tick>(1'000, capacity / 100);
    std::uint64_t now = start;
    std::uint64_t visits = 0;
    const std::uint64_t end = start + 4 * std::uint64_t{round};
    while (now < end) {
      now += random() % 3;
      // A busy worker polls some hundred times a millisecond; a table of this size needs a few.
      for (int call = 0; call < 8; ++call) {
        unsigned in_call = 0;
        sweep.advance(table, static_cast<Tick>(now), [&](RecordIndex index) {
          ASSERT_TRUE(table.in_use(index));
          seen[index] = now;
          ++in_call;
        });
        ASSERT_LE(in_call, 32U);
        visits += in_call;
      }
      if (!passing.empty() && random() % 4 == 0) {
        RecordIndex& one = passing[random() % passing.size()];
        table.erase(one);
        one = open(table, next++);
      }
      if (now < start + 2 * round || random() % 64 != 0) continue;
      for (std::uint32_t index = 0; index < kept; ++index) {
        ASSERT_GE(seen[index] + round + 20, now) << "session " << index << " waits too long";
      }
    }
    const double rounds = static_cast<double>(visits) / capacity;
    EXPECT_NEAR(rounds, 4, 0.1 + 2.0 / capacity);
  }
}

TEST(TableSweep, DoesNothingWhenThereIsNothing) {
  SweptTable table(1'000, 42);
  TableSweep sweep(0);
  unsigned visits = 0;
  const auto count = [&](RecordIndex) { ++visits; };
  for (Tick now = 0; now < 5'000; ++now) sweep.advance(table, now, count);
  const RecordIndex only = open(table, 1);
  EXPECT_EQ(visits, 0U);
  for (Tick now = 5'000; now < 10'000; ++now) sweep.advance(table, now, count);
  EXPECT_GE(visits, 4U);
  EXPECT_LE(visits, 5U);
  table.erase(only);
  visits = 0;
  for (Tick now = 10'000; now < 15'000; ++now) sweep.advance(table, now, count);
  EXPECT_EQ(visits, 0U);
}

// A worker that stood still for long, or whose clock was set back, owes one round and no more.
TEST(TableSweep, OwesNoMoreThanARound) {
  SweptTable table(100, 42);
  TableSweep sweep(0);
  for (std::uint32_t i = 0; i < 100; ++i) ASSERT_NE(open(table, i), kNoRecord);
  for (const Tick now : {1'000'000U, 500'000U, 3'000'000'000U}) {
    unsigned visits = 0;
    for (int call = 0; call < 100; ++call) sweep.advance(table, now, [&](RecordIndex) { ++visits; });
    EXPECT_LE(visits, 100U);
  }
}

}  // namespace
}  // namespace millrace::flow
