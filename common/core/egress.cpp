// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/egress.h"

#include "common/core/cut_datagram.h"
#include "common/core/encapsulate.h"
#include "common/core/rewrite.h"
#include "common/core/service_frame.h"

namespace millrace::core {
namespace {

using net::Ipv4Header;
using net::Ipv6Header;

// Whether egress takes a hop off and looks at the size. What the appliance says itself is as it should be,
// unless a function has given it the headers of a tunnel.
bool is_on_its_way(const Packet& packet, Origin origin) noexcept {
  return origin == Origin::kReceived || packet.rewritten;
}

}  // namespace

void Egress::resolve(Batch& batch, Packet& packet, Origin origin) noexcept {
  note(packet.mbuf) = Note{.kind = Note::Kind::kResolve,
                           .type_or_flags = static_cast<std::uint8_t>(origin),
                           .interface = packet.egress,
                           .port = packet.port,
                           .rewritten = packet.rewritten,
                           .steered = packet.steered,
                           .tunnel_length = packet.tunnel_length,
                           .cut_to = packet.cut_to,
                           .came_by = packet.ingress};
  batch.take(packet);
  to_resolve_.push(packet.mbuf);
}

void Egress::give_up(Batch& batch, std::uint64_t lanes) noexcept {
  const Network& network = *batch.network;
  for (lanes &= batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (network.next_hops[packet.next_hop.value()].kind != NextHop::Kind::kResolve) continue;
    originator_.neighbor_unreachable(packet, network);
    batch.drop(packet, Drop::kNeighborUnresolved);
  }
}

bool Egress::hop_taken(Batch& batch, Packet& packet, const Network& network, Origin origin) noexcept {
  // A packet of a path goes back, also when the function has left it as it was.
  if (const ServicePath* path = network.service_of(packet.ingress); path != nullptr) [[unlikely]] {
    packet.next_hop = path->back;
  } else if (!packet.next_hop.valid()) {
    packet.next_hop = network.find_route(packet.domain, packet.destination());
    if (!packet.next_hop.valid()) {
      batch.drop(packet, Drop::kNoRoute);
      return true;
    }
    packet.egress = network.next_hops[packet.next_hop.value()].interface;
  }
  const NextHop& hop = network.next_hops[packet.next_hop.value()];
  switch (hop.kind) {
    case NextHop::Kind::kForward:
      return false;
    case NextHop::Kind::kResolve:
      resolve(batch, packet, origin);
      return true;
    case NextHop::Kind::kHost:
    case NextHop::Kind::kFunction:
      note(packet.mbuf) =
          Note{.kind = Note::Kind::kDeliver, .interface = packet.ingress, .port = packet.port};
      batch.take(packet);
      to_host_.push(packet.mbuf);
      return true;
    case NextHop::Kind::kBlackhole:
      batch.drop(packet, Drop::kBlackhole);
      return true;
    case NextHop::Kind::kProhibited:
      originator_.admin_prohibited(packet, network);
      batch.drop(packet, Drop::kProhibited);
      return true;
    case NextHop::Kind::kUnreachable:
      originator_.unreachable_route(packet, network);
      batch.drop(packet, Drop::kProhibited);
      return true;
    case NextHop::Kind::kTunnel:  // the function has no way for it
      originator_.unreachable_route(packet, network);
      batch.drop(packet, Drop::kNoRoute);
      return true;
    case NextHop::Kind::kWire:
    case NextHop::Kind::kService:
      return false;
  }
  return true;
}

bool Egress::fits(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                  Origin origin) noexcept {
  const std::uint32_t behind_link = packet.mbuf->pkt_len - packet.headers.l3_offset;
  if (behind_link <= hop.mtu || !(packet.headers.is_ipv4() || packet.headers.is_ipv6())) [[likely]]
    return true;
  if (packet.ip_length() <= hop.mtu) {  // with padding that the next link has no room for
    if (hop.kind == NextHop::Kind::kForward)
      rte_pktmbuf_trim(packet.mbuf, static_cast<std::uint16_t>(behind_link - packet.ip_length()));
    return true;
  }
  const bool may_fragment = packet.headers.is_ipv4() && hop.kind == NextHop::Kind::kForward &&
                            (packet.l3_as<Ipv4Header>().fragment.host() & Ipv4Header::kDontFragment) == 0;
  if (may_fragment) {
    fragment(batch, packet, hop, network, origin);
  } else {
    // A bridge says nothing (IEEE 802.1Q section 6.5.8).
    if (hop.kind == NextHop::Kind::kForward) originator_.too_big(packet, network, hop.mtu);
    batch.drop(packet, Drop::kPacketTooBig);
  }
  return false;
}

void Egress::fragment(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                      Origin origin) noexcept {
  rte_mbuf* whole = packet.mbuf;
  if (is_on_its_way(packet, origin)) net::decrement_ttl(packet.l3_as<Ipv4Header>());
  rte_pktmbuf_adj(whole, packet.headers.l3_offset);
  rte_pktmbuf_trim(whole,
                   static_cast<std::uint16_t>(whole->pkt_len - packet.ip_length()));  // Ethernet padding
  const bool all = cut_datagram(whole, hop.mtu, pool_, [&](rte_mbuf* piece, bool last) noexcept {
    rewrite(piece, 0, true, hop);
    // One datagram came in, so one is counted out: the last piece stands for it.
    send(hop, piece, network, last ? origin : Origin::kPiece);
  });
  if (!all) {
    rte_pktmbuf_prepend(whole, packet.headers.l3_offset);
    batch.drop(packet, Drop::kNoMemory);
    return;
  }
  batch.take(packet);
  rte_pktmbuf_free(whole);
  counters_.fragmented.add(1);
}

void Egress::expire(Batch& batch, Packet& packet, const Network& network) noexcept {
  originator_.ttl_exceeded(packet, network);
  batch.drop(packet, Drop::kTtlExceeded);
}

void Egress::forward(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                     Origin origin) noexcept {
  const bool ipv4 = packet.headers.is_ipv4();
  if (is_on_its_way(packet, origin)) {
    if (!may_go_on(packet)) [[unlikely]] {
      expire(batch, packet, network);
      return;
    }
    if (!fits(batch, packet, hop, network, origin)) [[unlikely]]
      return;
    take_hop(packet);
  }
  rewrite(packet.mbuf, packet.headers.l3_offset, ipv4, hop);
  batch.take(packet);
  send(hop, packet.mbuf, network, origin);
}

// Nearly all traffic: a resolved next hop by a port that is up, a packet that fits and has hops left. False,
// and nothing done, for the rest.
[[gnu::always_inline]] inline bool Egress::forwarded(Packet& packet, const Network& network) noexcept {
  if (!packet.next_hop.valid()) [[unlikely]]
    return false;
  const NextHop& hop = network.next_hops[packet.next_hop.value()];
  const unsigned l3_offset = packet.headers.l3_offset;
  if (hop.kind != NextHop::Kind::kForward || !network.port_up[hop.port.value()] ||
      packet.mbuf->pkt_len - l3_offset > hop.mtu) [[unlikely]]
    return false;
  const bool ipv4 = packet.headers.is_ipv4();
  if (ipv4) [[likely]] {
    auto& ip = packet.l3_as<Ipv4Header>();
    if (ip.ttl <= 1) [[unlikely]]
      return false;
    net::decrement_ttl(ip);
  } else {
    std::uint8_t& hop_limit = packet.l3_as<Ipv6Header>().hop_limit;
    if (hop_limit <= 1) [[unlikely]]
      return false;
    --hop_limit;
  }
  if (hop.overlay_way != NextHop::kNoOverlay) [[unlikely]] {
    forward_by_overlay(packet, hop, network);
    return true;
  }
  rewrite(packet.mbuf, l3_offset, ipv4, hop);
  transmitter_.send(hop.port, packet.mbuf, Origin::kReceived);
  return true;
}

// As forwarded(), from where the ways part.
void Egress::forward_by_overlay(Packet& packet, const NextHop& hop, const Network& network) noexcept {
  const bool ipv4 = packet.headers.is_ipv4();
  if (hop.overlay_way != NextHop::kEveryone) [[likely]] {
    const OverlayWay& way = network.overlay_ways[hop.overlay_way];
    if (way.ethernet && !way.checksum && encapsulate_ordinary(packet, hop, way, ipv4)) [[likely]]
      return transmitter_.send(way.port, packet.mbuf, Origin::kReceived);
  }
  rewrite(packet.mbuf, packet.headers.l3_offset, ipv4, hop);
  send_by_overlay(hop, packet.mbuf, network, Origin::kReceived);
}

void Egress::process(Batch& batch, Origin origin) noexcept {
  const Network& network = *batch.network;
  const bool ordinary = origin == Origin::kReceived && network.forwarding == Forwarding::kRouted;
  const std::uint64_t straight = ordinary ? ~batch.unfinished : 0;
  std::uint64_t gone = 0;
  for (std::uint64_t lanes = batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    const std::uint64_t lane = lanes & -lanes;
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if ((straight & lane) != 0 && forwarded(packet, network)) [[likely]] {
      gone |= lane;
    } else {
      leave(batch, packet, network, origin);
    }
  }
  batch.take(gone);
}

void Egress::leave(Batch& batch, Packet& packet, const Network& network, Origin origin) noexcept {
  if (hop_taken(batch, packet, network, origin)) return;
  const NextHop& hop = network.next_hops[packet.next_hop.value()];
  if (!network.port_up[hop.port.value()]) {
    batch.drop(packet, Drop::kPortDown);
    return;
  }
  const bool unfinished = (batch.unfinished >> batch.lane(packet) & 1U) != 0;
  if (unfinished && !complete(batch, packet, hop, network, origin)) return;
  if (hop.kind == NextHop::Kind::kForward) {
    forward(batch, packet, hop, network, origin);
  } else if (fits(batch, packet, hop, network, origin)) {
    if (hop.kind == NextHop::Kind::kService && !enter_service(packet))
      return batch.drop(packet, Drop::kNoMemory);
    batch.take(packet);
    transmitter_.send(hop.port, packet.mbuf, origin);
  }
}

void Egress::send_frame(rte_mbuf* mbuf, InterfaceId interface_id, const Network& network) noexcept {
  // The frame may have waited while a new profile took its interface away, or come before it was in force.
  // By a tunnel goes only what the function has taken.
  if (interface_id.value() >= network.interfaces.size() || !network.interfaces[interface_id.value()].up ||
      network.interfaces[interface_id.value()].tunnel != 0) {
    count_drops(counters_, Drop::kInterfaceDown, &mbuf, 1);
    return;
  }
  const Interface& interface = network.interfaces[interface_id.value()];
  if (interface.overlay) return send_frame_by_overlay(mbuf, interface_id, network);
  if (!network.port_up[interface.port.value()]) {
    count_drops(counters_, Drop::kPortDown, &mbuf, 1);
    return;
  }
  const unsigned tags = interface.outer_vlan == 0 ? 0 : interface.inner_vlan == 0 ? 1 : 2;
  const auto room = static_cast<std::uint16_t>(tags * sizeof(net::VlanTag));
  if (tags != 0) {
    auto* bytes = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(mbuf, room));
    if (bytes == nullptr) {
      count_drops(counters_, Drop::kNoMemory, &mbuf, 1);
      return;
    }
    constexpr std::size_t kAddresses = 12;
    std::memmove(bytes, bytes + room, kAddresses);
    const bool service = interface.outer_is_service_tag;
    const be16 outer_type(service ? net::ether_type::kQinQ : net::ether_type::kVlan);
    const be16 outer(interface.outer_vlan);
    std::memcpy(bytes + kAddresses, &outer_type, 2);
    std::memcpy(bytes + kAddresses + 2, &outer, 2);
    if (tags == 2) {
      const be16 inner_type(net::ether_type::kVlan);
      const be16 inner(interface.inner_vlan);
      std::memcpy(bytes + kAddresses + 4, &inner_type, 2);
      std::memcpy(bytes + kAddresses + 6, &inner, 2);
    }
  }
  transmitter_.send(interface.port, mbuf, Origin::kHost);
}

