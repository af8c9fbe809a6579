// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/forward.h"

#include "common/core/answer_first.h"
#include "common/core/steer.h"
#include "vnfs/load_balancer/deltas.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/follow.h"
#include "vnfs/load_balancer/full_nat.h"
#include "vnfs/load_balancer/ip_ends.h"
#include "vnfs/load_balancer/transport_ports.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::Packet;

// The checksum of SCTP covers all fragments and no address.
[[gnu::noinline]] void write_sctp(Batch& batch, Packet& packet, net::WirePorts ports) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.source_port.wire() == ports.source && headers.destination_port.wire() == ports.destination)
    return;
  if (headers.is_fragment) return batch.drop(packet, Drop::kUntranslatable);
  write_ports(packet, ports, 0);
}

void write_transport(Batch& batch, Packet& packet, net::WirePorts ports, std::uint16_t delta) noexcept {
  if (packet.headers.protocol == net::protocol::kSctp) [[unlikely]]
    return write_sctp(batch, packet, ports);
  write_ports(packet, ports, delta);
}

}  // namespace

[[gnu::always_inline]] inline void Forward::to_backend(Batch& batch, Packet& packet,
                                                       const Policy& policy) noexcept {
  const BackendId id = state.backends[batch.lane(packet)];
  const Backend& backend = policy.backends[id];
  const Service& service = policy.services[backend.service];
  const core::Network& network = *batch.network;
  packet.next_hop = state.ways.to(id, packet.domain, network, policy);
  if (!packet.next_hop.valid()) [[unlikely]] {
    state.services.originator.no_route(packet, network);
    return batch.drop(packet, core::Drop::kNoRoute);
  }
  const core::NextHop& hop = network.next_hops[packet.next_hop.value()];
  packet.egress = hop.interface;
  if (!core::goes_on(batch, packet, hop, state.services.originator)) [[unlikely]]
    return;
  state.tallies.backend(id).count(Direction::kForward, packet.ip_length());
  Deltas deltas;
  if (packet.session != kNoConnection) [[likely]] {
    follow(state, packet, policy, batch.now);
    const Connection& connection = state.connections[packet.session];
    deltas = {.ip = connection.ip_delta, .transport = connection.transport_delta};
  } else {
    deltas = deltas_of(service, backend, packet.headers.destination_port);
  }
  if (service.forwarding == Forwarding::kDirect) return core::steer(packet, backend.address, hop);
  const be16 port = backend.inward(packet.headers.destination_port);
  write_destination(packet.l3(), backend.address, deltas.ip);
  write_transport(batch, packet, {packet.headers.source_port.wire(), port.wire()}, deltas.transport);
  packet.rewritten = true;
}

[[gnu::always_inline]] inline void Forward::to_client(Batch& batch, Packet& packet,
                                                      const Policy& policy) noexcept {
  const unsigned lane = batch.lane(packet);
  const BackendId id = state.backends[lane];
  const Backend& backend = policy.backends[id];
  const Service& service = policy.services[backend.service];
  if (service.forwarding != Forwarding::kNat) return;  // it has the service's address, and passes
  if (((state.answers >> lane) & 1U) == 0) [[unlikely]]
    return batch.drop(packet, Drop::kSpoofed);
  if (!packet.next_hop.valid()) [[unlikely]]
    return;
  const core::NextHop& hop = batch.network->next_hops[packet.next_hop.value()];
  if (!core::goes_on(batch, packet, hop, state.services.originator)) [[unlikely]]
    return;
  state.tallies.backend(id).count(Direction::kReverse, packet.ip_length());
  const be16 port = backend.outward(packet.headers.source_port);
  Deltas deltas;
  if (packet.session != kNoConnection) [[likely]] {
    follow(state, packet, policy, batch.now);
    const Connection& connection = state.connections[packet.session];
    deltas = {.ip = connection.ip_delta, .transport = connection.transport_delta};
  } else {
    deltas = deltas_of(service, backend, port);
  }
  write_source(packet.l3(), service.address, static_cast<std::uint16_t>(~deltas.ip));
  write_transport(batch, packet, {port.wire(), packet.headers.destination_port.wire()},
                  static_cast<std::uint16_t>(~deltas.transport));
  packet.rewritten = true;
}

void Forward::full_nat(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.sourced & state.bound & batch.live_mask(); lanes != 0; lanes &= lanes - 1)
    FullNat{state}.forward(batch, batch[static_cast<unsigned>(std::countr_zero(lanes))], policy);
}

void Forward::process(Batch& batch, const Policy& policy) noexcept {
  state.ways.begin(*batch.network, policy);
  if ((state.sourced & batch.live_mask()) != 0) full_nat(batch, policy);
  for (std::uint64_t lanes = state.bound & ~state.sourced & batch.live_mask(); lanes != 0;
       lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (static_cast<Direction>(packet.direction) == Direction::kForward) {
      to_backend(batch, packet, policy);
    } else {
      to_client(batch, packet, policy);
    }
  }
}

}  // namespace millrace::load_balancer
