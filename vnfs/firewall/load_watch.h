// SPDX-License-Identifier: BSD-3-Clause
// Whether a worker keeps up. One that does not finds more packets waiting than it takes at once, in almost
// every round of its loop; one that does finds few, however busy it is.
#pragma once

#include <cstdint>

#include "common/base/clock.h"
#include "common/base/counter.h"

namespace millrace::firewall {

class LoadWatch {
 public:
  // `burst`: packets a worker takes from a queue at once.
  LoadWatch(unsigned burst, Tick now) noexcept : burst_(burst), began_(now) {}

  // The worker.
  void took(unsigned packets) noexcept { full_ = full_ || packets >= burst_; }
  void round(Tick now) noexcept {
    ++rounds_;
    full_rounds_ += full_ ? 1U : 0U;
    full_ = false;
    if (now - began_ >= kIntervalMs) [[unlikely]]
      settle(now);
  }

  // Any thread. Of the last interval that is over.
  [[nodiscard]] bool behind() const noexcept { return behind_.read() != 0; }

 private:
  static constexpr Tick kIntervalMs = 50;
  static constexpr std::uint64_t kLeastRounds = 16;

  // It is behind when nine rounds of ten are full, and until fewer than half are.
  void settle(Tick now) noexcept {
    const bool was = behind();
    const bool is = was ? 2 * full_rounds_ >= rounds_ : 10 * full_rounds_ >= 9 * rounds_;
    behind_.set(is && rounds_ >= kLeastRounds ? 1 : 0);
    rounds_ = full_rounds_ = 0;
    began_ = now;
  }

  unsigned burst_;
  Tick began_;
  std::uint64_t rounds_ = 0;
  std::uint64_t full_rounds_ = 0;
  bool full_ = false;
  Counter behind_;
};

}  // namespace millrace::firewall
