// SPDX-License-Identifier: BSD-3-Clause
// TCP segments that a port has put together, and into what sizes they come apart again. Data path.
#pragma once

#include <algorithm>

#include "common/core/batch.h"
#include "common/core/network.h"

namespace millrace::core {

[[nodiscard]] inline bool is_aggregate(const Packet& packet) noexcept {
  return (packet.mbuf->ol_flags & RTE_MBUF_F_RX_LRO) != 0 && packet.headers.protocol == net::protocol::kTcp;
}

// TCP payload of each segment where IP datagrams have `mtu` bytes; 0 when they are too big for that. The
// sizes drivers tell are not always exact, so a way as wide as the link that the segments came by takes them
// all.
[[nodiscard]] inline unsigned segment_size(const Packet& packet, unsigned mtu,
                                           const Network& network) noexcept {
  // However small the segments were, an aggregate is not cut into more than 256. A segment of this size
  // passes everywhere (RFC 791: 576 bytes, RFC 8200: 1280).
  constexpr unsigned kLeast = 256;
  const unsigned headers = packet.headers.payload_offset - unsigned{packet.headers.l3_offset};
  if (headers >= mtu) return 0;
  const unsigned room = mtu - headers;
  const unsigned told = packet.mbuf->tso_segsz;
  const bool narrower = mtu < network.interfaces[packet.ingress.value()].mtu;
  const bool as_they_are = packet.headers.is_ipv6() || (packet.l3_as<net::Ipv4Header>().fragment.host() &
                                                        net::Ipv4Header::kDontFragment) != 0;
  if (told > room && narrower && as_they_are) return 0;
  return told == 0 ? room : std::min(std::max(told, kLeast), room);
}

}  // namespace millrace::core
