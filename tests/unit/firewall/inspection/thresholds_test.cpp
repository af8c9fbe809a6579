// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/thresholds.h"

#include <string>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

using Kind = Threshold::Kind;
using Track = Threshold::Track;

net::IpAddress host(std::uint32_t number) { return net::Ipv4Address{be32(0x0a000000U | number)}; }

// One match a second: '1' where it passes.
std::string told(const Threshold& threshold, int matches, Tick begin = 0) {
  Thresholds thresholds(64, {1, 2});
  std::string text;
  for (int i = 0; i < matches; ++i)
    text +=
        thresholds.passes(threshold, 7, host(1), host(2), begin + static_cast<Tick>(i) * 1000) ? '1' : '0';
  return text;
}

TEST(Thresholds, EachKind) {
  EXPECT_EQ(told({.kind = Kind::kLimit, .count = 2, .seconds = 5}, 12), "110001100011");
  EXPECT_EQ(told({.kind = Kind::kThreshold, .count = 3, .seconds = 100}, 9), "001001001");
  EXPECT_EQ(told({.kind = Kind::kThreshold, .count = 3, .seconds = 2}, 9), "000000000");
  EXPECT_EQ(told({.kind = Kind::kBoth, .count = 3, .seconds = 5}, 12), "001000010000");
  EXPECT_EQ(told({.kind = Kind::kFilter, .count = 3, .seconds = 6}, 12), "000111000111");
}

TEST(Thresholds, TimeMayWrap) {
  EXPECT_EQ(told({.kind = Kind::kLimit, .count = 2, .seconds = 5}, 12, 0U - 3000), "110001100011");
}

TEST(Thresholds, CountApartWhatIsTrackedApart) {
  const auto first_and_second = [](Track track, std::uint32_t key, std::uint32_t source,
                                   std::uint32_t destination) {
    Thresholds thresholds(64, {1, 2});
    const Threshold once{.kind = Kind::kLimit, .track = track, .count = 1, .seconds = 60};
    EXPECT_TRUE(thresholds.passes(once, 7, host(1), host(2), 0));
    return thresholds.passes(once, key, host(source), host(destination), 0);
  };
  EXPECT_FALSE(first_and_second(Track::kSource, 7, 1, 9));
  EXPECT_TRUE(first_and_second(Track::kSource, 7, 9, 2));
  EXPECT_FALSE(first_and_second(Track::kDestination, 7, 9, 2));
  EXPECT_TRUE(first_and_second(Track::kDestination, 7, 1, 9));
  EXPECT_FALSE(first_and_second(Track::kRule, 7, 8, 9));
  EXPECT_FALSE(first_and_second(Track::kBoth, 7, 1, 2));
  EXPECT_TRUE(first_and_second(Track::kBoth, 7, 1, 9));
  EXPECT_TRUE(first_and_second(Track::kBoth, 7, 9, 2));
  for (const Track track : {Track::kSource, Track::kDestination, Track::kRule, Track::kBoth})
    EXPECT_TRUE(first_and_second(track, 8, 1, 2));
}

TEST(Thresholds, TheOldestGivesWay) {
  Thresholds thresholds(8, {1, 2});
  const Threshold once{.kind = Kind::kLimit, .count = 1, .seconds = 3600};
  for (std::uint32_t i = 0; i < 8; ++i) EXPECT_TRUE(thresholds.passes(once, 7, host(i), host(99), i));
  EXPECT_EQ(thresholds.evicted(), 0U);
  EXPECT_TRUE(thresholds.passes(once, 7, host(50), host(99), 20));
  EXPECT_EQ(thresholds.evicted(), 1U);
  EXPECT_FALSE(thresholds.passes(once, 7, host(1), host(99), 21));
  EXPECT_TRUE(thresholds.passes(once, 7, host(0), host(99), 22)) << "it was the oldest";
}

}  // namespace
}  // namespace millrace::firewall::inspection
