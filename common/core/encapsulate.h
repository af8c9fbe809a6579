// SPDX-License-Identifier: BSD-3-Clause
// From a frame that leaves by an overlay to the packet that carries it. Data path.
#pragma once

#include <immintrin.h>
#include <rte_mbuf.h>

#include "common/core/batch.h"
#include "common/core/network.h"

namespace millrace::core {

// `mbuf` begins with the frame: addresses and type, without tags. False when there is no room in front.
[[nodiscard]] bool encapsulate(rte_mbuf& mbuf, const OverlayWay& way) noexcept;

// Of a packet whose headers were read: puts the hop's link header in front of its datagram, and the outer
// headers before that. Only for frames without an outer UDP checksum. False, and nothing done, when there is
// no room.
[[nodiscard, gnu::always_inline]] inline bool encapsulate_ordinary(Packet& packet, const NextHop& hop,
                                                                   const OverlayWay& way,
                                                                   bool ipv4) noexcept {
  rte_mbuf& mbuf = *packet.mbuf;
  constexpr unsigned kLink = sizeof(net::EthernetHeader);
  const unsigned l3_offset = packet.headers.l3_offset;
  if (rte_pktmbuf_headroom(&mbuf) + l3_offset < net::OverlayOuter::kMostBytes + kLink) [[unlikely]]
    return false;
  const std::uint8_t* l3 = packet.l3();
  std::uint64_t flow =
      packet.headers.source_port.wire() | std::uint32_t{packet.headers.destination_port.wire()} << 16;
  std::uint8_t traffic_class = 0;
  std::uint64_t words[4];
  if (ipv4) [[likely]] {
    std::memcpy(words, l3 + offsetof(net::Ipv4Header, source), 8);
    flow = _mm_crc32_u64(flow, words[0]);
    traffic_class = reinterpret_cast<const net::Ipv4Header*>(l3)->tos;
  } else {
    std::memcpy(words, l3 + offsetof(net::Ipv6Header, source), sizeof words);
    flow = _mm_crc32_u64(_mm_crc32_u64(flow, words[0] ^ words[1]), words[2] ^ words[3]);
    traffic_class = reinterpret_cast<const net::Ipv6Header*>(l3)->traffic_class();
  }
  const unsigned shift = way.outer.length() + kLink - l3_offset;
  std::uint8_t* inner = packet.l3() - kLink;
  std::memcpy(inner, hop.rewrite.data(), kLink);
  const be16 type(ipv4 ? net::ether_type::kIpv4 : net::ether_type::kIpv6);
  std::memcpy(inner + kLink - sizeof type, &type, sizeof type);
  static_cast<void>(way.outer.write(
      inner, {.length = mbuf.pkt_len - l3_offset + kLink,
              .traffic_class = static_cast<std::uint8_t>((traffic_class & way.kept_class) | way.own_class),
              .flow = static_cast<std::uint32_t>(flow),
              .ipv4 = ipv4}));
  mbuf.data_off = static_cast<std::uint16_t>(mbuf.data_off - shift);
  mbuf.data_len = static_cast<std::uint16_t>(mbuf.data_len + shift);
  mbuf.pkt_len += shift;
  return true;
}

}  // namespace millrace::core
