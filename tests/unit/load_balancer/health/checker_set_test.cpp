// SPDX-License-Identifier: BSD-3-Clause
// What a new list of targets does to the old one's state, and to checks under way.
#include <gtest/gtest.h>

#include "tests/unit/load_balancer/health/virtual_network.h"
#include "vnfs/load_balancer/health/checker.h"

namespace millrace::load_balancer::health::test {
namespace {

using namespace std::chrono_literals;

TEST(CheckerSet, KeepsWhatIsTheSameAndBeginsAnewWhatIsNot) {
  World world;
  world.answer = [](const std::string&) { return Outcome{Verdict::kGood, "fine"}; };
  Checker checker = checker_in(world);
  auto targets = backends(3);
  ASSERT_TRUE(checker.set(targets));
  world.pass(3s);
  const auto turns = world.begun.size();
  targets.erase(targets.begin());    // b0 goes
  targets[1].spec.interval = 250ms;  // b2 changes
  targets.push_back({"b3", *net::IpAddress::parse("2001:db8::1"), 443, {}});
  ASSERT_TRUE(checker.set(targets));
  EXPECT_EQ(checker.status("b0"), nullptr);
  EXPECT_EQ(checker.status("b1")->state, State::kUp);
  EXPECT_EQ(checker.status("b1")->checks, 2U);
  EXPECT_EQ(checker.status("b2")->state, State::kUnknown);
  EXPECT_EQ(checker.status("b2")->checks, 0U);
  EXPECT_EQ(checker.status("b3")->state, State::kUnknown);
  world.pass(100ms);
  ASSERT_EQ(world.begun.size(), turns + 2) << "the new and the changed, not the old out of its turn";
}

TEST(CheckerSet, DropsTheCheckOfATargetThatGoes) {
  World world;
  Checker checker = checker_in(world, {}, {.most_running = 1});
  ASSERT_TRUE(checker.set(backends(2)));
  world.pass(50ms);
  ASSERT_EQ(checker.running(), 1U);
  ASSERT_EQ(checker.waiting(), 1U);
  const std::string running = world.begun[0].id;
  auto targets = backends(2);
  std::erase_if(targets, [&](const Target& target) { return target.id == running; });
  ASSERT_TRUE(checker.set(targets));
  EXPECT_EQ(checker.waiting(), 0U) << "the other has its place";
  ASSERT_EQ(world.open.size(), 1U);
  EXPECT_NE(world.open.begin()->first, running);
  ASSERT_TRUE(checker.set({}));
  EXPECT_TRUE(world.open.empty());
  EXPECT_EQ(checker.running(), 0U);
  EXPECT_FALSE(world.alarm);
}

TEST(CheckerSet, RefusesTwoOfOneIdAndWhatCannotBePrepared) {
  World world;
  world.answer = [](const std::string&) { return Outcome{Verdict::kGood, "fine"}; };
  Checker checker = checker_in(world);
  ASSERT_TRUE(checker.set(backends(2)));
  world.pass(1s);
  auto twice = backends(3);
  twice[2].id = "b0";
  const auto refused = checker.set(twice);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "set health checks: two targets have the id b0");
  world.unreadable = {"b2"};
  const auto unread = checker.set(backends(3));
  ASSERT_FALSE(unread);
  EXPECT_EQ(unread.error().message(), "read b2: no such file");
  EXPECT_EQ(checker.status("b2"), nullptr);
  EXPECT_EQ(checker.status("b0")->checks, 1U) << "what ran before goes on";
  world.pass(2s);
  EXPECT_EQ(checker.status("b0")->checks, 2U);
}

TEST(CheckerSet, TheListenerMayChangeTheTargets) {
  World world;
  world.answer = [](const std::string& id) {
    return Outcome{id == "b1" ? Verdict::kGood : Verdict::kBad, "so"};
  };
  Checker* inside = nullptr;
  std::size_t told = 0;
  Checker checker = checker_in(world, [&](const std::string& id, const Status& status) {
    ++told;
    if (status.state != State::kDown) return;
    auto rest = backends(4);
    std::erase_if(rest, [&](const Target& target) { return target.id != "b1"; });
    ASSERT_TRUE(inside->set(rest));
    EXPECT_NE(id, "b1");
    EXPECT_EQ(status.last.text, "so") << "the status outlives its target for as long as the call";
  });
  inside = &checker;
  ASSERT_TRUE(checker.set(backends(4)));
  world.pass(5s);
  EXPECT_EQ(checker.status("b0"), nullptr);
  EXPECT_EQ(checker.status("b1")->state, State::kUp);
  EXPECT_LE(told, 3U);
}

TEST(CheckerSet, StopInTheMidstOfTimeouts) {
  World world;
  Checker* inside = nullptr;
  Checker checker = checker_in(world, [&](const std::string&, const Status&) { inside->stop(); });
  inside = &checker;
  ASSERT_TRUE(checker.set(backends(20)));
  world.pass(5s);
  EXPECT_EQ(world.begun.size(), 20U);
  EXPECT_TRUE(world.open.empty());
  EXPECT_EQ(checker.running(), 0U);
  ASSERT_TRUE(checker.set(backends(1)));
  world.pass(20ms);
  EXPECT_EQ(checker.running(), 1U) << "and afresh";
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
