// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/full_nat.h"

#include "common/core/answer_first.h"
#include "vnfs/load_balancer/cross_family.h"
#include "vnfs/load_balancer/follow.h"
#include "vnfs/load_balancer/ip_ends.h"
#include "vnfs/load_balancer/tell_client.h"
#include "vnfs/load_balancer/transport_ports.h"
#include "vnfs/load_balancer/way_to.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::Packet;

}  // namespace

std::optional<Drop> FullNat::begin(const Packet& packet, const Service& service, const Backend& backend,
                                   Connection& begun) noexcept {
  const net::Headers& headers = packet.headers;
  const auto space = port_space(headers.protocol);
  if (!space || !headers.has_ports) return Drop::kNoPorts;
  const be16 inward = backend.inward(headers.destination_port);
  // As Policy::bucket_of() has it for the client's packets.
  const unsigned bucket = core::owner_hash(headers, packet.l3(), true) % core::kOwnerBuckets;
  if (!state.source_ports.take(service, backend, inward, *space, bucket, begun)) return Drop::kNoSourcePort;
  const Deltas deltas = deltas_of({.source = packet.source(),
                                   .destination = packet.destination(),
                                   .source_port = headers.source_port,
                                   .destination_port = headers.destination_port},
                                  {.source = begun.source->address(),
                                   .destination = backend.address,
                                   .source_port = be16(begun.source_port),
                                   .destination_port = inward});
  if (headers.protocol == net::protocol::kTcp) {
    if (service.client_address == ClientAddress::kProxyProtocol) begun.flags |= Connection::kHeaderWaits;
    if (service.client_address == ClientAddress::kToa) begun.flags |= Connection::kToa;
  }
  begun.ip_delta = deltas.ip;
  begun.transport_delta = deltas.transport;
  return std::nullopt;
}

// Whether the record is still that of the connection the packet was found to be of.
bool FullNat::is_still(const Batch& batch, const Packet& packet) const noexcept {
  const Connection& connection = state.connections[packet.session];
  if (connection.source == nullptr) return false;
  if (static_cast<Direction>(packet.direction) == Direction::kForward)
    return state.connections.flows().holds(packet.session, state.lookups[batch.lane(packet)]);
  return connection.source_port == packet.headers.destination_port.host() &&
         connection.source->address() == packet.destination();
}

void FullNat::forward(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  if (!is_still(batch, packet)) [[unlikely]]
    return batch.drop(packet, Drop::kConnectionEnded);
  if (static_cast<Direction>(packet.direction) == Direction::kForward) {
    to_backend(batch, packet, policy);
  } else {
    to_client(batch, packet, policy);
  }
}

void FullNat::to_backend(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const Connection& connection = state.connections[packet.session];
  const Backend& backend = policy.backends[connection.backend];
  pass(batch, packet, policy,
       {.ends = {.source = connection.source->address(),
                 .destination = backend.address,
                 .source_port = be16(connection.source_port),
                 .destination_port = backend.inward(connection.service_port())},
        .ip_delta = connection.ip_delta,
        .transport_delta = connection.transport_delta});
}

void FullNat::to_client(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const Connection& connection = state.connections[packet.session];
  pass(batch, packet, policy,
       {.ends = {.source = connection.service_address(),
                 .destination = connection.client(),
                 .source_port = connection.service_port(),
                 .destination_port = connection.client_port()},
        .ip_delta = static_cast<std::uint16_t>(~connection.ip_delta),
        .transport_delta = static_cast<std::uint16_t>(~connection.transport_delta)});
}

void FullNat::tell(Batch& batch, Packet& packet, const core::NextHop& hop, bool crosses,
                   const Policy& policy) noexcept {
  if (packet.headers.protocol != net::protocol::kTcp) return;
  if (static_cast<Direction>(packet.direction) == Direction::kReverse)
    return TellClient{state}.from_backend(packet, policy, batch.now);
  constexpr int kGrowth = sizeof(net::Ipv6Header) - sizeof(net::Ipv4Header);
  const int growth = packet.headers.is_ipv4() ? kGrowth : -kGrowth;
  TellClient{state}.from_client(batch, packet, hop, crosses ? growth : 0, policy);
}

void FullNat::pass(Batch& batch, Packet& packet, const Policy& policy, const Face& face) noexcept {
  core::Originator& originator = state.services.originator;
  const Connection& connection = state.connections[packet.session];
  // Its checksum covers all fragments.
  if (packet.headers.protocol == net::protocol::kSctp && packet.headers.is_fragment) [[unlikely]]
    return batch.drop(packet, Drop::kUntranslatable);
  const core::NextHop* hop = find_way_to(face.ends.destination, batch, packet, originator);
  if (hop == nullptr) return;
  const bool crosses = packet.headers.is_ipv4() != face.ends.destination.is_v4();
  CrossFamily cross{state};
  if (crosses ? !cross.goes_on(batch, packet, *hop) : !core::goes_on(batch, packet, *hop, originator)) return;
  state.tallies.backend(state.backends[batch.lane(packet)])
      .count(static_cast<Direction>(packet.direction), packet.ip_length());
  follow(state, packet, policy, batch.now);
  if (connection.has(Connection::kTells)) [[unlikely]]
    tell(batch, packet, *hop, crosses, policy);
  if (crosses) return cross.write(batch, packet, face.ends, face.transport_delta);
  write_source(packet.l3(), face.ends.source, 0);
  write_destination(packet.l3(), face.ends.destination, face.ip_delta);
  write_ports(packet, {face.ends.source_port.wire(), face.ends.destination_port.wire()},
              face.transport_delta);
  packet.rewritten = true;
}

}  // namespace millrace::load_balancer
