// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include <immintrin.h>

namespace millrace {

// The checksum of RFC 3720 appendix B.4 (Castagnoli), which the CPU computes.
[[nodiscard]] inline std::uint32_t crc32c(std::string_view bytes) noexcept {
  std::uint64_t crc = 0xffffffffU;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    crc = _mm_crc32_u64(crc, word);
  }
  auto rest = static_cast<std::uint32_t>(crc);
  for (; left > 0; --left, ++at) rest = _mm_crc32_u8(rest, static_cast<std::uint8_t>(*at));
  return ~rest;
}

}  // namespace millrace
