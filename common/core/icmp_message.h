// SPDX-License-Identifier: BSD-3-Clause
// The message of an ICMP packet, of either family. Data path.
#pragma once

#include "common/core/batch.h"
#include "common/net/checksum.h"

namespace millrace::core {

// All of it; empty when it is not in one piece.
[[nodiscard]] inline MutableBytes message_of(const Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  if (packet.mbuf->data_len < headers.end_offset) return {};
  return {packet.bytes() + headers.l4_offset, std::size_t{headers.end_offset} - headers.l4_offset};
}

// ICMPv6 has a pseudo-header (RFC 4443 section 2.3), ICMP none.
[[nodiscard]] inline net::ChecksumSum pseudo_header_of(const Packet& packet, std::size_t length) noexcept {
  if (packet.headers.is_ipv4()) return 0;
  const auto& ip = packet.l3_as<net::Ipv6Header>();
  return net::pseudo_header(ip.source, ip.destination, net::protocol::kIcmpv6,
                            static_cast<std::uint32_t>(length));
}

[[nodiscard]] inline bool icmp_checksum_ok(const Packet& packet, MutableBytes message) noexcept {
  return net::fold(net::sum_bytes(message, pseudo_header_of(packet, message.size()))) == 0xffff;
}

// What a router can carry, where the error says so; 0 for all else.
[[nodiscard]] inline unsigned mtu_told(const Packet& error) noexcept {
  const net::Headers& headers = error.headers;
  const auto& icmp = error.l4_as<net::IcmpHeader>();
  if (headers.is_ipv4()) {
    const bool too_big = headers.icmp_type() == net::icmp::kUnreachable &&
                         headers.icmp_code == net::icmp::kCodeFragmentationNeeded;
    return too_big ? icmp.sequence.host() : 0;  // a router older than RFC 1191 says 0
  }
  if (headers.icmp_type() != net::icmpv6::kPacketTooBig || icmp.id != be16{}) return 0;
  return icmp.sequence.host();
}

}  // namespace millrace::core
