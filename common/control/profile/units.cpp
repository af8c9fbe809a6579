// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace millrace::control {
namespace {

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

// Largest first, so that printing takes the first that divides.
constexpr std::array kCounts = {Unit{"G", 1'000'000'000}, Unit{"M", 1'000'000}, Unit{"k", 1'000},
                                Unit{"", 1}};
constexpr std::array kSizes = {Unit{"TiB", 1ULL << 40U}, Unit{"GiB", 1ULL << 30U}, Unit{"MiB", 1ULL << 20U},
                               Unit{"KiB", 1ULL << 10U}, Unit{"B", 1}};
constexpr std::array kBandwidths = {Unit{"Gbit", 1'000'000'000}, Unit{"Mbit", 1'000'000}, Unit{"kbit", 1'000},
                                    Unit{"bit", 1}};
constexpr std::array kDurations = {Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000},
                                   Unit{"s", 1'000}, Unit{"ms", 1}};
constexpr std::array kPeriods = {Unit{"s", 1}, Unit{"min", 60}, Unit{"h", 3'600}};

struct Number {
  std::uint64_t value;
  std::string_view rest;
};

std::optional<Number> leading_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.value);
  if (error != std::errc{}) return std::nullopt;
  number.rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<std::uint64_t> times(std::uint64_t value, std::uint64_t factor) {
  if (value > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
  return value * factor;
}

std::optional<std::uint64_t> parse_with(std::string_view text, std::span<const Unit> units) {
  const auto number = leading_number(text);
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.suffix == number->rest) return times(number->value, unit.factor);
  }
  return std::nullopt;
}

std::string print_with(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) return fmt::format("{}{}", value / unit.factor, unit.suffix);
  }
  return fmt::format("0{}", units.back().suffix);
}

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view text) { return parse_with(text, kCounts); }
std::string print_count(std::uint64_t count) { return print_with(count, kCounts); }

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse_with(text, kSizes); }
std::string print_size(std::uint64_t bytes) { return print_with(bytes, kSizes); }

std::optional<std::uint64_t> parse_bandwidth(std::string_view text) { return parse_with(text, kBandwidths); }
std::string print_bandwidth(std::uint64_t bits) { return print_with(bits, kBandwidths); }

std::optional<Rate> parse_rate(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto count = parse_count(text.substr(0, slash));
  if (!count) return std::nullopt;
  for (const Unit& period : kPeriods) {
    if (period.suffix == text.substr(slash + 1))
      return Rate{*count, static_cast<std::uint32_t>(period.factor)};
  }
  return std::nullopt;
}

std::string print_rate(const Rate& rate) {
  for (const Unit& period : kPeriods) {
    if (period.factor == rate.seconds) return fmt::format("{}/{}", print_count(rate.count), period.suffix);
  }
  return {};
}

std::optional<Milliseconds> parse_duration(std::string_view text) {
  constexpr std::uint64_t kMost = 1'000'000'000'000'000;  // far beyond any timer, far below overflow
  std::uint64_t total = 0;
  std::span<const Unit> units = kDurations;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const auto number = leading_number(text);
    if (!number) return std::nullopt;
    const std::string_view suffix = number->rest.substr(0, number->rest.find_first_of("0123456789"));
    while (!units.empty() && units.front().suffix != suffix) units = units.subspan(1);
    if (units.empty()) return std::nullopt;
    const auto part = times(number->value, units.front().factor);
    if (!part || *part > kMost) return std::nullopt;
    total += *part;
    units = units.subspan(1);
    text = number->rest.substr(suffix.size());
  }
  return Milliseconds(static_cast<std::int64_t>(total));
}

std::string print_duration(Milliseconds duration) {
  auto left = static_cast<std::uint64_t>(duration.count());
  std::string text;
  for (const Unit& unit : kDurations) {
    if (left >= unit.factor) text += fmt::format("{}{}", left / unit.factor, unit.suffix);
    left %= unit.factor;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace millrace::control
