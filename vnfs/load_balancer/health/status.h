// SPDX-License-Identifier: BSD-3-Clause
// What is known of one target: the verdict of its checks over time. Plain values and the one function that
// moves them, without clock or network.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "vnfs/load_balancer/health/target.h"

namespace millrace::load_balancer::health {

using WallTime = std::chrono::system_clock::time_point;

// A check that could not be run for a reason of our own (no descriptor, no such device, no such program) says
// nothing about the backend and moves it nowhere.
enum class Verdict : std::uint8_t { kGood, kBad, kNotRun };

// How one check ended, with a sentence for people: "HTTP 200", "connection refused", "no answer within 1 s".
struct Outcome {
  Verdict verdict = Verdict::kBad;
  std::string text;
};

enum class State : std::uint8_t { kUnknown, kUp, kDown };

[[nodiscard]] std::string_view to_string(State state) noexcept;

struct Change {
  WallTime at;
  State from = State::kUnknown;
  State to = State::kUnknown;
  std::string reason;  // the text of the check that tipped it
};

// The changes that are remembered.
inline constexpr std::size_t kHistory = 16;

struct Status {
  State state = State::kUnknown;
  Outcome last;                                  // empty text before the first check has ended
  WallTime checked_at;                           // when the last check ended
  std::uint32_t streak = 0;                      // checks in a row that ended as the last one
  std::chrono::microseconds latency{0};          // of the last check, whatever its verdict
  std::chrono::microseconds average_latency{0};  // of good checks; each new one counts an eighth
  std::uint64_t checks = 0;                      // that were run
  std::uint64_t failures = 0;                    // of them
  std::uint64_t not_run = 0;
  std::deque<Change> history;  // oldest first
};

// Takes in how a check ended. The first one settles the state by itself, either way: a new pool is not idle
// for the time that `rise` asks of a backend that has failed. Returns whether the state has changed.
bool record(Status& status, Outcome outcome, const Spec& spec, WallTime now,
            std::chrono::microseconds latency);

}  // namespace millrace::load_balancer::health
