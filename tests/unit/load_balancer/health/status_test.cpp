// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/health/status.h"

#include <gtest/gtest.h>

namespace millrace::load_balancer::health::test {
namespace {

using namespace std::chrono_literals;

// Puts checks to a status, a second apart: '+' good, '-' bad, '0' not run.
class Checked {
 public:
  explicit Checked(std::uint32_t rise, std::uint32_t fall) {
    spec_.rise = rise;
    spec_.fall = fall;
  }
  // The state after each, "u" for up, "d" for down, "?" for unknown.
  std::string states(std::string_view outcomes, std::chrono::microseconds latency = 1ms) {
    std::string seen;
    for (const char c : outcomes) {
      const Verdict verdict = c == '+' ? Verdict::kGood : c == '-' ? Verdict::kBad : Verdict::kNotRun;
      now_ += 1s;
      const State before = status_.state;
      const bool changed = record(status_, {verdict, std::string(1, c)}, spec_, now_, latency);
      EXPECT_EQ(changed, before != status_.state);
      seen += status_.state == State::kUp ? 'u' : status_.state == State::kDown ? 'd' : '?';
    }
    return seen;
  }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  Spec spec_;
  Status status_;
  WallTime now_;
};

TEST(HealthStatus, FirstCheckSettlesItEitherWay) {
  EXPECT_EQ(Checked(5, 5).states("+"), "u");
  EXPECT_EQ(Checked(5, 5).states("-"), "d");
}

TEST(HealthStatus, RisesAndFallsOnRowsOfThatLength) {
  EXPECT_EQ(Checked(2, 3).states("+--+---+-++"), "uuuuuuddddu");
  EXPECT_EQ(Checked(1, 1).states("-+-+"), "dudu");
  EXPECT_EQ(Checked(0, 0).states("-+-+"), "dudu") << "no row is shorter than one";
}

TEST(HealthStatus, FlappingFasterThanTheRowsChangesNothing) {
  Checked backend(3, 3);
  EXPECT_EQ(backend.states("+--+--++--+--+"), "uuuuuuuuuuuuuu");
  EXPECT_EQ(backend.status().history.size(), 1U);
  EXPECT_EQ(backend.status().failures, 8U);
}

TEST(HealthStatus, WhatCouldNotBeRunMovesNothingAndIsCountedApart) {
  Checked backend(2, 2);
  EXPECT_EQ(backend.states("00"), "??");
  EXPECT_EQ(backend.states("+0-0-"), "uuuud") << "the row of failures goes on across it";
  EXPECT_EQ(backend.status().checks, 3U);
  EXPECT_EQ(backend.status().failures, 2U);
  EXPECT_EQ(backend.status().not_run, 4U);
  EXPECT_EQ(backend.states("0"), "d");
  EXPECT_EQ(backend.status().last.text, "0");
}

TEST(HealthStatus, KeepsTheLastSixteenChanges) {
  Checked backend(1, 1);
  for (int i = 0; i < 10; ++i) backend.states("+-");
  const auto& history = backend.status().history;
  ASSERT_EQ(history.size(), 16U);
  // The twenty changes were made at seconds 1 to 20.
  EXPECT_EQ(history.front().at.time_since_epoch(), 5s);
  EXPECT_EQ(history.back().at.time_since_epoch(), 20s);
  EXPECT_EQ(history.back().from, State::kUp);
  EXPECT_EQ(history.back().to, State::kDown);
  EXPECT_EQ(history.back().reason, "-");
}

TEST(HealthStatus, AveragesTheLatencyOfGoodChecks) {
  Checked backend(1, 1);
  backend.states("+", 800us);
  EXPECT_EQ(backend.status().average_latency, 800us);
  backend.states("+", 1600us);  // 800 + (1600 - 800) / 8
  EXPECT_EQ(backend.status().average_latency, 900us);
  backend.states("-", 1s);
  EXPECT_EQ(backend.status().average_latency, 900us);
  EXPECT_EQ(backend.status().latency, 1s);
  backend.states("+", 100us);  // 900 + (100 - 900) / 8
  EXPECT_EQ(backend.status().average_latency, 800us);
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
