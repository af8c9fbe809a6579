// SPDX-License-Identifier: BSD-3-Clause
// The oracle: the same values, sorted.
#include "tests/benchmark/latency_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gmock/gmock.h>

namespace millrace::benchmark {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

// The smallest of the values that at least the part q of them do not exceed.
std::uint64_t exact(const std::vector<std::uint64_t>& sorted, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[rank == 0 ? 0 : rank - 1];
}

void compare(std::vector<std::uint64_t> values) {
  LatencyHistogram histogram;
  for (const std::uint64_t value : values) histogram.record(value);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(histogram.count(), values.size());
  EXPECT_EQ(histogram.max(), values.back());
  for (const double q : {0.0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 0.99999, 1.0}) {
    const std::uint64_t value = exact(values, q);
    EXPECT_THAT(histogram.quantile(q), AllOf(Ge(value), Le(value + value / 128))) << q;
  }
}

TEST(LatencyHistogram, IsEmpty) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.quantile(0), 0U);
  EXPECT_EQ(histogram.quantile(0.5), 0U);
}

TEST(LatencyHistogram, SmallValuesAreExact) {
  for (std::uint64_t value = 0; value < 256; ++value) {
    LatencyHistogram histogram;
    histogram.record(value);
    histogram.record(1000);  // so that the highest value does not help
    EXPECT_EQ(histogram.quantile(0.5), value);
  }
}

TEST(LatencyHistogram, EveryPowerOfTwoAndItsNeighbours) {
  for (unsigned shift = 1; shift < 64; ++shift) {
    const std::uint64_t power = std::uint64_t{1} << shift;
    for (const std::uint64_t value : {power - 1, power, power + 1, power + power / 2}) {
      LatencyHistogram histogram;
      histogram.record(value);
      histogram.record(std::numeric_limits<std::uint64_t>::max());
      EXPECT_THAT(histogram.quantile(0.5), AllOf(Ge(value), Le(value + value / 128))) << value;
    }
  }
}

TEST(LatencyHistogram, AgreesWithTheSortedValues) {
  std::mt19937_64 random(7);
  for (const double scale : {3.0, 6.0, 10.0, 14.0, 25.0}) {
    std::lognormal_distribution<double> times(scale, 1.5);
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 20'000; ++i) values.push_back(static_cast<std::uint64_t>(times(random)));
    compare(std::move(values));
  }
  compare({42});
  compare({1, 1'000'000'000});
}

TEST(LatencyHistogram, ForgetsWhenCleared) {
  LatencyHistogram histogram;
  histogram.record(12345);
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0U);
  histogram.record(7);
  EXPECT_EQ(histogram.quantile(1), 7U);
}

}  // namespace
}  // namespace millrace::benchmark
