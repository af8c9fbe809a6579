// SPDX-License-Identifier: BSD-3-Clause
// Packets of a session in which a signature matched, for a capture file: bytes by value.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "common/base/event_ring.h"

namespace millrace::firewall::inspection {

struct PacketCopy {
  static constexpr std::size_t kMostBytes = 1'600;

  std::uint64_t tsc;  // when; the reader makes wall clock of it
  std::uint64_t session;
  std::uint32_t inspection;  // its serial number
  std::uint32_t length;      // of the frame
  std::uint16_t kept;        // bytes of it here
  std::uint16_t ingress;     // InterfaceId
  std::array<std::uint8_t, kMostBytes> bytes;
};
static_assert(std::is_trivially_copyable_v<PacketCopy>);

using PacketCopies = EventRing<PacketCopy>;

}  // namespace millrace::firewall::inspection
