// SPDX-License-Identifier: BSD-3-Clause
// Characters and words of HTTP/1 (RFC 9110 section 5.6), over bytes that came from outside. Nothing is
// copied.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/base/reader.h"

namespace millrace::firewall::inspection {

// The longest registered one has 17 characters.
inline constexpr std::size_t kLongestHttpMethod = 32;

// ASCII letters of either case are the same, whatever the locale.
[[nodiscard]] constexpr std::uint8_t lower(std::uint8_t c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c - 'A' + 'a') : c;
}
[[nodiscard]] constexpr bool is_digit(std::uint8_t c) noexcept { return c >= '0' && c <= '9'; }
// SP and HTAB, which the grammar calls OWS (section 5.6.3).
[[nodiscard]] constexpr bool is_blank(std::uint8_t c) noexcept { return c == ' ' || c == '\t'; }

namespace detail {
// tchar of section 5.6.2.
consteval std::array<bool, 256> token_characters() {
  std::array<bool, 256> is{};
  for (unsigned c = '0'; c <= '9'; ++c) is[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) is[c] = is[c - 'a' + 'A'] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) is[static_cast<unsigned char>(c)] = true;
  return is;
}
inline constexpr std::array<bool, 256> kTokenCharacters = token_characters();
}  // namespace detail
[[nodiscard]] constexpr bool is_token(std::uint8_t c) noexcept { return detail::kTokenCharacters[c]; }

namespace detail {
consteval std::array<std::int8_t, 256> hex_values() {
  std::array<std::int8_t, 256> value{};
  value.fill(-1);
  for (std::int8_t digit = 0; digit < 10; ++digit) value[static_cast<unsigned>('0' + digit)] = digit;
  for (std::int8_t digit = 10; digit < 16; ++digit)
    value[static_cast<unsigned>('a' + digit - 10)] = value[static_cast<unsigned>('A' + digit - 10)] = digit;
  return value;
}
inline constexpr std::array<std::int8_t, 256> kHexValues = hex_values();
}  // namespace detail
// The value of a hexadecimal digit; -1 of others. A look-up: in hashes nobody foresees the next digit.
[[nodiscard]] constexpr int hex_value(std::uint8_t c) noexcept { return detail::kHexValues[c]; }

[[nodiscard]] inline Bytes bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

[[nodiscard]] constexpr bool same_word(Bytes a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(static_cast<std::uint8_t>(b[i]))) return false;
  }
  return true;
}
[[nodiscard]] constexpr bool same_word(Bytes a, Bytes b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}
[[nodiscard]] constexpr bool begins_with_word(Bytes a, std::string_view b) noexcept {
  return a.size() >= b.size() && same_word(a.first(b.size()), b);
}

// The place of the first `c` at or behind `from`; the size when there is none.
[[nodiscard]] inline std::size_t find(Bytes in, std::uint8_t c, std::size_t from = 0) noexcept {
  if (from >= in.size()) return in.size();
  const void* found = std::memchr(in.data() + from, c, in.size() - from);
  if (found == nullptr) return in.size();
  return static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - in.data());
}

[[nodiscard]] constexpr Bytes trim_front(Bytes text) noexcept {
  while (!text.empty() && is_blank(text.front())) text = text.subspan(1);
  return text;
}
[[nodiscard]] constexpr Bytes trim(Bytes text) noexcept {
  text = trim_front(text);
  while (!text.empty() && is_blank(text.back())) text = text.first(text.size() - 1);
  return text;
}

[[nodiscard]] constexpr Bytes without_line_end(Bytes line) noexcept {
  if (!line.empty() && line.back() == '\n') line = line.first(line.size() - 1);
  if (!line.empty() && line.back() == '\r') line = line.first(line.size() - 1);
  return line;
}

// Takes the next element off a list whose elements are parted by `separator`, without blanks around it. Empty
// elements count (section 5.6.1.2 has them ignored).
[[nodiscard]] inline Bytes take_element(Bytes& list, std::uint8_t separator = ',') noexcept {
  const std::size_t end = find(list, separator);
  const Bytes element = trim(list.first(end));
  list = list.subspan(std::min(end + 1, list.size()));
  return element;
}

}  // namespace millrace::firewall::inspection
