// SPDX-License-Identifier: BSD-3-Clause
// When the checker looks at whom, on a clock of the test's.
#include "vnfs/load_balancer/health/checker.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "tests/unit/load_balancer/health/virtual_network.h"

namespace millrace::load_balancer::health::test {
namespace {

using namespace std::chrono_literals;

std::optional<Outcome> always_good(const std::string&) { return Outcome{Verdict::kGood, "fine"}; }

TEST(Checker, LooksAtANewBackendSoonAndThenEveryInterval) {
  World world;
  world.answer = always_good;
  Checker checker = checker_in(world);
  const SteadyTime start = world.now;
  ASSERT_TRUE(checker.set(backends(1)));
  EXPECT_EQ(checker.status("b0")->state, State::kUnknown);
  EXPECT_TRUE(world.begun.empty());
  world.pass(10s);
  ASSERT_EQ(world.begun.size(), 5U);
  EXPECT_LE(world.begun[0].at - start, 10ms);
  for (std::size_t i = 1; i < world.begun.size(); ++i) {
    EXPECT_EQ(world.begun[i].at - world.begun[i - 1].at, 2s);
  }
  EXPECT_EQ(checker.status("b0")->state, State::kUp);
  EXPECT_EQ(checker.status("b0")->checks, 5U);
  EXPECT_EQ(checker.status("other"), nullptr);
}

TEST(Checker, SpreadsTheFirstChecksOfManyOverTheInterval) {
  World world;
  world.answer = always_good;
  for (int i = 0; i < 1000; ++i) world.chances.push_back(i / 1000.0);
  Checker checker = checker_in(world);
  const SteadyTime start = world.now;
  ASSERT_TRUE(checker.set(backends(1000)));
  std::size_t before = 0;
  for (int fifth = 1; fifth <= 5; ++fifth) {
    world.pass(400ms - (fifth == 5 ? 1ms : 0ms));
    EXPECT_NEAR(static_cast<double>(world.begun.size() - before), 200, 2);
    before = world.begun.size();
  }
  EXPECT_LT(world.begun.back().at - start, 2s);
}

TEST(Checker, HeldStartsNoCheckAndSpreadsTheFirstOnesWhenItIsReleased) {
  World world;
  world.answer = always_good;
  for (int i = 0; i < 100; ++i) world.chances.push_back(i / 100.0);
  Checker checker = checker_in(world, {}, {.held = true});
  ASSERT_TRUE(checker.set(backends(100)));
  world.pass(3s);
  ASSERT_TRUE(checker.set(backends(99)));  // one goes, though its turn never came
  world.pass(3s);
  EXPECT_TRUE(world.begun.empty());
  ASSERT_NE(checker.status("b0"), nullptr);
  EXPECT_EQ(checker.status("b0")->state, State::kUnknown);
  EXPECT_EQ(checker.status("b99"), nullptr);

  const SteadyTime released = world.now;
  checker.release();
  world.pass(500ms);
  EXPECT_NEAR(static_cast<double>(world.begun.size()), 50, 2);
  world.pass(490ms);
  EXPECT_EQ(world.begun.size(), 99U);
  EXPECT_LT(world.begun.back().at - released, 990ms);
  EXPECT_EQ(checker.status("b0")->state, State::kUp);

  checker.release();
  world.pass(1ms);
  EXPECT_EQ(world.begun.size(), 99U) << "once";
  ASSERT_TRUE(checker.set(backends(100)));
  world.pass(20ms);
  EXPECT_EQ(checker.status("b99")->checks, 1U) << "and what comes later is not held";
}

TEST(Checker, JitterMovesEachTurnByChanceToEitherSide) {
  World world;
  world.answer = always_good;
  Spec spec;
  spec.jitter = 25;
  Checker checker = checker_in(world);
  world.chances = {0.5, 0.75, 1.0, 0.0, 0.0};  // from the back: the first check at once, then each gap
  ASSERT_TRUE(checker.set(backends(1, spec)));
  world.pass(9s);
  ASSERT_GE(world.begun.size(), 5U);
  EXPECT_EQ(world.begun[1].at - world.begun[0].at, 1500ms);
  EXPECT_EQ(world.begun[2].at - world.begun[1].at, 2500ms);
  EXPECT_EQ(world.begun[3].at - world.begun[2].at, 2250ms);
  EXPECT_EQ(world.begun[4].at - world.begun[3].at, 2s);
}

TEST(Checker, CutsOffAtTheTimeoutWhateverTheCheckDoes) {
  World world;
  Checker checker = checker_in(world);
  ASSERT_TRUE(checker.set(backends(1)));
  world.pass(1004ms);
  EXPECT_EQ(world.open.size(), 1U);
  EXPECT_EQ(checker.status("b0")->checks, 0U);
  world.pass(1ms);  // the first check was at 5 ms
  EXPECT_TRUE(world.open.empty());
  EXPECT_EQ(checker.status("b0")->last.text, "no answer within 1 s");
  EXPECT_EQ(checker.status("b0")->state, State::kDown);
  EXPECT_EQ(checker.status("b0")->latency, 1s);
  EXPECT_EQ(checker.running(), 0U);
}

TEST(Checker, ATimeoutPastTheIntervalDoesNotLetChecksOverlap) {
  World world;
  Spec spec;
  spec.interval = 500ms;
  spec.timeout = 1500ms;
  Checker checker = checker_in(world);
  ASSERT_TRUE(checker.set(backends(1, spec)));
  world.pass(4700ms);
  EXPECT_EQ(world.most_open, 1U);
  EXPECT_EQ(world.begun.size(), 4U) << "one after the other, 1.5 s each";
  EXPECT_EQ(checker.status("b0")->last.text, "no answer within 1500 ms");
}

TEST(Checker, AThreadThatComesLateGivesTheLostTimeOnce) {
  World world;
  Checker checker = checker_in(world);
  ASSERT_TRUE(checker.set(backends(1)));
  world.pass(10ms);
  world.stall(1200ms);
  EXPECT_EQ(world.open.size(), 1U) << "the answer may lie in the socket";
  world.end("b0", Verdict::kGood, "fine");
  EXPECT_EQ(checker.status("b0")->state, State::kUp);

  world.pass(1s);  // the next check is under way, and stays silent
  ASSERT_EQ(world.open.size(), 1U);
  world.stall(1200ms);
  EXPECT_EQ(world.open.size(), 1U);
  world.stall(1200ms);
  EXPECT_TRUE(world.open.empty()) << "but not twice";
  EXPECT_EQ(checker.status("b0")->failures, 1U);
}

TEST(Checker, RunsNoMoreThanItsLimitAndTheRestInTurn) {
  World world;
  Spec spec;
  spec.interval = 1s;
  Checker checker = checker_in(world, {}, {.most_running = 8});
  ASSERT_TRUE(checker.set(backends(100, spec)));
  world.pass(1s);
  EXPECT_EQ(world.open.size(), 8U);
  EXPECT_EQ(checker.running(), 8U);
  EXPECT_EQ(checker.waiting(), 92U);
  // All are silent: 8 a second, which is three turns each, give or take one.
  world.pass(36s);
  EXPECT_EQ(world.most_open, 8U);
  std::map<std::string, std::size_t> turns;
  for (const auto& begun : world.begun) ++turns[begun.id];
  ASSERT_EQ(turns.size(), 100U);
  for (const auto& [id, count] : turns) EXPECT_NEAR(static_cast<double>(count), 3, 1) << id;
}

TEST(Checker, TellsOfChangesOnly) {
  World world;
  bool well = true;
  world.answer = [&](const std::string&) {
    return Outcome{well ? Verdict::kGood : Verdict::kBad, well ? "fine" : "refused"};
  };
  std::vector<std::string> told;
  Checker checker = checker_in(world, [&](const std::string& id, const Status& status) {
    told.push_back(id + " " + std::string(to_string(status.state)) + ": " + status.history.back().reason);
  });
  ASSERT_TRUE(checker.set(backends(1)));
  world.pass(9s);  // five good ones
  well = false;
  world.pass(4s);  // two bad ones of the three that it takes
  EXPECT_EQ(told, std::vector<std::string>{"b0 up: fine"});
  world.pass(2s);
  EXPECT_EQ(told.back(), "b0 down: refused");
  well = true;
  world.pass(2s);
  EXPECT_EQ(told.size(), 2U);
  world.pass(2s);
  EXPECT_EQ(told.back(), "b0 up: fine");
  EXPECT_EQ(told.size(), 3U);
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
