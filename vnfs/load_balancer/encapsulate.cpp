// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/encapsulate.h"

#include <algorithm>
#include <array>

#include "common/core/aggregate.h"
#include "common/core/answer_first.h"
#include "common/core/link_header.h"
#include "common/core/receive_marks.h"
#include "common/net/tcp_mss.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/follow.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::NextHop;
using core::Packet;

// In front of the packet: the tunnel's headers, a fragment header, and the link header of any hop.
constexpr unsigned kRoom =
    net::TunnelHeader::kMostBytes + net::TunnelHeader::kFragmentBytes + core::LinkHeader::kMostBytes;
constexpr unsigned kMostBytes = 0xffff;  // of a frame whose offsets are kept in 16 bits

bool opens(const Packet& packet) noexcept {
  return packet.headers.protocol == net::protocol::kTcp &&
         (packet.headers.tcp_flags & net::tcp_flag::kSyn) != 0 && !packet.headers.later_fragment();
}

// Bytes of a datagram that fit the tunnel on this way.
unsigned room_of(const TunnelWay& way, const net::TunnelHeader& tunnel) noexcept {
  return way.mtu - std::min<unsigned>(way.mtu, tunnel.length());
}

// To segments that fit as many bytes, and are no larger than the service wants them.
void hold_mss(Packet& packet, unsigned room, std::uint16_t asked) noexcept {
  const net::Headers& headers = packet.headers;
  const unsigned before =
      sizeof(net::TcpHeader) + (headers.is_ipv4() ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header));
  unsigned most = room - std::min(room, before);
  if (asked != 0) most = std::min<unsigned>(most, asked);
  net::hold_mss_to(
      {packet.bytes() + headers.l4_offset, std::size_t{headers.payload_offset} - headers.l4_offset},
      static_cast<std::uint16_t>(most));
}

// The packet is the outer one from here on: with no checksum that anybody has to write, and of which no error
// is sent to its source, which is us.
[[gnu::always_inline]] inline void put_inside(Packet& packet, std::uint8_t* inner,
                                              const net::TunnelHeader& tunnel,
                                              const net::TunnelHeader::Inside& what) noexcept {
  const unsigned length = tunnel.length();
  const bool ipv4 = tunnel.family() == net::Family::kIpv4;
  (void)tunnel.write(inner, what);
  rte_mbuf& mbuf = *packet.mbuf;
  core::grow_front(mbuf, length);
  core::mark_checksum_good(mbuf);
  // In place: what is read in one piece must not have been written in several shortly before.
  net::Headers& headers = packet.headers;
  headers.l4_offset = static_cast<std::uint16_t>(headers.l3_offset + tunnel.ip_length());
  headers.payload_offset = headers.l4_offset;
  headers.end_offset = static_cast<std::uint16_t>(headers.end_offset + length);
  headers.protocol = tunnel.protocol();
  headers.tcp_flags = 0;
  headers.fragment_offset = 0;
  headers.family = ipv4 ? 4 : 6;
  headers.is_fragment = headers.more_fragments = headers.has_ports = false;
  packet.rewritten = true;
}

}  // namespace

// What ordinary packets do not need, done before the packet is hidden. False when it was dropped, or is not
// to be put into the tunnel.
bool Encapsulate::prepare(Batch& batch, Packet& packet, const TunnelWay& to, const net::TunnelHeader& tunnel,
                          std::uint16_t mss) noexcept {
  const core::Network& network = *batch.network;
  if (!packet.next_hop.valid()) {
    state.services.originator.no_route(packet, network);
    batch.drop(packet, core::Drop::kNoRoute);
    return false;
  }
  const NextHop& hop = network.next_hops[packet.next_hop.value()];
  const std::uint64_t lane = std::uint64_t{1} << batch.lane(packet);
  const unsigned room = room_of(to, tunnel);
  const bool aggregate =
      (batch.unfinished & lane) != 0 && core::is_aggregate(packet) && packet.ip_length() > room;
  if ((batch.unfinished & lane) != 0 && !aggregate) {
    if (core::checksum_is_open(*packet.mbuf)) core::write_transport_checksum(packet);
    packet.mbuf->ol_flags &= ~RTE_MBUF_F_RX_LRO;
    batch.unfinished &= ~lane;
  }
  // RFC 8200 section 5: no sender of IPv6 packets is asked for less.
  NextHop way = hop;
  way.mtu = static_cast<std::uint16_t>(packet.headers.is_ipv6() ? std::max(room, 1280U) : room);
  if (core::answered_first(batch, packet, way, state.services.originator)) return false;
  if (hop.kind != NextHop::Kind::kForward && hop.kind != NextHop::Kind::kResolve) return false;
  if (aggregate && core::segment_size(packet, room, network) == 0) {
    state.services.originator.too_big(packet, network, way.mtu);
    batch.drop(packet, core::Drop::kPacketTooBig);
    return false;
  }
  if (packet.headers.end_offset + tunnel.length() + net::TunnelHeader::kFragmentBytes > kMostBytes) {
    batch.drop(packet, core::Drop::kPacketTooBig);
    return false;
  }
  if (rte_pktmbuf_headroom(packet.mbuf) + unsigned{packet.headers.l3_offset} < kRoom) {
    batch.drop(packet, Drop::kNoHeadroom);
    return false;
  }
  if (network.interfaces[hop.interface.value()].address(tunnel.family()) == nullptr) {
    batch.drop(packet, Drop::kNoTunnelSource);
    return false;
  }
  if (aggregate) packet.tunnel_length = static_cast<std::uint8_t>(tunnel.length());
  if (opens(packet)) hold_mss(packet, room, mss);
  return true;
}

