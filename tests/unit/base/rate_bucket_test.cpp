// SPDX-License-Identifier: BSD-3-Clause
#include "common/base/rate_bucket.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(RateBucket, GivesTheBurstAtOnceAndThenTheRate) {
  RateBucket bucket;
  const auto taken = [&](Tick now) {
    unsigned count = 0;
    for (; count < 1000 && bucket.ready(50, 20, now); ++count) bucket.take(50);
    return count;
  };
  EXPECT_EQ(taken(7), 20U);
  EXPECT_EQ(taken(7), 0U);
  EXPECT_EQ(taken(7 + 19), 0U);  // 50 per second: one every 20 ms
  EXPECT_EQ(taken(7 + 20), 1U);
  EXPECT_EQ(taken(7 + 220), 10U);
  EXPECT_EQ(taken(7 + 60'000), 20U);  // never more than the burst
}

TEST(RateBucket, KeepsItsRateOverManyMilliseconds) {
  RateBucket bucket;
  unsigned taken = 0;
  for (Tick now = 0; now < 10'000; ++now) {
    while (bucket.ready(333, 3, now)) {
      bucket.take(333);
      ++taken;
    }
  }
  EXPECT_NEAR(taken, 3330, 4);
}

TEST(RateBucket, IsFullWhereverTheClockStands) {
  for (const Tick now : {0U, 1U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    RateBucket bucket;
    EXPECT_TRUE(bucket.ready(1, 1, now)) << now;
    bucket.take(1);
    EXPECT_FALSE(bucket.ready(1, 1, now)) << now;
    EXPECT_TRUE(bucket.ready(1, 1, now + 1000)) << now;  // past the wrap of the clock, too
  }
}

TEST(RateBucket, TakesANewRateOver) {
  RateBucket bucket;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(bucket.ready(100, 100, 0));
    bucket.take(100);
  }
  EXPECT_FALSE(bucket.ready(10, 10, 1000));  // 100 spent, 10 come back
  EXPECT_TRUE(bucket.ready(1000, 1000, 1001));
}

// How many are let through in a time when more than enough are asked for every 10 ms.
unsigned let_through(const Pace& pace, std::uint32_t burst, Tick milliseconds) {
  RateBucket bucket;
  unsigned count = 0;
  for (Tick now = 0; now < milliseconds; now += 10) {
    for (; bucket.ready(pace, burst, now); ++count) bucket.take(pace);
  }
  return count;
}

TEST(RateBucket, HoldsPacesSlowerThanOnePerSecond) {
  constexpr Tick kHour = 3'600'000;
  EXPECT_EQ(let_through(Pace(1, 6), 1, kHour), 600U);        // ten a minute
  EXPECT_EQ(let_through(Pace(7, 3600), 1, kHour), 7U);       // seven an hour
  EXPECT_EQ(let_through(Pace(7, 3600), 5, kHour), 5U + 6U);  // and the last one comes back at its end
  EXPECT_EQ(let_through(Pace(1, 6).share(4), 1, kHour), 150U);
  EXPECT_EQ(let_through(Pace(10).share(4), 1, 60'000), 150U);  // two and a half a second
}

TEST(RateBucket, AFasterPaceDoesNotPayForASlowOne) {
  const Pace slow(7, 3600);
  RateBucket bucket;
  for (std::uint32_t i = 0; i < RateBucket::most_burst(slow); ++i) {
    ASSERT_TRUE(bucket.ready(slow, 1'000'000, 0)) << i;
    bucket.take(slow);
  }
  EXPECT_FALSE(bucket.ready(slow, 1'000'000, 0));
  EXPECT_FALSE(bucket.ready(1, 1, 0));
  EXPECT_TRUE(bucket.ready(1, 1, 1000));
}

}  // namespace
}  // namespace millrace
