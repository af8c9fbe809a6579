// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/find_association.h"

#include <algorithm>

#include "common/core/embedded.h"
#include "common/core/icmp_message.h"
#include "common/net/icmp.h"
#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/esp_datagram.h"

namespace millrace::vpn {
namespace {

using core::Batch;
using core::Packet;

bool is_for_us(const Packet& packet, const core::Network& network) noexcept {
  return packet.next_hop.valid() &&
         network.next_hops[packet.next_hop.value()].kind == core::NextHop::Kind::kHost;
}

}  // namespace

[[gnu::always_inline]] inline void FindAssociation::find(Batch& batch, Packet& packet,
                                                         const Associations& associations) noexcept {
  const EspPlace place = find_esp(packet);
  switch (place.kind) {
    case EspPlace::Kind::kEsp:
      break;
    case EspPlace::Kind::kNone:
      return;
    case EspPlace::Kind::kShort:
      return batch.drop(packet, Drop::kEspTruncated);
    case EspPlace::Kind::kKeepalive:
      return batch.drop(packet, Drop::kKeepalive);
  }
  const Inbound* association = associations.find(place.spi(packet));
  if (association == nullptr) return batch.drop(packet, Drop::kUnknownSpi);
  if (packet.mbuf->nb_segs != 1 && rte_pktmbuf_linearize(packet.mbuf) != 0)
    return batch.drop(packet, Drop::kNoTailroom);
  const unsigned lane = batch.lane(packet);
  if (state.last_inbound != nullptr && association != state.last_inbound) {
    state.many_inbound = true;
    __builtin_prefetch(association);
  }
  state.last_inbound = association;
  state.inbound[lane] = association;
  state.esp[lane] = {.esp = packet.bytes() + place.offset,
                     .bytes = std::uint32_t{packet.headers.end_offset} - place.offset,
                     .number = 0};
  state.to_open |= std::uint64_t{1} << lane;
}

// What a router on the way says that it carries, of a packet that we sealed: RFC 4301 section 8.2. Nobody
// vouches for it, so it is believed down to what every link carries, and no further. Other errors are the
// twin's.
void FindAssociation::heed_error(Batch& batch, Packet& packet, const Associations& associations) noexcept {
  const unsigned told = core::mtu_told(packet);
  net::Headers outer;
  if (told == 0 || !core::read_embedded(packet, outer)) return;
  std::uint32_t at = outer.l4_offset;
  if (outer.protocol == net::protocol::kUdp && outer.source_port == be16(kNatTraversalPort)) {
    at += sizeof(net::UdpHeader);
  } else if (outer.protocol != net::protocol::kEsp) {
    return;
  }
  be32 spi;
  if (at + sizeof spi > std::min<unsigned>(packet.mbuf->data_len, packet.headers.end_offset)) return;
  std::memcpy(&spi, packet.bytes() + at, sizeof spi);
  const bool ipv4 = outer.is_ipv4();
  const std::uint8_t* l3 = packet.bytes() + outer.l3_offset;
  const net::IpAddress remote =
      ipv4 ? net::IpAddress(reinterpret_cast<const net::Ipv4Header*>(l3)->destination)
           : net::IpAddress(reinterpret_cast<const net::Ipv6Header*>(l3)->destination);
  const Outbound* association = associations.find(spi.host(), remote);
  if (association == nullptr) return;
  const unsigned least = ipv4 ? core::PathMtus::kLeastIpv4 : core::PathMtus::kLeastIpv6;
  state.path_mtus->lower(association->slot, std::max(told, least), batch.now);
  batch.drop(packet, Drop::kPathMtu);
}

// A fragment, of which the core has shown the ports by now if it is a later one: they come behind their
// first. What they become begins anew at its association's worker.
void FindAssociation::join(Batch& batch, Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  const bool esp = headers.protocol == net::protocol::kEsp ||
                   (headers.protocol == net::protocol::kUdp && headers.has_ports &&
                    headers.destination_port == be16(kNatTraversalPort));
  if (!esp) return;
  const core::InterfaceId ingress = packet.ingress;
  const core::PortId port = packet.port;
  core::WorkerCounters& counters = state.services.counters;
  counters.dropped[static_cast<std::size_t>(Drop::kJoined)].add(1);
  batch.take(packet);
  rte_mbuf* whole = state.joiner.join(packet, batch.tsc);
  if (whole == nullptr) return;
  counters.originated.add(1);
  Packet joined;
  joined.mbuf = whole;
  joined.port = port;
  const auto error = net::parse_frame(joined.first_segment(), whole->pkt_len, joined.headers,
                                      {.check_ipv4_checksum = false});
  const EspPlace place = error == net::ParseError::kNone ? find_esp(joined) : EspPlace{};
  const unsigned bucket =
      place.kind == EspPlace::Kind::kEsp ? bucket_of(place.spi(joined)) : state.services.worker.value();
  state.services.restart.send_piece(whole, joined, ingress, bucket);
}

void FindAssociation::process(Batch& batch, const Policy& policy) noexcept {
  const core::Network& network = *batch.network;
  const Associations& associations = policy.associations();
  state.forget_batch();
  for (Packet& packet : batch) {
    if (!is_for_us(packet, network)) continue;
    state.ours |= std::uint64_t{1} << batch.lane(packet);
    if (net::is_icmp_error(packet.headers)) [[unlikely]] {
      heed_error(batch, packet, associations);
    } else if (!packet.headers.is_fragment) [[likely]] {
      find(batch, packet, associations);
    } else {
      join(batch, packet);
    }
  }
  state.ours &= ~state.to_open;
}

}  // namespace millrace::vpn
