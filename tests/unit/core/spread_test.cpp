// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/spread.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::core {
namespace {

using Ways = std::vector<Spread::Way>;

Ways ways(const std::vector<unsigned>& weights) {
  Ways made;
  for (const unsigned weight : weights) {
    const auto number = static_cast<std::uint32_t>(made.size());
    made.push_back({NextHopId(number), 0x1000U + number * 7919ULL, static_cast<std::uint16_t>(weight)});
  }
  return made;
}

std::map<std::uint32_t, unsigned> buckets_of(const Spread& spread) {
  std::map<std::uint32_t, unsigned> count;
  for (const NextHopId hop : spread.buckets()) ++count[hop.value()];
  return count;
}

TEST(Spread, OneWayTakesAll) {
  EXPECT_EQ(buckets_of(Spread(ways({1}))), (std::map<std::uint32_t, unsigned>{{0, Spread::kBuckets}}));
}

// Each bucket falls to a way as by a die of its own: binomially, so that four deviations are once in 16,000.
TEST(Spread, BucketsFallByWeight) {
  for (const auto& weights :
       {std::vector<unsigned>{1, 1}, {1, 1, 1, 1}, {3, 1}, {10, 5, 1}, {256, 256, 256}}) {
    unsigned sum = 0;
    for (const unsigned weight : weights) sum += weight;
    auto count = buckets_of(Spread(ways(weights)));
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
      const double share = static_cast<double>(weights[i]) / sum;
      const double mean = share * Spread::kBuckets;
      const double deviation = std::sqrt(mean * (1 - share));
      EXPECT_NEAR(count[i], mean, 4 * deviation) << "way " << i << " of " << weights.size();
    }
  }
}

TEST(Spread, OnlyTheBucketsOfAWayThatIsGoneMove) {
  for (const auto& weights : {std::vector<unsigned>{1, 1}, {1, 2, 3, 4}, {1, 1, 1, 1, 1, 1, 1, 1}}) {
    const Ways before = ways(weights);
    const Spread full(before);
    for (std::size_t gone = 0; gone < before.size(); ++gone) {
      Ways after = before;
      after.erase(after.begin() + static_cast<std::ptrdiff_t>(gone));
      const Spread rest(after);
      for (unsigned bucket = 0; bucket < Spread::kBuckets; ++bucket) {
        const NextHopId was = full.buckets()[bucket];
        if (was != before[gone].hop) {
          ASSERT_EQ(rest.buckets()[bucket], was) << "bucket " << bucket << " without way " << gone;
        }
      }
    }
  }
}

TEST(Spread, TheOrderOfWaysDoesNotMatter) {
  Ways turned = ways({1, 2, 3});
  const Spread one(turned);
  std::swap(turned.front(), turned.back());
  const Spread other(turned);
  EXPECT_TRUE(std::equal(one.buckets().begin(), one.buckets().end(), other.buckets().begin()));
}

// Hashes that differ in a few low bits, or in the high ones alone, are spread all the same; and another seed
// spreads them independently: of the flows of one way half go either way behind it.
TEST(Spread, FlowsAreSpreadEvenlyAndApartBySeed) {
  const Spread spread(ways({1, 1}));
  const unsigned own = buckets_of(spread)[0];
  for (const unsigned shift : {0U, 8U, 16U, 20U}) {
    unsigned first = 0;
    unsigned both = 0;
    constexpr unsigned kFlows = 4096;
    for (unsigned flow = 0; flow < kFlows; ++flow) {
      const bool here = spread.way(flow << shift, 1).value() == 0;
      const bool there = spread.way(flow << shift, 0xfeedface12345678).value() == 0;
      first += here ? 1U : 0U;
      both += here && there ? 1U : 0U;
    }
    EXPECT_NEAR(first, kFlows * own / Spread::kBuckets, 0.1 * kFlows) << shift;
    EXPECT_NEAR(both, first * own / Spread::kBuckets, 0.12 * kFlows) << shift;
  }
}

}  // namespace
}  // namespace millrace::core
