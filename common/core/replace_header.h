// SPDX-License-Identifier: BSD-3-Clause
// Gives a packet another IP header, or another datagram, maybe of the other family, in its own buffer. Data
// path.
#pragma once

#include "common/core/batch.h"
#include "common/net/translate_header.h"

namespace millrace::core {

// The packet's IP header gives way to another one of `family`, 4 or 6. False when there is no room in front.
[[nodiscard]] bool replace_header(Packet& packet, const net::NewHeader& header, std::uint8_t family,
                                  std::uint8_t protocol) noexcept;

// Another datagram in the place of the packet's own. False when it has no room.
[[nodiscard]] bool replace_datagram(Packet& packet, Bytes datagram, std::uint8_t family,
                                    std::uint8_t protocol) noexcept;

// TCP segments that a port put together; egress takes them apart again.
[[nodiscard]] inline bool is_aggregate(const Batch& batch, const Packet& packet) noexcept {
  return (batch.unfinished >> batch.lane(packet) & 1U) != 0 &&
         (packet.mbuf->ol_flags & RTE_MBUF_F_RX_LRO) != 0 && packet.headers.protocol == net::protocol::kTcp;
}

}  // namespace millrace::core
