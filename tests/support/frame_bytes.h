// SPDX-License-Identifier: BSD-3-Clause
// Bytes of a frame, under construction or not, in network order.
#pragma once

#include <cstdint>
#include <span>

#include "tests/support/packet_builder.h"

namespace millrace::testing {

inline void put8(Frame& out, unsigned value) { out.push_back(static_cast<std::uint8_t>(value)); }
inline void put16(Frame& out, unsigned value) {
  put8(out, value >> 8);
  put8(out, value);
}
inline void put32(Frame& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffffU);
}
inline void put(Frame& out, std::span<const std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
inline void set16(Frame& out, std::size_t at, unsigned value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}
// A 32-bit number of a frame, 0 past its end.
inline std::uint32_t number_at(std::span<const std::uint8_t> frame, std::size_t at) {
  if (frame.size() < at + 4) return 0;
  return std::uint32_t{frame[at]} << 24 | std::uint32_t{frame[at + 1]} << 16 |
         std::uint32_t{frame[at + 2]} << 8 | frame[at + 3];
}
inline void pad(Frame& out, std::size_t multiple) {
  while (out.size() % multiple != 0) out.push_back(0);
}

}  // namespace millrace::testing