[[gnu::always_inline]] inline void Encapsulate::to_backend(Batch& batch, unsigned lane, const TunnelWay& way,
                                                           const Policy& policy) noexcept {
  WorkerState& own = state;
  Packet& packet = batch[lane];
  const BackendId id = own.backends[lane];
  const net::TunnelHeader& tunnel = own.tunnel_ways.header(id);
  packet.next_hop = way.hop;
  packet.egress = way.egress;
  const unsigned length = packet.ip_length();
  const bool ipv4 = packet.headers.is_ipv4();
  const bool plain = length <= way.room && core::may_go_on(packet) && (batch.unfinished >> lane & 1U) == 0 &&
                     unsigned{packet.mbuf->data_off} + packet.headers.l3_offset >= kRoom &&
                     (packet.headers.tcp_flags & net::tcp_flag::kSyn) == 0;
  if (!plain && !prepare(batch, packet, way, tunnel, policy.services[policy.backends[id].service].mss))
      [[unlikely]]
    return;
  if ((own.to_tunnel >> lane & 1U) == 0) [[likely]] {  // an error is no part of the connection
    own.tallies.backend(id).count(Direction::kForward, length);
    if (packet.session != kNoConnection) [[likely]]
      follow(own, packet, policy, batch.now);
  }
  std::uint8_t* const inner = packet.l3();
  const bool may_be_cut = net::may_be_cut(inner, ipv4, length);
  const net::TunnelHeader::Inside inside{.length = static_cast<std::uint16_t>(length),
                                         .traffic_class = net::traffic_class_of(inner, ipv4),
                                         .may_be_cut = may_be_cut,
                                         .id = may_be_cut ? own.tunnel_ids.next(id) : be16{},
                                         .flow = static_cast<std::uint32_t>(own.lookups[lane].hash)};
  core::take_hop(packet);
  if (plain) [[likely]]
    return put_inside(packet, inner, tunnel, inside);
  const core::LinkHeader link(packet);
  put_inside(packet, inner, tunnel, inside);
  link.put_before(packet.l3(), packet.headers.is_ipv4());
  if (packet.headers.is_ipv6() && packet.ip_length() > way.mtu && packet.tunnel_length == 0)
    add_fragment_header(batch, packet, way.mtu);
}

// Egress cuts it: as IPv4 it would do so without being told.
void Encapsulate::add_fragment_header(Batch& batch, Packet& packet, std::uint16_t mtu) noexcept {
  constexpr unsigned kLength = net::TunnelHeader::kFragmentBytes;
  const core::LinkHeader link(packet);
  link.put_before(net::add_fragment_header(packet.l3(), state.tunnel_ids.next_of_ipv6()), false);
  core::grow_front(*packet.mbuf, kLength);
  packet.headers.l4_offset = static_cast<std::uint16_t>(packet.headers.l4_offset + kLength);
  packet.headers.payload_offset = packet.headers.l4_offset;
  packet.headers.end_offset = static_cast<std::uint16_t>(packet.headers.end_offset + kLength);
  packet.cut_to = mtu;
  batch.unfinished |= std::uint64_t{1} << batch.lane(packet);
}

// An answer that comes by us has the service's address. What its backend offers to take is sent through the
// tunnel.
void Encapsulate::to_client(Batch& batch, unsigned lane, const TunnelWay& way,
                            const Policy& policy) noexcept {
  Packet& packet = batch[lane];
  if (!opens(packet) || !way.hop.valid()) return;
  const BackendId id = state.backends[lane];
  hold_mss(packet, room_of(way, policy.tunnels[id]), policy.services[policy.backends[id].service].mss);
}

void Encapsulate::process(Batch& batch, const Policy& policy) noexcept {
  state.tunnel_ways.begin(*batch.network, policy, batch.now);
  std::uint64_t done = 0;
  for (std::uint64_t lanes = (state.bound | state.to_tunnel) & batch.live_mask(); lanes != 0;
       lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    const BackendId id = state.backends[lane];
    const TunnelWay& way = state.tunnel_ways.to(id, batch[lane].domain, *batch.network, policy);
    if (state.tunnel_ways.header(id).is_none()) continue;
    done |= lanes & -lanes;
    if (static_cast<Direction>(batch[lane].direction) == Direction::kForward) [[likely]] {
      to_backend(batch, lane, way, policy);
    } else {
      to_client(batch, lane, way, policy);
    }
  }
  state.bound &= ~done;
}

}  // namespace millrace::load_balancer
