// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/base/clock.h"

namespace millrace::firewall {

// So many per second, with a burst. Eight bytes, of which all zero is a full bucket, so that a table of them
// needs no setting up; rate and burst come with each call, so a change of policy needs no pass over the
// table.
class RateBucket {
 public:
  static constexpr std::uint32_t kMostBurst = 4'000'000;

  // Whether there is room for one more now; take() then takes it.
  [[nodiscard]] bool ready(std::uint32_t per_second, std::uint32_t burst, Tick now) noexcept {
    const std::uint64_t refilled = std::uint64_t{now - last_} * per_second;
    last_ = now;
    spent_ = refilled < spent_ ? spent_ - static_cast<std::uint32_t>(refilled) : 0;
    return spent_ + std::uint64_t{kOne} <= std::uint64_t{std::min(burst, kMostBurst)} * kOne;
  }
  void take() noexcept { spent_ += kOne; }

 private:
  static constexpr std::uint32_t kOne = 1000;  // a millisecond's share of any rate is whole

  std::uint32_t spent_ = 0;
  Tick last_ = 0;
};

}  // namespace millrace::firewall
