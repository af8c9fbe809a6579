// SPDX-License-Identifier: BSD-3-Clause
// Where a packet goes that gets another destination. Data path.
#pragma once

#include "common/core/originator.h"

namespace millrace::load_balancer {

// The packet's way to `destination`; null when there is none: then it is dropped, and its sender told.
[[nodiscard, gnu::always_inline]] inline const core::NextHop* find_way_to(
    const net::IpAddress& destination, core::Batch& batch, core::Packet& packet,
    core::Originator& originator) noexcept {
  const core::Network& network = *batch.network;
  packet.next_hop = destination.is_v4() ? network.find_way(packet.ingress, packet.domain, destination.v4())
                                        : network.find_way(packet.ingress, packet.domain, destination.v6());
  if (!packet.next_hop.valid()) [[unlikely]] {
    originator.no_route(packet, network);
    batch.drop(packet, core::Drop::kNoRoute);
    return nullptr;
  }
  const core::NextHop& hop = network.next_hops[packet.next_hop.value()];
  packet.egress = hop.interface;
  return &hop;
}

}  // namespace millrace::load_balancer
