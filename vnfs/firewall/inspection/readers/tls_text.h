// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string_view>

#include "vnfs/firewall/inspection/room_writer.h"

namespace millrace::firewall::inspection::readers {

inline constexpr std::string_view kLowerHex = "0123456789abcdef";
inline constexpr std::string_view kUpperHex = "0123456789ABCDEF";

inline void put_hex(RoomWriter& writer, std::uint8_t byte, std::string_view digits) noexcept {
  writer.put(static_cast<std::uint8_t>(digits[byte >> 4U]));
  writer.put(static_cast<std::uint8_t>(digits[byte & 15U]));
}

// "01:ab:..."
inline void put_hex_list(RoomWriter& writer, Bytes bytes, std::string_view digits) noexcept {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0) writer.put(':');
    put_hex(writer, bytes[i], digits);
  }
}

}  // namespace millrace::firewall::inspection::readers
