// SPDX-License-Identifier: BSD-3-Clause
// From the time-stamp counter, by which the data path dates what it notes, to the time of day.
#pragma once

#include <chrono>
#include <cstdint>

#include <x86intrin.h>

#include "common/control/flow_log/flow_record.h"

namespace millrace::control {

// A moment by both clocks.
struct EventClock {
  std::uint64_t tsc = 0;
  std::uint64_t tsc_per_second = 1;
  WallTime wall{};

  [[nodiscard]] static EventClock now(std::uint64_t tsc_per_second) {
    return {.tsc = __rdtsc(),
            .tsc_per_second = tsc_per_second,
            .wall = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now())};
  }
  [[nodiscard]] WallTime at(std::uint64_t event_tsc) const noexcept {
    const auto distance = static_cast<std::int64_t>(event_tsc - tsc);
    const double microseconds = static_cast<double>(distance) * 1e6 / static_cast<double>(tsc_per_second);
    return wall + std::chrono::microseconds(static_cast<std::int64_t>(microseconds));
  }
};

}  // namespace millrace::control
