// SPDX-License-Identifier: BSD-3-Clause
// What is to be replaced in a text: noted while it is read, done at once afterwards. Nothing is allocated.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "common/net/address.h"
#include "vnfs/nat/text_reader.h"

namespace millrace::nat {

// Few characters, in place. What does not fit is cut: the longest that is written here does fit.
class ShortText {
 public:
  static constexpr std::size_t kMost = 23;

  ShortText& add(std::string_view text) noexcept {
    for (const char c : text) {
      if (length_ < kMost) characters_[length_++] = c;
    }
    return *this;
  }
  ShortText& add(std::uint32_t number) noexcept {
    std::array<char, 10> digits;
    const auto made = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    return add(std::string_view(digits.data(), made.ptr));
  }
  ShortText& add(net::Ipv4Address address) noexcept {
    const std::uint32_t value = address.value.host();
    return add(value >> 24)
        .add(".")
        .add(value >> 16 & 0xffU)
        .add(".")
        .add(value >> 8 & 0xffU)
        .add(".")
        .add(value & 0xffU);
  }
  [[nodiscard]] std::string_view view() const noexcept { return {characters_.data(), length_}; }

 private:
  std::array<char, kMost> characters_;
  std::uint8_t length_ = 0;
};

class TextEdits {
 public:
  static constexpr unsigned kMost = 64;

  // In any order; parts that are replaced do not overlap. What does not fit any more makes write() fail.
  void replace(Place place, const ShortText& text) noexcept {
    if (count_ == kMost) {
      overflow_ = true;
      return;
    }
    unsigned at = count_++;
    for (; at != 0 && edits_[at - 1].place.at > place.at; --at) edits_[at] = edits_[at - 1];
    edits_[at] = {place, text};
    growth_ += static_cast<std::ptrdiff_t>(text.view().size()) - static_cast<std::ptrdiff_t>(place.length);
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  // By so much the text becomes longer.
  [[nodiscard]] std::ptrdiff_t growth() const noexcept { return growth_; }

  // The part of the text from `begin`, that is before all edits, to the end of the last.
  [[nodiscard]] Place part(std::size_t begin) const noexcept {
    return {begin, empty() ? 0 : edits_[count_ - 1].place.end() - begin};
  }
  // That part with what is replaced in it. Nothing when `out` has no room for it, or there was none for all
  // the edits. Returns the length.
  [[nodiscard]] std::optional<std::size_t> write(std::string_view text, std::size_t begin,
                                                 std::span<char> out) const noexcept {
    if (overflow_) return std::nullopt;
    std::size_t read = begin;
    std::size_t written = 0;
    const auto put = [&](const char* from, std::size_t length) {
      if (out.size() - written < length) return false;
      if (length != 0) std::memcpy(out.data() + written, from, length);
      written += length;
      return true;
    };
    for (unsigned i = 0; i < count_; ++i) {
      const auto& [place, replacement] = edits_[i];
      const std::string_view with = replacement.view();
      if (place.at < read || place.end() > text.size()) return std::nullopt;
      if (!put(text.data() + read, place.at - read) || !put(with.data(), with.size())) return std::nullopt;
      read = place.end();
    }
    return written;
  }

 private:
  struct Edit {
    Place place;
    ShortText text;
  };

  std::array<Edit, kMost> edits_;
  unsigned count_ = 0;
  bool overflow_ = false;
  std::ptrdiff_t growth_ = 0;
};

}  // namespace millrace::nat
