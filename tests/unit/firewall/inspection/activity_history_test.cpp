// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/activity_history.h"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

constexpr SipKey kHistorySeed = {5, 6};
constexpr std::uint32_t kStart = 10'000;

ActivitySubject subject(std::uint32_t number) {
  return {.who = flow::SourceKey(net::Ipv4Address{be32(number)}, {}, 0),
          .other = {},
          .domain_hash = 0,
          .port = 22,
          .protocol = 6};
}

TEST(ActivityHistory, AWindowIsTheSecondsOfItsTwoPanes) {
  ActivityHistory history(Track::kPort, 64, kHistorySeed);
  std::mt19937 random(8);
  std::map<std::uint32_t, std::uint32_t> opened;  // by second
  for (std::uint32_t second = kStart; second < kStart + 4000;
       second += 1 + static_cast<std::uint32_t>(random() % (random() % 50 == 0 ? 400 : 4))) {
    const auto count = static_cast<std::uint32_t>(random() % 10);
    opened[second] = count;
    ActivityRecord& record = history.add(
        subject(1), {.opened = count, .refused = 0, .answered = count / 2, .marked = 0}, {}, second);
    for (std::size_t w = 0; w < kWindows; ++w) {
      const std::uint32_t half = kWindowSeconds[w] / 2;
      const std::uint32_t from = (second / half - 1) * half;
      std::uint32_t sum = 0;
      std::uint32_t answered = 0;
      for (auto at = opened.lower_bound(from); at != opened.end(); ++at) {
        sum += at->second;
        answered += at->second / 2;
      }
      ASSERT_EQ(record.counts(w).opened, sum) << w;
      ASSERT_EQ(record.covered(w, second, kStart), std::max(1U, second - std::max(from, kStart))) << w;
      // What came in this second may still be answered.
      const std::uint32_t settled = sum - count;
      ASSERT_EQ(record.unanswered(w, second), settled > answered ? settled - answered : 0) << w;
      ASSERT_EQ(record.unanswered(w, second + 1), sum - answered) << w;
    }
  }
}

TEST(ActivityHistory, WhatFailsStaysWhatIsAnsweredGivesWay) {
  ActivityHistory history(Track::kPort, 64, kHistorySeed);
  for (std::uint32_t i = 0; i < 8; ++i)
    history.add(subject(i), {.opened = 30, .refused = 0, .answered = 0, .marked = 0}, {}, kStart);
  for (std::uint32_t i = 100; i < 10'100; ++i)
    history.add(subject(i), {.opened = 1, .refused = 0, .answered = 1, .marked = 0}, {}, kStart + i / 100);
  EXPECT_GT(history.evicted(), 9000U);
  std::set<std::string> left;
  history.for_each(kStart + 101, [&](const ActivityRecord& record) {
    if (record.counts(kWindows - 1).opened == 30) left.insert(record.subject.who.address().to_string());
  });
  EXPECT_EQ(left.size(), 8U);
}

TEST(ActivityHistory, ForgetsWhoDidNothingForItsLongestWindow) {
  ActivityHistory history(Track::kPort, 64, kHistorySeed);
  history.add(subject(1), {.opened = 30, .refused = 0, .answered = 0, .marked = 0}, {}, kStart);
  unsigned visited = 0;
  history.for_each(kStart + 3600, [&](const ActivityRecord&) { ++visited; });
  EXPECT_EQ(visited, 1U);
  history.for_each(kStart + 3601, [&](const ActivityRecord&) { ++visited; });
  EXPECT_EQ(visited, 1U);
}

}  // namespace
}  // namespace millrace::firewall::inspection
