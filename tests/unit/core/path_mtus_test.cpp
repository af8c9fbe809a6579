// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/path_mtus.h"

#include <memory>

#include <gtest/gtest.h>

namespace millrace::core {
namespace {

constexpr Tick kSaid = 0xffff0000;  // the clock is about to wrap
constexpr Tick kOneDay = 24 * 3600 * 1000;

TEST(PathMtus, AreKeptTenMinutesAndDoNotComeBack) {
  const auto mtus = std::make_unique<PathMtus>(16);
  mtus->lower(3, 1400, kSaid);
  EXPECT_EQ(mtus->find(3, kSaid).mtu, 1400);
  EXPECT_EQ(mtus->find(3, kSaid).left, PathMtus::kKept);
  EXPECT_EQ(mtus->find(3, kSaid + PathMtus::kKept).mtu, 1400);
  EXPECT_EQ(mtus->find(3, kSaid + PathMtus::kKept + 1).mtu, 0);
  for (Tick day = 1; day < 49; ++day) EXPECT_EQ(mtus->find(3, kSaid + day * kOneDay).mtu, 0) << day;
  EXPECT_EQ(mtus->find(4, kSaid).mtu, 0);
}

TEST(PathMtus, OfAWorkerWhoseClockIsAheadCountAtOnce) {
  const auto mtus = std::make_unique<PathMtus>(16);
  mtus->lower(3, 1400, kSaid + 5);
  EXPECT_EQ(mtus->find(3, kSaid).mtu, 1400);
}

TEST(PathMtus, OnlyNewsIsAChange) {
  const auto mtus = std::make_unique<PathMtus>(16);
  const std::uint32_t before = mtus->changes();
  mtus->lower(3, 1400, kSaid);
  EXPECT_EQ(mtus->changes(), before + 1);
  mtus->lower(3, 1400, kSaid + 60'000);  // once more: kept longer
  EXPECT_EQ(mtus->changes(), before + 1);
  EXPECT_EQ(mtus->find(3, kSaid + PathMtus::kKept + 30'000).mtu, 1400);
  mtus->lower(3, 1450, kSaid + 60'000);  // of another router, further on
  EXPECT_EQ(mtus->changes(), before + 1);
  mtus->lower(3, 1300, kSaid + 60'000);
  EXPECT_EQ(mtus->changes(), before + 2);
  EXPECT_EQ(mtus->find(3, kSaid + 60'000).mtu, 1300);
}

TEST(PathMtus, OfAnotherHostAreForgotten) {
  const auto mtus = std::make_unique<PathMtus>(16);
  mtus->lower(3, 1400, kSaid);
  mtus->forget(3);
  EXPECT_EQ(mtus->find(3, kSaid).mtu, 0);
}

}  // namespace
}  // namespace millrace::core
