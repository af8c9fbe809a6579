// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/health/status.h"

#include <algorithm>
#include <utility>

namespace millrace::load_balancer::health {
namespace {

constexpr int kAverageOver = 8;

State next_state(const Status& status, const Spec& spec) {
  const bool good = status.last.verdict == Verdict::kGood;
  if (status.state == State::kUnknown) return good ? State::kUp : State::kDown;
  if (good && status.state == State::kDown && status.streak >= spec.rise) return State::kUp;
  if (!good && status.state == State::kUp && status.streak >= spec.fall) return State::kDown;
  return status.state;
}

}  // namespace

std::string_view to_string(State state) noexcept {
  switch (state) {
    case State::kUnknown:
      return "unknown";
    case State::kUp:
      return "up";
    case State::kDown:
      return "down";
  }
  return "";
}

bool record(Status& status, Outcome outcome, const Spec& spec, WallTime now,
            std::chrono::microseconds latency) {
  status.checked_at = now;
  if (outcome.verdict == Verdict::kNotRun) {
    ++status.not_run;
    // The streak goes on where it was: what counts is the verdict before.
    status.last.text = std::move(outcome.text);
    return false;
  }
  const bool good = outcome.verdict == Verdict::kGood;
  const bool same = status.checks > 0 && status.last.verdict == outcome.verdict;
  status.streak = same ? status.streak + 1 : 1;
  status.last = std::move(outcome);
  ++status.checks;
  status.latency = latency;
  if (good) {
    const bool first = status.average_latency.count() == 0;
    status.average_latency += (latency - status.average_latency) / (first ? 1 : kAverageOver);
  } else {
    ++status.failures;
  }

  const State next = next_state(status, spec);
  if (next == status.state) return false;
  if (status.history.size() == kHistory) status.history.pop_front();
  status.history.push_back({now, status.state, next, status.last.text});
  status.state = next;
  return true;
}

}  // namespace millrace::load_balancer::health
