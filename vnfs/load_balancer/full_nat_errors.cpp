// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/full_nat_errors.h"

#include <algorithm>

#include "common/core/answer_first.h"
#include "common/core/embedded.h"
#include "common/core/icmp_message.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/ip_ends.h"
#include "vnfs/load_balancer/transport_ports.h"
#include "vnfs/load_balancer/way_to.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::Packet;

void finish_error(const Packet& packet, MutableBytes message) noexcept {
  if (packet.headers.is_ipv4()) net::set_ipv4_checksum(packet.l3_as<net::Ipv4Header>());
  auto& icmp = packet.l4_as<net::IcmpHeader>();
  icmp.checksum = be16{};
  icmp.checksum = net::finish(net::sum_bytes(message, pseudo_header_of(packet, message.size())));
}

// Whether the packet inside the error went to this endpoint.
bool went_to(const Packet& packet, const net::Headers& inner, const net::IpAddress& address,
             be16 port) noexcept {
  const std::uint8_t* l3 = packet.bytes() + inner.l3_offset;
  const net::IpAddress destination =
      inner.is_ipv4() ? net::IpAddress(reinterpret_cast<const net::Ipv4Header*>(l3)->destination)
                      : net::IpAddress(reinterpret_cast<const net::Ipv6Header*>(l3)->destination);
  return destination == address && inner.destination_port == port;
}

}  // namespace

// The embedded packet went the other way, and becomes what its sender sent. What tells the backend would,
// with the teller's own address, come from where the backend may have no route to: it gets the source's.
CrossFamily::Error FullNatErrors::as_seen(const Packet& packet, const Connection& connection,
                                          const Backend& backend) noexcept {
  if (static_cast<Direction>(packet.direction) == Direction::kForward) {
    const net::IpAddress& source = connection.source->address();
    return {.teller = source,
            .receiver = backend.address,
            .about = {.source = backend.address,
                      .destination = source,
                      .source_port = backend.inward(connection.service_port()),
                      .destination_port = be16(connection.source_port)}};
  }
  const net::IpAddress client = connection.client();
  const net::IpAddress service = connection.service_address();
  const bool keeps_teller = packet.headers.is_ipv4() == client.is_v4() && packet.source() != backend.address;
  return {.teller = keeps_teller ? packet.source() : service,
          .receiver = client,
          .about = {.source = client,
                    .destination = service,
                    .source_port = connection.client_port(),
                    .destination_port = connection.service_port()}};
}

void FullNatErrors::write(const Packet& packet, const net::Headers& inner, const Connection& connection,
                          const CrossFamily::Error& error) noexcept {
  const auto turned = static_cast<std::uint16_t>(
      static_cast<Direction>(packet.direction) == Direction::kForward ? 0 : 0xffff);
  std::uint8_t* const embedded = packet.bytes() + inner.l3_offset;
  const std::size_t end = packet.headers.end_offset;
  const std::size_t present = end - std::min<std::size_t>(inner.l4_offset, end);
  write_source(embedded, error.about.source, 0);
  write_destination(embedded, error.about.destination,
                    static_cast<std::uint16_t>(connection.ip_delta ^ turned));
  const net::WirePorts ports{.source = error.about.source_port.wire(),
                             .destination = error.about.destination_port.wire()};
  write_quoted_ports(packet.bytes() + inner.l4_offset, present, inner.protocol, ports,
                     static_cast<std::uint16_t>(connection.transport_delta ^ turned));
  write_source(packet.l3(), error.teller, 0);
  write_destination(packet.l3(), error.receiver, 0);
}

void FullNatErrors::forward(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const Connection& connection = state.connections[packet.session];
  if (!policy.allows(connection)) return batch.drop(packet, Drop::kBackendGone);
  const Backend& backend = policy.backends[connection.backend];
  const bool inward = static_cast<Direction>(packet.direction) == Direction::kForward;
  const MutableBytes message = message_of(packet);
  net::Headers inner;
  if (message.empty() || !core::read_embedded(packet, inner) || !inner.has_ports)
    return batch.drop(packet, Drop::kIcmpBadEmbedded);
  if (!icmp_checksum_ok(packet, message)) return batch.drop(packet, Drop::kIcmpBadChecksum);
  // The source port alone tells the connection: whoever guesses one does not speak for its backend.
  if (!inward && !went_to(packet, inner, backend.address, backend.inward(connection.service_port())))
    return batch.drop(packet, Drop::kIcmpUnrelated);

  const CrossFamily::Error error = as_seen(packet, connection, backend);
  core::Originator& originator = state.services.originator;
  const core::NextHop* hop = find_way_to(error.receiver, batch, packet, originator);
  if (hop == nullptr) return;
  state.backends[batch.lane(packet)] = connection.backend;
  if (packet.headers.is_ipv4() != error.receiver.is_v4()) {
    if (!core::may_go_on(packet)) return batch.drop(packet, core::Drop::kTtlExceeded);
    return CrossFamily{state}.write_error(batch, packet, inner, error);
  }
  if (!core::goes_on(batch, packet, *hop, originator)) return;
  write(packet, inner, connection, error);
  finish_error(packet, message);
  packet.rewritten = true;
}

}  // namespace millrace::load_balancer
