// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/forward_errors.h"

#include <algorithm>

#include "common/core/answer_first.h"
#include "common/core/embedded.h"
#include "common/core/icmp_message.h"
#include "common/core/steer.h"
#include "common/net/checksum.h"
#include "vnfs/load_balancer/deltas.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/full_nat_errors.h"
#include "vnfs/load_balancer/ip_ends.h"
#include "vnfs/load_balancer/join_halves.h"
#include "vnfs/load_balancer/transport_ports.h"
#include "vnfs/load_balancer/tunnel_errors.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::Packet;

// The errors whose packet inside was changed get a checksum of their own.
void finish_message(const Packet& packet, MutableBytes message) noexcept {
  if (packet.headers.is_ipv4()) net::set_ipv4_checksum(packet.l3_as<net::Ipv4Header>());
  auto& icmp = packet.l4_as<net::IcmpHeader>();
  icmp.checksum = be16{};
  icmp.checksum = net::finish(net::sum_bytes(message, pseudo_header_of(packet, message.size())));
}

}  // namespace

void ForwardErrors::forward(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const unsigned lane = batch.lane(packet);
  if (packet.session == kNoConnection) {
    if (answer_tunnel_error(batch, packet, policy, state)) return;
    // Nothing of ours, or of a client that was balanced by its hash alone.
    const bool to_us = packet.next_hop.valid() && batch.network->next_hops[packet.next_hop.value()].kind ==
                                                      core::NextHop::Kind::kFunction;
    if (to_us) batch.drop(packet, Drop::kIcmpUnrelated);
    return;
  }
  const Connection& connection = state.connections[packet.session];
  if (connection.source != nullptr) return FullNatErrors{state}.forward(batch, packet, policy);
  const Backend* backend = policy.backend(connection.backend);
  if (backend == nullptr) return batch.drop(packet, Drop::kBackendGone);
  const Service& service = policy.services[backend->service];
  const bool inward = static_cast<Direction>(packet.direction) == Direction::kForward;
  if (!inward && service.forwarding != Forwarding::kNat) return;

  const MutableBytes message = message_of(packet);
  net::Headers inner;
  if (message.empty() || !core::read_embedded(packet, inner))
    return batch.drop(packet, Drop::kIcmpBadEmbedded);
  if (!icmp_checksum_ok(packet, message)) return batch.drop(packet, Drop::kIcmpBadChecksum);

  if (policy.tunnel(connection.backend) != nullptr) {
    state.backends[lane] = connection.backend;
    state.to_tunnel |= std::uint64_t{1} << lane;
    return;
  }
  const core::Network& network = *batch.network;
  if (inward) packet.next_hop = network.find_route(packet.domain, backend->address);
  if (!packet.next_hop.valid()) return batch.drop(packet, core::Drop::kNoRoute);
  const core::NextHop& hop = network.next_hops[packet.next_hop.value()];
  packet.egress = hop.interface;
  if (!core::goes_on(batch, packet, hop, state.services.originator)) return;
  state.backends[lane] = connection.backend;
  if (service.forwarding == Forwarding::kDirect) return core::steer(packet, backend->address, hop);

  // The embedded packet went the other way, and becomes what its sender sent.
  std::uint8_t* const embedded = packet.bytes() + inner.l3_offset;
  const std::size_t end = packet.headers.end_offset;
  const std::size_t present = end - std::min<std::size_t>(inner.l4_offset, end);
  const auto ip_delta = static_cast<std::uint16_t>(inward ? connection.ip_delta : ~connection.ip_delta);
  const auto transport_delta =
      static_cast<std::uint16_t>(inward ? connection.transport_delta : ~connection.transport_delta);
  const be16 ours = inward ? inner.source_port : inner.destination_port;
  const net::IpAddress before = inward ? service.address : backend->address;
  const net::IpAddress& after = inward ? backend->address : service.address;
  net::WirePorts ports{.source = inner.source_port.wire(), .destination = inner.destination_port.wire()};
  if (inward) {
    write_source(embedded, after, ip_delta);
    ports.source = backend->inward(ours).wire();
    write_destination(packet.l3(), after, 0);
  } else {
    write_destination(embedded, after, ip_delta);
    ports.destination = backend->outward(ours).wire();
    // A router's own address stays.
    if (packet.source() == before) write_source(packet.l3(), after, 0);
  }
  if (inner.has_ports)
    write_quoted_ports(packet.bytes() + inner.l4_offset, present, inner.protocol, ports, transport_delta);
  if (connection.has(Connection::kProxied)) [[unlikely]]
    translate_quoted(packet.bytes() + inner.l4_offset, present, static_cast<Direction>(packet.direction),
                     connection);
  finish_message(packet, message);
  packet.rewritten = true;
}

void ForwardErrors::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.related & batch.live_mask(); lanes != 0; lanes &= lanes - 1)
    forward(batch, batch[static_cast<unsigned>(std::countr_zero(lanes))], policy);
}

}  // namespace millrace::load_balancer
