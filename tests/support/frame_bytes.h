// SPDX-License-Identifier: BSD-3-Clause
// Bytes of a frame under construction, in network order.
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
inline void pad(Frame& out, std::size_t multiple) {
  while (out.size() % multiple != 0) out.push_back(0);
}

}  // namespace millrace::testing
