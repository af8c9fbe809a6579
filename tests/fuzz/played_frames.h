// SPDX-License-Identifier: BSD-3-Clause
// What targets that play frames against an appliance do to them.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "tests/fuzz/frame_ends.h"
#include "tests/fuzz/input.h"
#include "tests/support/packet_builder.h"

namespace millrace::fuzz {

// Changes some bytes of a frame: two of the input for each, as many as the next one says.
inline void spoil(testing::Frame& frame, Input& input) {
  for (unsigned changes = input.u8() % 4; changes != 0 && !frame.empty(); --changes) {
    const std::uint8_t place = input.u8();
    frame[std::size_t{place} * (frame.size() > 256 ? 2 : 1) % frame.size()] ^= input.u8();
  }
}

// An ICMP error about a frame that left, or about its beginning, from whom it was for; nothing for one too
// short to complain about. `from`: makes a packet of its two addresses. `kind` says which error.
template <class From>
std::optional<testing::Frame> error_about(const testing::Frame& about, bool shortened, std::uint8_t kind,
                                          From from) {
  const auto datagram = frame_sums::datagram_of(about);
  const auto ends = ends_of_datagram(datagram);
  if (!ends || datagram.size() < 40) return std::nullopt;
  constexpr std::array<std::uint8_t, 4> kTypes4 = {3, 3, 11, 12};
  constexpr std::array<std::uint8_t, 4> kTypes6 = {1, 2, 3, 4};
  const auto types = ends->source.is_v4() ? kTypes4 : kTypes6;
  const auto quoted = datagram.first(std::min<std::size_t>(datagram.size(), shortened ? 28 : 128));
  testing::PacketBuilder packet = from(ends->destination.to_string(), ends->source.to_string());
  return packet.icmp(types[kind % 4], kind / 4 % 16, kind / 64 * 600U)
      .payload(testing::Frame(quoted.begin(), quoted.end()))
      .bytes();
}

}  // namespace millrace::fuzz
