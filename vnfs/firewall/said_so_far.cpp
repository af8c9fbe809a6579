// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/said_so_far.h"

#include <algorithm>
#include <cstring>

namespace millrace::firewall {

void SaidSoFar::begin(std::uint32_t connection) noexcept {
  for (Side& side : all_[connection].sides) side.header_bytes = side.bytes = 0;
}

bool SaidSoFar::add(std::uint32_t connection, bool responder, Bytes headers, std::size_t transport,
                    Bytes payload) noexcept {
  Connection& of = all_[connection];
  Side& side = of.sides[responder ? 1 : 0];
  if (side.bytes == 0) {
    if (headers.size() > kMostHeader) return false;
    if (of.sides[responder ? 0 : 1].bytes == 0) of.first = responder ? 1 : 0;
    side.header_bytes = static_cast<std::uint16_t>(headers.size());
    side.transport = static_cast<std::uint16_t>(transport);
    std::memcpy(side.headers.data(), headers.data(), headers.size());
  }
  const std::size_t count = std::min(payload.size(), kMost - side.bytes);
  if (count != 0) std::memcpy(side.text.data() + side.bytes, payload.data(), count);
  side.bytes = static_cast<std::uint16_t>(side.bytes + count);
  return count != 0;
}

Bytes SaidSoFar::as_packet(std::uint32_t connection, unsigned side, MutableBytes room) const noexcept {
  const Side& of = all_[connection].sides[side];
  if (of.bytes == 0 || std::size_t{of.header_bytes} + of.bytes > room.size()) return {};
  std::memcpy(room.data(), of.headers.data(), of.header_bytes);
  std::memcpy(room.data() + of.header_bytes, of.text.data(), of.bytes);
  return room.first(std::size_t{of.header_bytes} + of.bytes);
}

}  // namespace millrace::firewall
