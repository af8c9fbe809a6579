// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/hyper_log_log.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace millrace::flow {
namespace {

// The root mean square of the relative errors over many sketches of `count` things each, and their mean.
template <unsigned Precision>
std::pair<double, double> estimate_errors(unsigned count, unsigned sketches) {
  std::mt19937_64 random(count + Precision);
  double squares = 0;
  double sum = 0;
  for (unsigned i = 0; i < sketches; ++i) {
    HyperLogLog<Precision> sketch;
    for (unsigned n = 0; n < count; ++n) sketch.add(random());
    const double error = sketch.estimate() / count - 1;
    squares += error * error;
    sum += error;
  }
  return {std::sqrt(squares / sketches), sum / sketches};
}

TEST(HyperLogLog, HasTheErrorOfItsPaper) {
  // 1.04 / sqrt(m), Flajolet et al., theorem 1. Of 400 sketches the root mean square is known to 3.5 %; five
  // times that, and the estimator's bias, are left as room.
  for (const unsigned count : {200U, 1000U, 5000U}) {
    EXPECT_LT(estimate_errors<6>(count, 400).first, 1.18 * 1.04 / 8) << count;
    EXPECT_LT(std::abs(estimate_errors<6>(count, 400).second), 5 * 1.04 / 8 / 20) << count;
    EXPECT_LT(estimate_errors<8>(count, 400).first, 1.18 * 1.04 / 16) << count;
  }
}

TEST(HyperLogLog, IsCloserWhereThereIsLittle) {
  // As linear counting (Whang et al., 1990): sqrt(m (e^t - t - 1)) / n at t = n / m.
  for (const unsigned count : {8U, 20U, 50U}) {
    const double t = count / 64.0;
    const double linear = std::sqrt(64 * (std::exp(t) - t - 1)) / count;
    EXPECT_LT(estimate_errors<6>(count, 1000).first, 1.2 * linear + 0.01) << count;
  }
}

TEST(HyperLogLog, TellsNothingFromSomething) {
  HyperLogLog<6> sketch;
  EXPECT_EQ(sketch.estimate(), 0);
  sketch.add(0x123456789abcdef0);
  EXPECT_NEAR(sketch.estimate(), 1, 0.05);
  sketch.add(0x123456789abcdef0);
  EXPECT_NEAR(sketch.estimate(), 1, 0.05);
  sketch.clear();
  EXPECT_EQ(sketch.estimate(), 0);
}

TEST(HyperLogLog, MergedIsTheSameAsOneThatSawAll) {
  std::mt19937_64 random(3);
  HyperLogLog<6> all;
  HyperLogLog<6> one;
  HyperLogLog<6> other;
  for (unsigned n = 0; n < 3000; ++n) {
    const std::uint64_t hash = random();
    all.add(hash);
    if (n % 3 != 0) one.add(hash);
    if (n % 3 != 1) other.add(hash);
  }
  one.merge(other);
  EXPECT_EQ(one.estimate(), all.estimate());
}

// Hashes that an attacker chose, as if he knew the seed, end in a number all the same.
TEST(HyperLogLog, IsFiniteForAnyHashes) {
  HyperLogLog<6> sketch;
  for (std::uint64_t i = 0; i < 64; ++i) sketch.add(i);
  EXPECT_TRUE(std::isfinite(sketch.estimate()));
  EXPECT_GT(sketch.estimate(), 1e15);
  HyperLogLog<6> half;
  for (std::uint64_t i = 0; i < 32; ++i) half.add(i);
  EXPECT_TRUE(std::isfinite(half.estimate()));
}

}  // namespace
}  // namespace millrace::flow
