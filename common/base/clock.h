// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace {

// Milliseconds since start. Wraps after 49 days, so compare with tick_after only.
using Tick = std::uint32_t;

[[nodiscard]] constexpr bool tick_after(Tick a, Tick b) noexcept {
  return static_cast<std::int32_t>(a - b) > 0;
}

}  // namespace millrace
