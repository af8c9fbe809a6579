// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/sequence_shift.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::nat {
namespace {

using Place = SequenceShift::Place;

SequenceShift begun(std::uint32_t first) {
  SequenceShift shift;
  shift.begin(first);
  return shift;
}

TEST(SequenceShift, WithoutChangesNumbersAreTheSame) {
  const SequenceShift shift = begun(77);
  EXPECT_TRUE(shift.idle());
  for (const std::uint32_t number : {0U, 76U, 77U, 78U, 0xffffffffU}) {
    EXPECT_EQ(shift.received(number), number);
    EXPECT_EQ(shift.sent(number), number);
  }
}

// 10 bytes from 100 on become 14.
TEST(SequenceShift, WhatFollowsALongerMessageComesLater) {
  SequenceShift shift = begun(50);
  ASSERT_TRUE(shift.add(100, 10, 4));
  shift.extend(110);
  EXPECT_EQ(shift.received(99), 99U);
  EXPECT_EQ(shift.received(100), 100U);
  EXPECT_EQ(shift.received(110), 114U);
  EXPECT_EQ(shift.received(500), 504U);
  EXPECT_EQ(shift.sent(100), 100U);
  EXPECT_EQ(shift.sent(114), 110U);
  EXPECT_EQ(shift.sent(504), 500U);
}

// 10 bytes from 100 on become 7.
TEST(SequenceShift, WhatFollowsAShorterMessageComesEarlier) {
  SequenceShift shift = begun(50);
  ASSERT_TRUE(shift.add(100, 10, -3));
  shift.extend(110);
  EXPECT_EQ(shift.received(100), 100U);
  EXPECT_EQ(shift.received(110), 107U);
  EXPECT_EQ(shift.sent(107), 110U);
  // A keepalive asks with the byte before the next (RFC 9293 section 3.8.4).
  EXPECT_EQ(shift.received(109), 106U);
}

TEST(SequenceShift, HalfOfWhatWasChangedIsNotAcknowledged) {
  SequenceShift shift = begun(50);
  ASSERT_TRUE(shift.add(100, 10, 4));
  for (std::uint32_t received = 100; received < 114; ++received)
    EXPECT_EQ(shift.sent(received), 100U) << received;
  EXPECT_EQ(shift.sent(114), 110U);
}

TEST(SequenceShift, AChangeThatComesAgainIsOne) {
  SequenceShift shift = begun(50);
  ASSERT_TRUE(shift.add(100, 10, 4));
  shift.extend(110);
  EXPECT_EQ(shift.place_of(100), Place::kChanged);
  EXPECT_TRUE(shift.add(100, 10, 4));
  EXPECT_EQ(shift.received(110), 114U);
  // Not in another way.
  EXPECT_FALSE(shift.may_add(100, 5));
  EXPECT_FALSE(shift.add(100, 10, 5));
  EXPECT_EQ(shift.received(110), 114U);
}

TEST(SequenceShift, WhatHasPassedStaysAsItIs) {
  SequenceShift shift = begun(50);
  shift.extend(90);
  EXPECT_EQ(shift.place_of(50), Place::kPassed);
  EXPECT_EQ(shift.place_of(89), Place::kPassed);
  EXPECT_EQ(shift.place_of(90), Place::kNew);
  EXPECT_FALSE(shift.add(60, 10, 4));
  EXPECT_TRUE(shift.idle());
  shift.extend(80);
  EXPECT_EQ(shift.reach(), 90U);
}

TEST(SequenceShift, OnlyTheLastChangesAreRemembered) {
  SequenceShift shift = begun(0);
  static_assert(SequenceShift::kMostChanges == 16);
  for (std::uint32_t i = 1; i <= 18; ++i) {
    ASSERT_TRUE(shift.add(i * 100, 10, 1));
    shift.extend(i * 100 + 10);
  }
  EXPECT_EQ(shift.place_of(100), Place::kForgotten);
  EXPECT_EQ(shift.place_of(200), Place::kForgotten);
  EXPECT_EQ(shift.place_of(250), Place::kPassed);
  EXPECT_EQ(shift.place_of(300), Place::kChanged);
  EXPECT_FALSE(shift.may_add(200, 1));
  EXPECT_EQ(shift.received(300), 302U);
  EXPECT_EQ(shift.received(310), 313U);
  EXPECT_EQ(shift.received(1900), 1918U);
  EXPECT_EQ(shift.sent(1918), 1900U);
}

TEST(SequenceShift, NumbersWrap) {
  SequenceShift shift = begun(0xfffffff0);
  ASSERT_TRUE(shift.add(0xfffffffa, 10, 4));  // to 0x3
  shift.extend(0x4);
  EXPECT_EQ(shift.received(0xfffffff9), 0xfffffff9U);
  EXPECT_EQ(shift.received(0x4), 0x8U);
  EXPECT_EQ(shift.sent(0x8), 0x4U);
  EXPECT_EQ(shift.sent(0xfffffffe), 0xfffffffaU);
  EXPECT_EQ(shift.place_of(0x4), Place::kNew);
}

// Three times round, with a change at the beginning.
TEST(SequenceShift, AnOldChangeHoldsForAllThatFollows) {
  SequenceShift shift = begun(0);
  ASSERT_TRUE(shift.add(100, 10, 4));
  std::uint32_t end = 110;
  for (unsigned i = 0; i < 100; ++i, end += 0x08000000) {
    shift.extend(end);
    ASSERT_EQ(shift.received(end), end + 4) << i;
    ASSERT_EQ(shift.sent(end + 4), end) << i;
    ASSERT_EQ(shift.place_of(end), Place::kNew) << i;
    if (i > 20) {
      ASSERT_EQ(shift.place_of(end - 1000), Place::kPassed) << i;
    }
  }
}

TEST(SequenceShift, AnotherConnectionBeginsAnew) {
  SequenceShift shift;
  EXPECT_FALSE(shift.begun());
  EXPECT_TRUE(shift.begin(50));
  ASSERT_TRUE(shift.add(100, 10, 4));
  shift.extend(110);
  EXPECT_FALSE(shift.begin(50));  // the same again
  EXPECT_EQ(shift.received(110), 114U);
  EXPECT_TRUE(shift.begin(9000));
  EXPECT_TRUE(shift.idle());
  EXPECT_EQ(shift.reach(), 9000U);
}

// Against the two streams written out, byte by byte.
TEST(SequenceShift, AgreesWithTheStreamsWrittenOut) {
  std::mt19937 random(7);
  const auto below = [&](unsigned bound) { return static_cast<std::uint32_t>(random() % bound); };
  for (unsigned round = 0; round < 300; ++round) {
    const std::uint32_t first = round % 2 == 0 ? 0xffffff00U + below(200) : below(0xffffffff);
    SequenceShift shift = begun(first);
    std::vector<std::uint32_t> received;  // by offset of an unchanged byte; 0xffffffff of others
    std::uint32_t out = first;
    for (unsigned change = 0; change < SequenceShift::kMostChanges; ++change) {
      for (std::uint32_t plain = 1 + below(30); plain != 0; --plain) received.push_back(out++);
      const auto length = static_cast<std::uint16_t>(1 + below(20));
      const auto delta =
          static_cast<std::int32_t>(below(20)) - static_cast<std::int32_t>(std::min<unsigned>(length, 9)) + 1;
      const auto position = first + static_cast<std::uint32_t>(received.size());
      ASSERT_TRUE(shift.add(position, length, delta));
      received.push_back(out);  // the change begins where it began
      for (unsigned i = 1; i < length; ++i) received.push_back(0xffffffff);
      out += static_cast<std::uint32_t>(length + delta);
      shift.extend(position + length);
    }
    for (unsigned plain = 0; plain < 30; ++plain) received.push_back(out++);
    for (std::uint32_t i = 0; i < received.size(); ++i) {
      if (received[i] == 0xffffffff) continue;
      ASSERT_EQ(shift.received(first + i), received[i]) << round << " " << i;
      ASSERT_EQ(shift.sent(received[i]), first + i) << round << " " << i;
    }
  }
}

}  // namespace
}  // namespace millrace::nat
