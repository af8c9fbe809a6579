// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/core/batch.h"
#include "common/flow/tcp.h"

namespace millrace::firewall {

// What TCP tracking needs to know of a packet whose TCP header is present.
[[nodiscard]] inline flow::TcpSegment tcp_segment(const core::Packet& packet) noexcept {
  const auto& tcp = packet.l4_as<net::TcpHeader>();
  flow::TcpSegment segment{.sequence = tcp.sequence.host(),
                           .acknowledgment = tcp.acknowledgment.host(),
                           .window = tcp.window.host(),
                           .payload_length = packet.headers.payload_length(),
                           .flags = tcp.flags,
                           .options = {}};
  if ((tcp.flags & net::tcp_flag::kSyn) != 0) [[unlikely]] {
    segment.options =
        Bytes(reinterpret_cast<const std::uint8_t*>(&tcp) + sizeof tcp, tcp.header_length() - sizeof tcp);
  }
  // How much the later fragments of this segment carry is not known here; it can not be more than what one
  // datagram holds, and counting too much only widens what the receiver may acknowledge.
  if (packet.headers.more_fragments) [[unlikely]]
    segment.payload_length = 0xffff - 60;
  return segment;
}

}  // namespace millrace::firewall
