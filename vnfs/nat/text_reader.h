// SPDX-License-Identifier: BSD-3-Clause
// Walks forward over a part of a text that came from outside, as protocols made of lines need it. Nothing is
// allocated or thrown; what is not there is not taken, and no step is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/net/address.h"

namespace millrace::nat {

// A part of a text, by its offset in the whole.
struct Place {
  std::size_t at = 0;
  std::size_t length = 0;

  [[nodiscard]] constexpr std::size_t end() const noexcept { return at + length; }
  // `text` must be the whole that this is a part of.
  [[nodiscard]] constexpr std::string_view of(std::string_view text) const noexcept {
    return {text.data() + at, length};
  }
};

// ASCII letters of either case are the same, whatever the locale.
[[nodiscard]] constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_letter(char c) noexcept { return lower(c) >= 'a' && lower(c) <= 'z'; }
[[nodiscard]] constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
[[nodiscard]] constexpr bool same_word(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

class TextReader {
 public:
  // Over the part `place` of `text`.
  TextReader(std::string_view text, Place place) noexcept : text_(text), at_(place.at), end_(place.end()) {}

  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  [[nodiscard]] std::size_t end() const noexcept { return end_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  // Zero at the end.
  [[nodiscard]] char peek() const noexcept { return at_end() ? '\0' : text_[at_]; }
  [[nodiscard]] Place rest() const noexcept { return {at_, end_ - at_}; }

  void skip() noexcept {
    if (!at_end()) ++at_;
  }
  // To a place ahead, not past the end.
  void skip_to(std::size_t at) noexcept { at_ = at < at_ ? at_ : at > end_ ? end_ : at; }
  void skip_space() noexcept {
    while (!at_end() && is_space(text_[at_])) ++at_;
  }
  [[nodiscard]] bool take(char c) noexcept {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // In either case of its letters.
  [[nodiscard]] bool take(std::string_view word) noexcept {
    if (end_ - at_ < word.size() || !same_word({text_.data() + at_, word.size()}, word)) return false;
    at_ += word.size();
    return true;
  }
  // Up to the first character that does not belong.
  template <class Belongs>
  Place take_while(Belongs&& belongs) noexcept {
    const std::size_t from = at_;
    while (!at_end() && belongs(text_[at_])) ++at_;
    return {from, at_ - from};
  }
  // Up to the next space, or the end.
  Place take_word() noexcept {
    return take_while([](char c) { return !is_space(c); });
  }
  // The place of the next `c`, or the end.
  [[nodiscard]] std::size_t find(char c) const noexcept {
    std::size_t at = at_;
    while (at != end_ && text_[at] != c) ++at;
    return at;
  }
  // Digits; nothing when they are none, or more than `most`.
  [[nodiscard]] std::optional<std::uint32_t> take_number(std::uint32_t most) noexcept;
  // "192.0.2.1", not as the beginning of a longer word.
  [[nodiscard]] std::optional<net::Ipv4Address> take_ipv4() noexcept;

 private:
  std::string_view text_;
  std::size_t at_;
  std::size_t end_;
};

}  // namespace millrace::nat
