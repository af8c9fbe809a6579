// SPDX-License-Identifier: BSD-3-Clause
// What egress would answer to a packet's sender, answered before the packet is given other addresses: after
// that its sender would not know it again.
#pragma once

#include "common/core/originator.h"
#include "common/core/rewrite.h"

namespace millrace::core {

// The rare end of goes_on() below. False when the packet was dropped.
[[nodiscard]] inline bool answered_first(Batch& batch, Packet& packet, const NextHop& hop,
                                         Originator& originator) noexcept {
  const Network& network = *batch.network;
  if (!packet.from_host && !may_go_on(packet)) {  // what the twin says takes no hop here
    originator.ttl_exceeded(packet, network);
    batch.drop(packet, Drop::kTtlExceeded);
    return true;
  }
  if (hop.kind == NextHop::Kind::kProhibited || hop.kind == NextHop::Kind::kUnreachable) {
    if (hop.kind == NextHop::Kind::kProhibited) {
      originator.admin_prohibited(packet, network);
    } else {
      originator.unreachable_route(packet, network);
    }
    batch.drop(packet, Drop::kProhibited);
    return true;
  }
  // What a port left unfinished is cut to size by egress.
  const bool unfinished = (batch.unfinished >> batch.lane(packet) & 1U) != 0;
  const bool whole = packet.headers.is_ipv6() ||
                     (packet.l3_as<net::Ipv4Header>().fragment.host() & net::Ipv4Header::kDontFragment) != 0;
  if (!unfinished && whole && packet.ip_length() > hop.mtu) {
    originator.too_big(packet, network, hop.mtu);
    batch.drop(packet, Drop::kPacketTooBig);
    return true;
  }
  return false;
}

// Whether the packet can leave by this hop as it is. When not, it is dropped and its sender told.
[[nodiscard, gnu::always_inline]] inline bool goes_on(Batch& batch, Packet& packet, const NextHop& hop,
                                                      Originator& originator) noexcept {
  const bool ordinary = (hop.kind == NextHop::Kind::kForward || hop.kind == NextHop::Kind::kResolve) &&
                        packet.ip_length() <= hop.mtu && may_go_on(packet);
  if (ordinary) [[likely]]
    return true;
  return !answered_first(batch, packet, hop, originator);
}

}  // namespace millrace::core
