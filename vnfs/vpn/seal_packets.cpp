// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/seal_packets.h"

#include <algorithm>
#include <limits>

#include "common/core/aggregate.h"
#include "common/core/answer_first.h"
#include "common/core/link_header.h"
#include "common/core/receive_marks.h"
#include "common/core/rewrite.h"
#include "common/net/tcp_mss.h"
#include "common/net/transport.h"
#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/prefetch.h"

namespace millrace::vpn {
namespace {

using core::Batch;
using core::NextHop;
using core::Packet;

// In front of the packet: outer headers, those of ESP, a fragment header, and the link header of any hop.
constexpr unsigned kMostEspFront = EspLayout::kHeader + 16;
constexpr unsigned kRoom = net::TunnelHeader::kMostBytes + kMostEspFront + net::TunnelHeader::kFragmentBytes +
                           core::LinkHeader::kMostBytes;

constexpr unsigned kLeastFragment = 68;  // that any link carries: RFC 791 section 3.2

bool opens(const Packet& packet) noexcept {
  return packet.headers.protocol == net::protocol::kTcp &&
         (packet.headers.tcp_flags & net::tcp_flag::kSyn) != 0 && !packet.headers.later_fragment();
}

// To segments that fit as many bytes, and are no larger than asked for.
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

// The frame ends where the datagram does.
void trim(Packet& packet) noexcept {
  rte_mbuf& mbuf = *packet.mbuf;
  mbuf.pkt_len = mbuf.data_len = packet.headers.end_offset;
}

// RFC 3948 section 2.1 lets the UDP checksum be zero, and RFC 8200 section 8.1 does not over IPv6.
void write_udp_checksum(std::uint8_t* ip, unsigned bytes) noexcept {
  const auto& header = *reinterpret_cast<const net::Ipv6Header*>(ip);
  auto& udp = *reinterpret_cast<net::UdpHeader*>(ip + sizeof header);
  const auto length = static_cast<std::uint32_t>(bytes - sizeof header);
  udp.checksum = be16{};
  const net::ChecksumSum sum =
      net::sum_bytes({ip + sizeof header, length},
                     net::pseudo_header(header.source, header.destination, net::protocol::kUdp, length));
  udp.checksum = net::finish_transport(sum, net::protocol::kUdp);
}

}  // namespace

// What ordinary packets do not need. False when the packet was dropped.
bool SealPackets::prepare(Batch& batch, Packet& packet, const Outbound& association, const Way& way,
                          const Policy& policy) noexcept {
  const core::Network& network = *batch.network;
  core::Originator& originator = state.services.originator;
  if (!way.hop.valid()) {
    if (!packet.made_here) originator.no_route(packet, network);
    batch.drop(packet, Drop::kNoWay);
    return false;
  }
  const bool tunnel = association.mode == Mode::kTunnel;
  const std::uint64_t lane = std::uint64_t{1} << batch.lane(packet);
  if ((batch.unfinished & lane) != 0 && core::is_aggregate(packet) && packet.ip_length() > way.room) {
    const unsigned segment = core::segment_size(packet, way.room, network);
    if (segment != 0) {
      cut_aggregate(batch, packet, association, segment);
    } else {
      originator.too_big(packet, network, way.room);
      batch.drop(packet, core::Drop::kPacketTooBig);
    }
    return false;
  }
  if ((batch.unfinished & lane) != 0) {
    if (core::checksum_is_open(*packet.mbuf)) core::write_transport_checksum(packet);
    packet.mbuf->ol_flags &= ~RTE_MBUF_F_RX_LRO;
    batch.unfinished &= ~lane;
  }
  // The twin's own would begin anew as what nobody sent to us: they are cut behind the gateway.
  const bool cut_inside = tunnel && !packet.from_host && !packet.made_here &&
                          (policy.cut_inside || policy.dont_fragment == DontFragment::kSet);
  if (packet.ip_length() > way.room && cut_inside && way.room >= kLeastFragment && packet.headers.is_ipv4() &&
      net::may_be_cut(packet.l3(), true, packet.ip_length())) {
    cut_datagram(batch, packet, association, way.room);
    return false;
  }
  if (packet.mbuf->nb_segs != 1 && rte_pktmbuf_linearize(packet.mbuf) != 0) {
    batch.drop(packet, Drop::kNoTailroom);
    return false;
  }
  trim(packet);
  if (!packet.made_here) {
    // RFC 8200 section 5: no sender of IPv6 packets is asked for less.
    NextHop inside = network.next_hops[way.hop.value()];
    inside.mtu = packet.headers.is_ipv6() ? std::max<std::uint16_t>(way.room, 1280) : way.room;
    if (tunnel && policy.dont_fragment == DontFragment::kClear)
      inside.mtu = std::numeric_limits<std::uint16_t>::max();
    if (core::answered_first(batch, packet, inside, originator)) return false;
  }
  const NextHop::Kind kind = network.next_hops[way.hop.value()].kind;
  if (kind != NextHop::Kind::kForward &&
      kind != NextHop::Kind::kResolve) {  // to ourselves, or into a black hole
    batch.drop(packet, Drop::kNoWay);
    return false;
  }
  if (rte_pktmbuf_headroom(packet.mbuf) + unsigned{packet.headers.l3_offset} < kRoom) {
    batch.drop(packet, Drop::kNoHeadroom);
    return false;
  }
  if (rte_pktmbuf_tailroom(packet.mbuf) < association.state->esp.layout.behind(packet.ip_length())) {
    batch.drop(packet, Drop::kNoTailroom);
    return false;
  }
  if (opens(packet)) hold_mss(packet, way.room, policy.mss);
  return true;
}

// Whether routers may cut the outer datagram.
[[gnu::always_inline]] inline bool outer_may_be_cut(DontFragment wanted, const std::uint8_t* inner, bool ipv4,
                                                    unsigned length, std::uint16_t room) noexcept {
  if (wanted == DontFragment::kCopy) [[likely]]
    return net::may_be_cut(inner, ipv4, length);
  return wanted == DontFragment::kClear || length > room;
}

// What leaves by the association, and whether that was all it may carry.
[[gnu::always_inline]] inline void SealPackets::watch(const Outbound& association, unsigned bytes,
                                                      Tick now) noexcept {
  const Lifetime::Passed passed = count(*association.state, bytes, now);
  if (passed == Lifetime::Passed::kNothing) [[likely]]
    return;
  state.events.push({.kind = event_of(passed),
                     .outbound = true,
                     .slot = association.slot,
                     .spi = association.key.spi,
                     .tunnel = association.tunnel,
                     .address = association.key.remote,
                     .local = {}});
}

// RFC 4303 section 3.1.2, RFC 4301 section 5.1.2.
[[gnu::always_inline]] inline void SealPackets::seal_tunnel(Batch& batch, Packet& packet,
                                                            const Outbound& association, const Way& way,
                                                            DontFragment dont_fragment,
                                                            unsigned operation) noexcept {
  OutboundState& outbound = *association.state;
  const EspLayout& layout = outbound.esp.layout;
  std::uint8_t* const inner = packet.l3();
  const bool ipv4 = packet.headers.is_ipv4();
  const unsigned length = packet.ip_length();
  const bool may_be_cut = outer_may_be_cut(dont_fragment, inner, ipv4, length, way.room);
  if (!packet.made_here && !packet.from_host) core::take_hop(packet);
  const std::uint8_t traffic_class = net::traffic_class_of(inner, ipv4);
  const core::LinkHeader link(packet);

  const unsigned behind = layout.behind(length);
  prepare_seal(outbound.esp, inner, length, ipv4 ? net::protocol::kIpv4InIp : net::protocol::kIpv6InIp,
               state.scratch[operation], state.operations[operation]);
  const unsigned esp_bytes = layout.front() + length + behind;
  const net::TunnelHeader& header = association.header;
  std::uint8_t* const outer = header.write(
      inner - layout.front(), {.length = static_cast<std::uint16_t>(esp_bytes),
                               .traffic_class = traffic_class,
                               .may_be_cut = may_be_cut,
                               .id = may_be_cut ? state.outer_ids.next(association.slot) : be16{},
                               .flow = association.key.spi});
  const bool outer_ipv4 = header.family() == net::Family::kIpv4;
  link.put_before(outer, outer_ipv4);
  rte_mbuf& mbuf = *packet.mbuf;
  core::grow_front(mbuf, static_cast<unsigned>(inner - outer));
  core::grow_back(mbuf, behind);
  core::mark_checksum_good(mbuf);
  // In place: what is read in one piece must not have been written in several shortly before.
  net::Headers& headers = packet.headers;
  headers.l4_offset = static_cast<std::uint16_t>(headers.l3_offset + header.ip_length());
  headers.payload_offset = headers.l4_offset;
  headers.end_offset = mbuf.data_len;
  headers.protocol = header.protocol();
  headers.tcp_flags = 0;
  headers.fragment_offset = 0;
  headers.family = outer_ipv4 ? 4 : 6;
  headers.is_fragment = headers.more_fragments = headers.has_ports = false;
  packet.rewritten = true;
  packet.next_hop = way.hop;
  packet.egress = way.egress;
  if (!outer_ipv4 && packet.ip_length() > way.mtu) [[unlikely]]
    add_fragment_header(batch, packet, way.mtu);
}

// Egress cuts it: as IPv4 it would do so without being told. RFC 2473 section 7.
void SealPackets::add_fragment_header(Batch& batch, Packet& packet, std::uint16_t mtu) noexcept {
  constexpr unsigned kLength = net::TunnelHeader::kFragmentBytes;
  const core::LinkHeader link(packet);
  link.put_before(net::add_fragment_header(packet.l3(), state.outer_ids.next_of_ipv6()), false);
  core::grow_front(*packet.mbuf, kLength);
  packet.headers.l4_offset = static_cast<std::uint16_t>(packet.headers.l4_offset + kLength);
  packet.headers.payload_offset = packet.headers.l4_offset;
  packet.headers.end_offset = static_cast<std::uint16_t>(packet.headers.end_offset + kLength);
  packet.cut_to = mtu;
  batch.unfinished |= std::uint64_t{1} << batch.lane(packet);
}

[[gnu::always_inline]] inline bool SealPackets::seal(Batch& batch, Packet& packet,
                                                     const Outbound& association, const Way& way,
                                                     const Policy& policy, unsigned operation) noexcept {
  OutboundState& outbound = *association.state;
  if (outbound.lifetime.is_over()) [[unlikely]] {
    batch.drop(packet, Drop::kLifetimeOver);
    return false;
  }
  if (outbound.esp.is_used_up()) [[unlikely]] {
    batch.drop(packet, Drop::kNumbersUsedUp);
    return false;
  }
  const unsigned length = packet.ip_length();
  const rte_mbuf& mbuf = *packet.mbuf;
  constexpr unsigned kMostBehind = 16 + 16 + 32;  // padding, trailer, tag of any suite
  const bool plain = length <= way.room && core::may_go_on(packet) && mbuf.nb_segs == 1 &&
                     mbuf.data_len == packet.headers.end_offset &&
                     unsigned{mbuf.data_off} + packet.headers.l3_offset >= kRoom &&
                     rte_pktmbuf_tailroom(&mbuf) >= kMostBehind &&
                     (batch.unfinished >> batch.lane(packet) & 1U) == 0 &&
                     (packet.headers.tcp_flags & net::tcp_flag::kSyn) == 0;
  if (!plain && !prepare(batch, packet, association, way, policy)) [[unlikely]]
    return false;
  watch(association, length, batch.now);
  if (association.mode == Mode::kTransport) [[unlikely]]
    return seal_transport(batch, packet, association, operation);
  seal_tunnel(batch, packet, association, way, policy.dont_fragment, operation);
  return true;
}

// First what says where the keys are, then the keys.
void SealPackets::prefetch_all() noexcept {
  each_lane(state.to_seal, [&](unsigned lane) {
    const Outbound& association = *state.outbound[lane];
    prefetch(association.state, sizeof *association.state);
    state.ways.prefetch(association);
  });
  each_lane(state.to_seal, [&](unsigned lane) {
    const OutboundSa& sa = state.outbound[lane]->state->esp;
    __builtin_prefetch(sa.key);
    prefetch(sa.key_material.data(), sa.key_material.size());
  });
}

void SealPackets::process(Batch& batch, const Policy& policy) noexcept {
  const Associations& associations = policy.associations();
  const core::Network& network = *batch.network;
  state.ways.begin(network, associations, *state.path_mtus, batch.now);
  if (state.many_outbound) prefetch_all();
  unsigned count = 0;
  for (std::uint64_t lanes = state.to_seal & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    const Outbound& association = *state.outbound[lane];
    const Way& way = state.ways.to(association, network, *state.path_mtus);
    if (seal(batch, batch[lane], association, way, policy, count)) [[likely]]
      state.lanes[count++] = static_cast<std::uint8_t>(lane);
  }
  state.engine->seal({state.operations.data(), count});
  for (unsigned i = 0; i < count; ++i) {
    Packet& packet = batch[state.lanes[i]];
    if (packet.headers.is_ipv6() && packet.headers.protocol == net::protocol::kUdp) [[unlikely]]
      write_udp_checksum(packet.l3(), packet.ip_length());
  }
}

}  // namespace millrace::vpn
