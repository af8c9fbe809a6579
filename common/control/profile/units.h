// SPDX-License-Identifier: BSD-3-Clause
// Quantities as people write them: 1M, 1GiB, 50Mbit, 10k/s, 2h4m. Parsing and printing are each other's
// inverse.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace millrace::control {

using Milliseconds = std::chrono::milliseconds;

// Half the clock's turn is the longest time that can be compared.
[[nodiscard]] constexpr Tick tick_of(Milliseconds time) noexcept {
  return static_cast<Tick>(
      std::clamp<std::int64_t>(time.count(), 0, std::numeric_limits<std::int32_t>::max()));
}

// `count` events in `seconds` seconds.
struct Rate {
  std::uint64_t count = 0;
  std::uint32_t seconds = 1;

  constexpr bool operator==(const Rate&) const noexcept = default;
  [[nodiscard]] constexpr double per_second() const noexcept {
    return static_cast<double>(count) / static_cast<double>(seconds);
  }
};

// Decimal: "20000", "10k" (10^3), "1M" (10^6), "2G" (10^9). Nothing for a sign, a fraction or an overflow.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text);
[[nodiscard]] std::string print_count(std::uint64_t count);

// Binary, in bytes: "64KiB", "512MiB", "1GiB", "1TiB". The unit must be written.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::string print_size(std::uint64_t bytes);

// Bits a second, decimal: "64kbit", "50Mbit", "10Gbit". The unit must be written.
[[nodiscard]] std::optional<std::uint64_t> parse_bandwidth(std::string_view text);
[[nodiscard]] std::string print_bandwidth(std::uint64_t bits);

// A count per "s", "min" or "h": "500/s", "10k/s", "10/min".
[[nodiscard]] std::optional<Rate> parse_rate(std::string_view text);
[[nodiscard]] std::string print_rate(const Rate& rate);

// One or more of d, h, m, s, ms, each once and in that order: "1h", "2h4m", "30s", "1s500ms".
[[nodiscard]] std::optional<Milliseconds> parse_duration(std::string_view text);
[[nodiscard]] std::string print_duration(Milliseconds duration);

}  // namespace millrace::control
