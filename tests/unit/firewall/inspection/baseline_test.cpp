// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/baseline.h"

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

TEST(Baseline, IsThePlainMeanAtFirst) {
  Baseline usual;
  EXPECT_EQ(usual.mean(), 0);
  EXPECT_EQ(usual.deviation(), 0);
  for (const double value : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) usual.learn(value, 100);
  EXPECT_DOUBLE_EQ(usual.mean(), 5);
  EXPECT_DOUBLE_EQ(usual.deviation(), 2);
  EXPECT_DOUBLE_EQ(usual.above(3), 11);
}

TEST(Baseline, ForgetsWhatWasLongAgo) {
  Baseline usual;
  for (int i = 0; i < 1000; ++i) usual.learn(100, 10);
  for (int i = 0; i < 10; ++i) usual.learn(0, 10);
  // (1 - 1/10)^10 of it is left.
  EXPECT_NEAR(usual.mean(), 34.868, 0.001);
}

}  // namespace
}  // namespace millrace::firewall::inspection