// A station's frame goes to the far end that has it, any other to all of them: RFC 7348 section 4.2.
void Egress::send_frame_by_overlay(rte_mbuf* mbuf, InterfaceId interface, const Network& network) noexcept {
  const OverlayReach& reach = network.overlay_reach[interface.value()];
  const auto& to = rte_pktmbuf_mtod(mbuf, const net::EthernetHeader*)->destination;
  const auto way = to.is_group() ? std::nullopt : reach.find(to);
  if (way) return send_to(network.overlay_ways[*way], mbuf, network, Origin::kHost);
  send_to_everyone(mbuf, interface, network, Origin::kHost);
}

void Egress::send_by_overlay(const NextHop& hop, rte_mbuf* mbuf, const Network& network,
                             Origin origin) noexcept {
  if (hop.overlay_way == NextHop::kEveryone) return send_to_everyone(mbuf, hop.interface, network, origin);
  send_to(network.overlay_ways[hop.overlay_way], mbuf, network, origin);
}

void Egress::send_to(const OverlayWay& way, rte_mbuf* mbuf, const Network& network, Origin origin) noexcept {
  Drop reason = Drop::kNeighborUnresolved;
  if (way.known) [[likely]]
    reason = !network.port_up[way.port.value()] ? Drop::kPortDown
             : encapsulate(*mbuf, way)          ? Drop::kNone
                                                : Drop::kNoMemory;
  if (reason == Drop::kNone) [[likely]]
    return transmitter_.send(way.port, mbuf, origin);
  if (origin == Origin::kPiece) return rte_pktmbuf_free(mbuf);
  count_drops(counters_, reason, &mbuf, 1);
}

// One frame came in, so one is counted out: the last stands for it.
void Egress::send_to_everyone(rte_mbuf* mbuf, InterfaceId interface, const Network& network,
                              Origin origin) noexcept {
  const auto& ways = network.overlay_reach[interface.value()].everyone;
  if (ways.empty()) {
    if (origin == Origin::kPiece) return rte_pktmbuf_free(mbuf);
    return count_drops(counters_, Drop::kNeighborUnresolved, &mbuf, 1);
  }
  for (std::size_t i = 0; i + 1 < ways.size(); ++i) {
    rte_mbuf* copy = rte_pktmbuf_copy(mbuf, pool_, 0, UINT32_MAX);
    if (copy != nullptr) send_to(network.overlay_ways[ways[i]], copy, network, Origin::kPiece);
  }
  send_to(network.overlay_ways[ways.back()], mbuf, network, origin);
}

void Egress::flush() noexcept {
  transmitter_.flush();
  counters_.to_host.add(to_host_.flush());
  counters_.to_resolve.add(to_resolve_.flush());
}

}  // namespace millrace::core
