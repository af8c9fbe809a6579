// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace::flow {

// Which end of a session sent a packet. The values index pairs kept per side.
enum class Direction : std::uint8_t { kForward = 0, kReverse = 1 };  // from the initiator; from the responder

[[nodiscard]] constexpr Direction opposite(Direction direction) noexcept {
  return static_cast<Direction>(static_cast<std::uint8_t>(direction) ^ 1U);
}

}  // namespace millrace::flow
