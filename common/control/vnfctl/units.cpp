// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

#include <fmt/format.h>

namespace millrace::vnfctl {
namespace {

// Three significant digits.
std::string three_digits(double value) {
  if (value >= 99.95) return fmt::format("{:.0f}", value);
  if (value >= 9.995) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2f}", value);
}

// Divides until the value has at most three digits before the point, or the units run out.
std::string scaled(double value, double step, std::span<const std::string_view> units) {
  std::size_t unit = 0;
  while (unit + 1 < units.size() && value >= step * 0.9995) {
    value /= step;
    ++unit;
  }
  return (unit == 0 ? fmt::format("{:.0f}", value) : three_digits(value)) + std::string(units[unit]);
}

}  // namespace

std::string human_count(double count) {
  static constexpr std::array<std::string_view, 5> kUnits{"", "k", "M", "G", "T"};
  if (!std::isfinite(count) || count < 0) return "-";
  if (count < 9999.5) return fmt::format("{:.0f}", count);
  return scaled(count, 1000, kUnits);
}

std::string human_bits(double bits_per_second) {
  static constexpr std::array<std::string_view, 5> kUnits{" bit/s", " kbit/s", " Mbit/s", " Gbit/s",
                                                          " Tbit/s"};
  if (!std::isfinite(bits_per_second) || bits_per_second < 0) return "-";
  return scaled(bits_per_second, 1000, kUnits);
}

std::string human_bytes(double bytes) {
  static constexpr std::array<std::string_view, 5> kUnits{" B", " KiB", " MiB", " GiB", " TiB"};
  if (!std::isfinite(bytes) || bytes < 0) return "-";
  return scaled(bytes, 1024, kUnits);
}

std::string human_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-";
  if (seconds < 9.95) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
  return fmt::format("{}d{:02}h", whole / 86400, whole / 3600 % 24);
}

std::string percent(double ratio) { return std::isfinite(ratio) ? fmt::format("{:.0f}%", ratio * 100) : "-"; }

std::optional<unsigned> parse_duration_ms(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  std::uint64_t ms = number;
  if (unit == "s" || unit.empty()) {
    ms *= 1000;
  } else if (unit == "m") {
    ms *= 60'000;
  } else if (unit != "ms") {
    return std::nullopt;
  }
  if (ms < 1 || ms > 600'000) return std::nullopt;
  return static_cast<unsigned>(ms);
}

}  // namespace millrace::vnfctl
