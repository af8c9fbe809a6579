// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <chrono>

namespace millrace::control {

// When to try again what failed: after a pause that doubles with each failure in a row.
class Backoff {
 public:
  using Clock = std::chrono::steady_clock;

  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds last) : first_(first), last_(last) {}

  [[nodiscard]] bool due() const { return Clock::now() >= not_before_; }
  [[nodiscard]] Clock::time_point not_before() const noexcept { return not_before_; }
  void at_once() noexcept { not_before_ = {}; }
  void failed() {
    pause_ = pause_.count() == 0 ? first_ : std::min(pause_ * 2, last_);
    not_before_ = Clock::now() + pause_;
  }
  void worked() noexcept { pause_ = {}; }

 private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds last_;
  std::chrono::milliseconds pause_{0};
  Clock::time_point not_before_{};
};

}  // namespace millrace::control
