// SPDX-License-Identifier: BSD-3-Clause
// Looking for one run of bytes in another, 32 places at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/reader.h"

namespace millrace::firewall::inspection {

inline constexpr std::size_t kNowhere = ~std::size_t{0};

// An ASCII letter in lower case; any other byte as it is.
[[nodiscard]] constexpr std::uint8_t folded(std::uint8_t byte) noexcept {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte | 0x20U) : byte;
}

// Where `wanted`, which is not empty, begins for the first time; or kNowhere. Takes time in proportion to the
// bytes, times the length of `wanted` where nearly all of it is there again and again.
[[nodiscard]] std::size_t find_bytes(Bytes in, std::string_view wanted) noexcept;
// The same for ASCII letters of either case; `wanted` is folded.
[[nodiscard]] std::size_t find_caseless(Bytes in, std::string_view wanted) noexcept;

[[nodiscard]] bool equal_bytes(Bytes a, std::string_view b) noexcept;
// `b` is folded.
[[nodiscard]] bool equal_caseless(Bytes a, std::string_view b) noexcept;

}  // namespace millrace::firewall::inspection
