// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/loss_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::appliance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class LossLogTest : public ::testing::Test {
 protected:
  std::vector<std::string> look(std::uint64_t full, std::uint64_t behind, std::uint64_t now_ms) {
    const std::array<Loss, 2> losses{
        {{"table_full", "No room is left.", full}, {"behind", "Too slow.", behind}}};
    return log_.look(losses, now_ms);
  }
  LossLog log_;
};

TEST_F(LossLogTest, NothingLostNothingSaid) {
  for (std::uint64_t now = 0; now < 100'000; now += 1000) EXPECT_THAT(look(0, 0, now), IsEmpty());
}

TEST_F(LossLogTest, SaysWhenItBeginsAndOnceItIsOver) {
  EXPECT_THAT(look(0, 0, 0), IsEmpty());
  EXPECT_THAT(look(3, 0, 1000), ElementsAre("table_full: No room is left."));
  EXPECT_THAT(look(1'000'000, 0, 2000), IsEmpty()) << "it goes on";
  EXPECT_THAT(look(1'000'001, 0, 3000), IsEmpty());
  EXPECT_THAT(look(1'000'001, 0, 3000 + LossLog::kQuietMs - 1), IsEmpty());
  EXPECT_THAT(look(1'000'001, 0, 3000 + LossLog::kQuietMs),
              ElementsAre("table_full is over: 1000001 in 2 s"));
  EXPECT_THAT(look(1'000'001, 0, 60'000), IsEmpty());
}

TEST_F(LossLogTest, ABreakShorterThanTheQuietIsNoEnd) {
  EXPECT_THAT(look(1, 0, 0), ElementsAre(StartsWith("table_full: ")));
  for (std::uint64_t i = 1; i <= 20; ++i) EXPECT_THAT(look(1 + i, 0, i * (LossLog::kQuietMs - 1)), IsEmpty());
}

TEST_F(LossLogTest, EachTimeIsToldWithItsOwnCount) {
  EXPECT_THAT(look(10, 0, 0), ElementsAre(StartsWith("table_full: ")));
  EXPECT_THAT(look(10, 0, 10'000), ElementsAre(StartsWith("table_full is over: 10 ")));
  EXPECT_THAT(look(17, 0, 20'000), ElementsAre(StartsWith("table_full: ")));
  EXPECT_THAT(look(17, 0, 30'000), ElementsAre(StartsWith("table_full is over: 7 ")));
}

TEST_F(LossLogTest, EachKindIsToldApart) {
  EXPECT_THAT(look(1, 0, 0), ElementsAre(StartsWith("table_full: ")));
  EXPECT_THAT(look(1, 1, 3000), ElementsAre("behind: Too slow."));
  EXPECT_THAT(look(1, 1, 5000), ElementsAre(StartsWith("table_full is over: ")));
  EXPECT_THAT(look(1, 1, 8000), ElementsAre(StartsWith("behind is over: ")));
}

}  // namespace
}  // namespace millrace::appliance
