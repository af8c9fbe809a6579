// SPDX-License-Identifier: BSD-3-Clause
// What a hop changes in a packet. Data path.
#pragma once

#include <cstring>

#include "common/core/batch.h"
#include "common/core/network.h"
#include "common/net/checksum.h"

namespace millrace::core {

// Whether TTL or hop limit allow one hop more.
[[nodiscard]] inline bool may_go_on(const Packet& packet) noexcept {
  return (packet.headers.is_ipv4() ? packet.l3_as<net::Ipv4Header>().ttl
                                   : packet.l3_as<net::Ipv6Header>().hop_limit) > 1;
}

// TTL or hop limit minus one; the caller has seen to it that may_go_on().
inline void take_hop(Packet& packet) noexcept {
  if (packet.headers.is_ipv4()) [[likely]] {
    net::decrement_ttl(packet.l3_as<net::Ipv4Header>());
  } else {
    --packet.l3_as<net::Ipv6Header>().hop_limit;
  }
}

// Puts the hop's Ethernet header and tags in front of the IP header, over whatever stood there.
[[gnu::always_inline]] inline void rewrite(rte_mbuf* mbuf, unsigned l3_offset, bool ipv4,
                                           const NextHop& hop) noexcept {
  const int shift = static_cast<int>(l3_offset) - hop.rewrite_length;
  mbuf->data_off = static_cast<std::uint16_t>(mbuf->data_off + shift);
  mbuf->data_len = static_cast<std::uint16_t>(mbuf->data_len - shift);
  mbuf->pkt_len = mbuf->pkt_len - static_cast<std::uint32_t>(shift);
  auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  if (hop.rewrite_length == sizeof(net::EthernetHeader)) [[likely]] {
    std::memcpy(bytes, hop.rewrite.data(), sizeof(net::EthernetHeader));
  } else {
    std::memcpy(bytes, hop.rewrite.data(), hop.rewrite_length);
  }
  const be16 type(ipv4 ? net::ether_type::kIpv4 : net::ether_type::kIpv6);
  std::memcpy(bytes + hop.rewrite_length - 2, &type, sizeof type);
}

}  // namespace millrace::core
