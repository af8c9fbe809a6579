// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/resolver.h"

#include <array>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

NeighborKey host_number(std::uint32_t n) { return {LinkIndex(7), net::Ipv4Address{be32(0x0a000000 + n)}}; }

class ResolverTest : public ::testing::Test {
 protected:
  rte_mbuf* packet() { return &packets_.at(next_++); }
  rte_mbuf* hold(std::uint32_t n, Tick now) {
    rte_mbuf* one = packet();
    resolver_.hold(host_number(n), one, now);
    return one;
  }
  std::vector<rte_mbuf*> release(std::uint32_t n) {
    std::vector<rte_mbuf*> given;
    resolver_.release([n](const NeighborKey& key) { return key == host_number(n); },
                      [&](rte_mbuf* one) { given.push_back(one); });
    return given;
  }

  std::vector<rte_mbuf> packets_ = std::vector<rte_mbuf>(4096);  // only their addresses matter
  std::size_t next_ = 0;
  std::vector<NeighborKey> asked_;
  std::vector<rte_mbuf*> unanswered_;
  std::vector<rte_mbuf*> given_up_;
  Resolver resolver_{[this](const NeighborKey& key) { asked_.push_back(key); },
                     [this](rte_mbuf* one) { unanswered_.push_back(one); },
                     [this](rte_mbuf* one) { given_up_.push_back(one); }};
};

TEST_F(ResolverTest, AsksOnceAndGivesBackInOrder) {
  rte_mbuf* first = hold(1, 0);
  rte_mbuf* other = hold(2, 1);
  rte_mbuf* second = hold(1, 2);
  EXPECT_THAT(asked_, ElementsAre(host_number(1), host_number(2)));
  EXPECT_EQ(resolver_.waiting(), 3U);
  EXPECT_THAT(release(1), ElementsAre(first, second));
  EXPECT_THAT(release(1), IsEmpty());
  EXPECT_THAT(release(2), ElementsAre(other));
  EXPECT_EQ(resolver_.waiting(), 0U);
  EXPECT_THAT(given_up_, IsEmpty());
}

// RFC 4861 section 10: three requests, a second apart.
TEST_F(ResolverTest, AsksThreeTimesAndThenItIsUnanswered) {
  constexpr Tick kStart = 0xfffffc00;  // the clock wraps on the way
  rte_mbuf* one = hold(1, kStart);
  for (Tick after = 0; after <= Resolver::kPatienceMs; after += 100) resolver_.tick(kStart + after);
  EXPECT_THAT(asked_, SizeIs(3));
  EXPECT_THAT(unanswered_, IsEmpty());
  resolver_.tick(kStart + Resolver::kPatienceMs + 1);
  EXPECT_THAT(unanswered_, ElementsAre(one));
  EXPECT_EQ(resolver_.waiting(), 0U);
  hold(1, kStart + 5000);
  EXPECT_THAT(asked_, SizeIs(4)) << "the next packet begins anew";
}

TEST_F(ResolverTest, TheOldestPacketOfANeighborGivesWay) {
  std::vector<rte_mbuf*> held;
  for (std::size_t i = 0; i < Resolver::kMostPerNeighbor + 3; ++i) held.push_back(hold(1, 0));
  EXPECT_THAT(given_up_, ElementsAre(held[0], held[1], held[2]));
  held.erase(held.begin(), held.begin() + 3);
  EXPECT_THAT(release(1), ::testing::ElementsAreArray(held));
}

// A scan of addresses nobody has does not keep the one that is there from being reached.
TEST_F(ResolverTest, TheNeighborWaitedForTheLongestGivesWay) {
  const auto most = static_cast<std::uint32_t>(Resolver::kMostInAll);
  std::vector<rte_mbuf*> scan;
  for (std::uint32_t n = 0; n < most; ++n) scan.push_back(hold(1000 + n, n));
  EXPECT_THAT(given_up_, IsEmpty());
  rte_mbuf* wanted = hold(1, 2000);
  hold(5000, 2001);
  EXPECT_EQ(resolver_.waiting(), Resolver::kMostInAll);
  EXPECT_THAT(given_up_, ElementsAre(scan[0], scan[1]));
  EXPECT_THAT(asked_, SizeIs(most + 2));
  EXPECT_THAT(release(1), ElementsAre(wanted));
  EXPECT_THAT(release(1000), IsEmpty());
  EXPECT_THAT(release(1002), ElementsAre(scan[2]));
}

TEST_F(ResolverTest, WhatStillWaitsAtTheEndIsGivenUp) {
  std::vector<rte_mbuf*> given_up;
  rte_mbuf* one = packet();
  {
    Resolver resolver([](const NeighborKey&) {}, [](rte_mbuf*) {},
                      [&](rte_mbuf* packet) { given_up.push_back(packet); });
    resolver.hold(host_number(1), one, 0);
  }
  EXPECT_THAT(given_up, ElementsAre(one));
}

}  // namespace
}  // namespace millrace::host
