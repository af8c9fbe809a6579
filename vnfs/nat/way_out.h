// SPDX-License-Identifier: BSD-3-Clause
// Where a packet leaves once it has other addresses. Data path.
#pragma once

#include "vnfs/nat/drops.h"
#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// Routes the packet, which still is as its sender sent it, by the destination it will have. False when there
// is no way, and the packet dropped.
template <class Address>
[[nodiscard]] inline bool find_way_out(core::Batch& batch, core::Packet& packet, const Address& destination,
                                       core::DomainId domain, core::Originator& originator) noexcept {
  const core::Network& network = *batch.network;
  packet.next_hop = network.find_way(packet.ingress, domain, destination);
  if (!packet.next_hop.valid()) [[unlikely]] {
    originator.no_route(packet, network);
    batch.drop(packet, core::Drop::kNoRoute);
    return false;
  }
  packet.egress = network.next_hops[packet.next_hop.value()].interface;
  return true;
}

// A packet from inside that goes to another inside host by its outside address (RFC 4787 REQ-9) has the
// sender's outside address by now. It comes in again, to the worker that has the other host.
inline void turn_back(core::Batch& batch, core::Packet& packet, Endpoint destination, std::uint8_t protocol,
                      core::DomainId domain, const Policy& policy, core::Restart& restart) noexcept {
  const auto bucket = policy.owner_of_outside(destination, protocol, domain.value());
  if (!bucket) return batch.drop(packet, Drop::kNoBinding);
  restart.send(batch, packet, policy.outside_of[domain.value()], *bucket);
}

}  // namespace millrace::nat
