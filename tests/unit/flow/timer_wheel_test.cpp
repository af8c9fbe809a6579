// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/timer_wheel.h"

#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace millrace::flow {
namespace {

constexpr std::uint32_t kSlot = TimerWheel::kSlotMs;
constexpr std::uint64_t kWrap = std::uint64_t{1} << 32;

// The wheel beside a list of deadlines on a clock that does not wrap.
class Beside {
 public:
  Beside(std::uint32_t capacity, std::uint64_t start)
      : now_(start), wheel_(capacity, tick()), deadline_(capacity) {}

  [[nodiscard]] Tick tick() const { return static_cast<Tick>(now_); }
  [[nodiscard]] bool waits(std::uint32_t index) const { return deadline_[index] != 0; }
  [[nodiscard]] std::uint64_t now() const { return now_; }
  [[nodiscard]] unsigned fired() const { return fired_; }

  void schedule(std::uint32_t index, std::uint64_t after) {
    deadline_[index] = now_ + after;
    wheel_.schedule(index, tick(), static_cast<Tick>(now_ + after));
  }
  void cancel(std::uint32_t index) {
    deadline_[index] = 0;
    wheel_.cancel(index);
  }
  // Nothing fires before its time, except to be looked at when it lies beyond the wheel.
  void advance(std::uint64_t by) {
    now_ += by;
    constexpr unsigned kBudget = 7;
    while (wheel_.advance(tick(), kBudget, [&](std::uint32_t index) -> std::optional<Tick> {
      EXPECT_NE(deadline_[index], 0U) << "fired, though nothing was scheduled";
      if (deadline_[index] > now_) {
        EXPECT_TRUE(far_) << "early by " << deadline_[index] - now_;
        return static_cast<Tick>(deadline_[index]);
      }
      EXPECT_LE(now_ - deadline_[index], kSlot + by) << "late";
      deadline_[index] = 0;
      ++fired_;
      return std::nullopt;
    }) == kBudget) {
    }
    for (std::uint32_t index = 0; index < deadline_.size(); ++index) {
      if (deadline_[index] == 0) continue;
      ASSERT_GT(deadline_[index] + kSlot, now_) << index << " is overdue";
    }
  }
  void allow_far() { far_ = true; }

 private:
  std::uint64_t now_;
  TimerWheel wheel_;
  std::vector<std::uint64_t> deadline_;  // 0: none
  bool far_ = false;
  unsigned fired_ = 0;
};

void play(std::uint64_t start, std::uint64_t longest, std::uint64_t longest_step, bool far, unsigned rounds) {
  constexpr std::uint32_t kCapacity = 300;
  std::mt19937_64 random(start);
  Beside beside(kCapacity, start);
  if (far) beside.allow_far();
  for (unsigned i = 0; i < rounds; ++i) {
    for (int k = 0; k < 20; ++k) {
      const auto index = static_cast<std::uint32_t>(random() % kCapacity);
      if (random() % 4 == 0) {
        beside.cancel(index);
      } else if (!beside.waits(index) || random() % 4 == 0) {
        beside.schedule(index, random() % longest + 1);
      }
    }
    beside.advance(random() % longest_step);
    if (::testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(beside.fired(), 100U);
}

TEST(TimerWheel, FiresOnTime) { play(1'000'000, 60'000, 2000, false, 20'000); }
TEST(TimerWheel, FiresOnTimeWhenPolledAllTheTime) { play(1'000'000, 3000, 3, false, 20'000); }
TEST(TimerWheel, FiresOnTimeFromTheClocksBeginning) { play(0, 60'000, 2000, false, 2000); }
// 49 days after start the clock begins anew.
TEST(TimerWheel, FiresOnTimeAcrossTheWrapOfTheClock) { play(kWrap - 5'000'000, 60'000, 2000, false, 20'000); }
TEST(TimerWheel, FiresOnTimeAfterLongSleeps) { play(kWrap - 5'000'000, 600'000, 300'000, false, 5000); }
// 16,384 slots of 256 ms are 70 minutes; these deadlines are up to six hours away.
TEST(TimerWheel, LooksAtFarDeadlinesOnTheWay) {
  play(kWrap - 100'000'000, 6 * 3'600'000, 60'000, true, 10'000);
}

TEST(TimerWheel, LooksAtNoMoreThanItMay) {
  TimerWheel wheel(100, 0);
  for (std::uint32_t i = 0; i < 100; ++i) wheel.schedule(i, 0, 10);
  unsigned seen = 0;
  const auto due = [&](std::uint32_t) -> std::optional<Tick> {
    ++seen;
    return std::nullopt;
  };
  EXPECT_EQ(wheel.advance(1000, 30, due), 30U);
  EXPECT_EQ(wheel.advance(1000, 30, due), 30U);
  EXPECT_EQ(wheel.advance(1000, 100, due), 40U);
  EXPECT_EQ(wheel.advance(1000, 100, due), 0U);
  EXPECT_EQ(seen, 100U);
}

TEST(TimerWheel, AnEntryMayBeFreedAndScheduledFromTheCallback) {
  TimerWheel wheel(3, 0);
  wheel.schedule(0, 0, 10);
  std::vector<std::uint32_t> order;
  wheel.advance(600, 10, [&](std::uint32_t index) -> std::optional<Tick> {
    order.push_back(index);
    wheel.schedule(1, 600, 610);
    wheel.schedule(2, 600, 610);
    wheel.cancel(2);
    return std::nullopt;
  });
  wheel.advance(2000, 10, [&](std::uint32_t index) -> std::optional<Tick> {
    order.push_back(index);
    return std::nullopt;
  });
  EXPECT_EQ(order, (std::vector<std::uint32_t>{0, 1}));
}

TEST(TimerWheel, AClockThatStepsBackDoesNothing) {
  TimerWheel wheel(1, 100'000);
  wheel.schedule(0, 100'000, 100'100);
  EXPECT_EQ(wheel.advance(50'000, 10, [](std::uint32_t) { return std::optional<Tick>(); }), 0U);
  EXPECT_EQ(wheel.advance(101'000, 10, [](std::uint32_t) { return std::optional<Tick>(); }), 1U);
}

}  // namespace
}  // namespace millrace::flow
