// SPDX-License-Identifier: BSD-3-Clause
// Integers as they stand on the wire. They convert only when asked, so the compiler finds byte-order bugs.
#pragma once

#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>

namespace millrace {

static_assert(std::endian::native == std::endian::little, "the data path is written for x86-64");

[[nodiscard]] constexpr std::uint16_t byte_swap(std::uint16_t v) noexcept { return __builtin_bswap16(v); }
[[nodiscard]] constexpr std::uint32_t byte_swap(std::uint32_t v) noexcept { return __builtin_bswap32(v); }
[[nodiscard]] constexpr std::uint64_t byte_swap(std::uint64_t v) noexcept { return __builtin_bswap64(v); }

template <std::unsigned_integral Int>
class [[gnu::packed]] BigEndian {  // alignment 1: may lie anywhere in a packet
 public:
  constexpr BigEndian() noexcept = default;
  constexpr explicit BigEndian(Int host) noexcept : wire_(byte_swap(host)) {}

  [[nodiscard]] constexpr Int host() const noexcept { return byte_swap(wire_); }
  // The bytes as they lie in memory: for hashing, comparing and checksums, which do not care about order.
  [[nodiscard]] constexpr Int wire() const noexcept { return wire_; }
  [[nodiscard]] static constexpr BigEndian from_wire(Int wire) noexcept {
    BigEndian value;
    value.wire_ = wire;
    return value;
  }

  constexpr bool operator==(const BigEndian&) const noexcept = default;
  constexpr auto operator<=>(const BigEndian& other) const noexcept { return host() <=> other.host(); }

 private:
  Int wire_ = 0;
};

using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

static_assert(sizeof(be16) == 2 && sizeof(be32) == 4 && sizeof(be64) == 8 && alignof(be64) == 1);

}  // namespace millrace
