// SPDX-License-Identifier: BSD-3-Clause
// Numbers as they lie in traffic: in binary, or written with digits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/base/reader.h"

namespace millrace::firewall::inspection {

struct ReadNumber {
  std::uint64_t value = 0;
  std::size_t bytes = 0;  // that it is made of, with signs and spaces before it
};

// 1 to 8 bytes.
[[nodiscard]] ReadNumber read_binary(Bytes bytes, bool little_endian) noexcept;
// Like strtoull(3) in the C locale: leading white space, a sign, "0x" of base 16, then digits up to the first
// other byte. Nothing when there are none, or the number does not fit.
[[nodiscard]] std::optional<ReadNumber> read_digits(Bytes bytes, unsigned base) noexcept;

// The bits under the mask, moved down until the mask's lowest is the first. No mask: all of them.
[[nodiscard]] std::uint64_t masked(std::uint64_t value, std::uint64_t mask) noexcept;

}  // namespace millrace::firewall::inspection
