// SPDX-License-Identifier: BSD-3-Clause
// Packets that a port left unfinished: open checksums and aggregates of TCP segments. The next port finishes
// them where it can, software where not. And those that a function left to be cut.
#include <algorithm>
#include <cstring>

#include "common/core/aggregate.h"
#include "common/core/chain_reader.h"
#include "common/core/cut_aggregate.h"
#include "common/core/egress.h"
#include "common/core/receive_marks.h"
#include "common/core/rewrite.h"
#include "common/net/transport.h"
#include "common/net/tunnel_header.h"

namespace millrace::core {
namespace {

using net::Headers;
using net::Ipv4Header;

// Where the port's driver is to find the headers, and what it is to do.
void describe_headers(rte_mbuf& mbuf, const Headers& headers, unsigned segment, std::uint64_t work) noexcept {
  mbuf.tx_offload =
      rte_mbuf_tx_offload(headers.l3_offset, headers.l4_offset - std::uint64_t{headers.l3_offset},
                          headers.payload_offset - std::uint64_t{headers.l4_offset}, segment, 0, 0, 0);
  mbuf.ol_flags &= ~(RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_MASK);
  mbuf.ol_flags |= work | (headers.is_ipv4() ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
}

// Leaves the checksum to the port: the field holds the pseudo-header's sum (RTE_MBUF_F_TX_L4_MASK).
void leave_checksum(rte_mbuf& mbuf, const Headers& headers) noexcept {
  auto* frame = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
  std::uint8_t* l4 = frame + headers.l4_offset;
  const unsigned length = net::transport_length(headers, l4);
  net::transport_checksum(l4, headers.protocol) =
      be16::from_wire(net::fold(net::pseudo_header(headers, frame + headers.l3_offset, length)));
  const bool tcp = headers.protocol == net::protocol::kTcp;
  describe_headers(mbuf, headers, 0, tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
}

// Leaves the segments to the port: pseudo-header without a length, no IPv4 checksum (RTE_MBUF_F_TX_TCP_SEG).
void leave_segments(rte_mbuf& mbuf, const Headers& headers, unsigned segment) noexcept {
  auto* frame = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
  std::uint8_t* l3 = frame + headers.l3_offset;
  net::transport_checksum(frame + headers.l4_offset, headers.protocol) =
      be16::from_wire(net::fold(net::pseudo_header(headers, l3, 0)));
  if (headers.is_ipv4()) reinterpret_cast<Ipv4Header*>(l3)->checksum = be16{};
  describe_headers(mbuf, headers, segment,
                   RTE_MBUF_F_TX_TCP_SEG | (headers.is_ipv4() ? RTE_MBUF_F_TX_IP_CKSUM : 0));
}

// Devices sum to the end of the frame, and few know IPv6 extension headers.
bool device_can_sum(const rte_mbuf& mbuf, const Headers& headers) noexcept {
  if (mbuf.pkt_len != headers.end_offset) return false;
  return headers.is_ipv4() || headers.l4_offset == headers.l3_offset + sizeof(net::Ipv6Header);
}

bool port_sums(const TransmitOffloads& can, std::uint8_t protocol) noexcept {
  return protocol == net::protocol::kTcp ? can.tcp_checksum : can.udp_checksum;
}

void move_offsets(Headers& headers, int by) noexcept {
  for (std::uint16_t* offset :
       {&headers.l3_offset, &headers.l4_offset, &headers.payload_offset, &headers.end_offset})
    *offset = static_cast<std::uint16_t>(*offset + by);
}

}  // namespace

bool Egress::complete(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                      Origin origin) noexcept {
  if (packet.cut_to != 0 && packet.ip_length() > packet.cut_to) {
    cut_fragment(batch, packet, hop, network, origin);
    return false;
  }
  if (is_aggregate(packet)) {
    const unsigned segment = segment_size(packet, hop.mtu, network);
    if (segment < packet.headers.payload_length()) {
      forward_aggregate(batch, packet, hop, network, segment, origin);
      return false;
    }
  }
  if (packet.tunnel_length != 0) {
    forward_tunnelled(batch, packet, hop, network, origin);
    return false;
  }
  if (!checksum_is_open(*packet.mbuf)) return true;
  Headers headers = packet.headers;
  const unsigned padding = packet.mbuf->pkt_len - headers.end_offset;
  if (padding != 0) static_cast<void>(rte_pktmbuf_trim(packet.mbuf, static_cast<std::uint16_t>(padding)));
  const bool to_end = net::transport_length(headers, packet.bytes() + headers.l4_offset) ==
                      headers.end_offset - unsigned{headers.l4_offset};
  if (packet.ip_length() > hop.mtu || !to_end || !device_can_sum(*packet.mbuf, headers) ||
      !port_sums(offloads_of(hop), headers.protocol)) {
    write_transport_checksum(packet);
    return true;
  }
  leave_checksum(*packet.mbuf, headers);
  if (hop.kind == NextHop::Kind::kForward) packet.mbuf->l2_len = hop.rewrite_length & 0x7fU;
  transmitter_.announce_offload(hop.port);
  return true;
}

void Egress::forward_aggregate(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                               unsigned segment, Origin origin) noexcept {
  const bool routed = hop.kind == NextHop::Kind::kForward;
  if (routed && origin == Origin::kReceived && !may_go_on(packet)) {
    expire(batch, packet, network);
    return;
  }
  if (segment == 0) {
    originator_.too_big(packet, network, hop.mtu);
    batch.drop(packet, Drop::kPacketTooBig);
    return;
  }
  Headers headers = packet.headers;
  if (routed) {
    if (origin == Origin::kReceived) take_hop(packet);
    rewrite(packet.mbuf, headers.l3_offset, headers.is_ipv4(), hop);
    move_offsets(headers, hop.rewrite_length - headers.l3_offset);
  }
  const TransmitOffloads& can = offloads_of(hop);
  if (can.segmentation && packet.mbuf->nb_segs <= can.most_segments &&
      device_can_sum(*packet.mbuf, headers)) {
    leave_segments(*packet.mbuf, headers, segment);
    batch.take(packet);
    transmitter_.announce_offload(hop.port);
    transmitter_.send(hop.port, packet.mbuf, origin);
    return;
  }
  if (!cut(packet.mbuf, headers, 0, hop, network, segment, origin)) {
    batch.drop(packet, Drop::kNoMemory);
    return;
  }
  batch.take(packet);
  rte_pktmbuf_free(packet.mbuf);
  counters_.segmented.add(1);
}

// An aggregate inside a tunnel: its segments are made here, whatever the port can do, each with the headers
// of the tunnel.
void Egress::forward_tunnelled(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                               Origin origin) noexcept {
  Packet inside;
  inside.mbuf = packet.mbuf;
  inside.ingress = packet.ingress;
  Headers& headers = inside.headers;
  headers.l3_offset = static_cast<std::uint16_t>(packet.headers.l3_offset + packet.tunnel_length);
  headers.family = (inside.l3()[0] >> 4U) & 0xfU;
  const auto error =
      net::parse_ip(packet.first_segment(), packet.mbuf->pkt_len, headers, {.check_ipv4_checksum = false});
  // The function saw to it that the segments fit.
  const unsigned segment =
      segment_size(inside, hop.mtu - std::min<unsigned>(hop.mtu, packet.tunnel_length), network);
  if (error != net::ParseError::kNone || headers.protocol != net::protocol::kTcp || segment == 0 ||
      hop.kind != NextHop::Kind::kForward)
    return batch.drop(packet, Drop::kPacketTooBig);
  if (origin == Origin::kReceived) {
    if (!may_go_on(packet)) return expire(batch, packet, network);
    take_hop(packet);
  }
  rewrite(packet.mbuf, packet.headers.l3_offset, packet.headers.is_ipv4(), hop);
  move_offsets(headers, hop.rewrite_length - packet.headers.l3_offset);
  if (!cut(packet.mbuf, headers, packet.tunnel_length, hop, network, segment, origin))
    return batch.drop(packet, Drop::kNoMemory);
  batch.take(packet);
  rte_pktmbuf_free(packet.mbuf);
  counters_.segmented.add(1);
}

// RFC 8200 section 4.5. DPDK's own library for this (rte_ip_frag) knows no fragment header that is there
// already.
void Egress::cut_fragment(Batch& batch, Packet& packet, const NextHop& hop, const Network& network,
                          Origin origin) noexcept {
  constexpr unsigned kUnit = 8;
  constexpr unsigned kHeaders = sizeof(net::Ipv6Header) + sizeof(net::Ipv6FragmentHeader);
  const unsigned l3_offset = packet.headers.l3_offset;
  const auto& ip = packet.l3_as<net::Ipv6Header>();
  if (hop.kind != NextHop::Kind::kForward || packet.mbuf->data_len < l3_offset + kHeaders ||
      ip.next_header != net::protocol::kIpv6Fragment || packet.cut_to < kHeaders + kUnit)
    return batch.drop(packet, Drop::kPacketTooBig);
  if (origin == Origin::kReceived && !may_go_on(packet)) return expire(batch, packet, network);
  if (checksum_is_open(*packet.mbuf)) write_transport_checksum(packet);
  if (origin == Origin::kReceived) take_hop(packet);
  const unsigned length = packet.ip_length() - kHeaders;
  const unsigned most = (packet.cut_to - kHeaders) / kUnit * kUnit;
  const auto header = *reinterpret_cast<const net::Ipv6FragmentHeader*>(packet.l3() + sizeof ip);
  ChainReader payload(packet.mbuf, l3_offset + kHeaders);
  for (unsigned at = 0; at < length; at += most) {
    const unsigned here = std::min(most, length - at);
    const bool last = at + here == length;
    rte_mbuf* piece = rte_pktmbuf_alloc(pool_);
    auto* frame = piece == nullptr
                      ? nullptr
                      : reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(
                            piece, static_cast<std::uint16_t>(hop.rewrite_length + kHeaders + here)));
    if (frame == nullptr) {
      rte_pktmbuf_free(piece);
      return batch.drop(packet, Drop::kNoMemory);
    }
    std::uint8_t* l3 = frame + hop.rewrite_length;
    std::memcpy(l3, &ip, kHeaders);
    reinterpret_cast<net::Ipv6Header*>(l3)->payload_length =
        be16(static_cast<std::uint16_t>(sizeof header + here));
    auto& fragment = *reinterpret_cast<net::Ipv6FragmentHeader*>(l3 + sizeof ip);
    // The upper 13 bits count units of 8, so that the whole field counts bytes.
    const unsigned more = last ? header.offset_more.host() & 1U : 1U;
    fragment.offset_more =
        be16(static_cast<std::uint16_t>(((header.offset_more.host() & 0xfff8U) + at) | more));
    payload.read(l3 + kHeaders, here);
    rewrite(piece, hop.rewrite_length, false, hop);
    send(hop, piece, network, last ? origin : Origin::kPiece);
  }
  batch.take(packet);
  rte_pktmbuf_free(packet.mbuf);
  counters_.fragmented.add(1);
}

// DPDK's own library for this (rte_gso) knows IPv4 only and leaves the checksums to the port.
bool Egress::cut(const rte_mbuf* whole, const Headers& headers, unsigned tunnel_length, const NextHop& hop,
                 const Network& network, unsigned segment, Origin origin) noexcept {
  const TransmitOffloads& can = offloads_of(hop);
  return cut_aggregate(whole, headers, segment, pool_,
                       [&](rte_mbuf* piece, const Headers& own, unsigned index, bool last) noexcept {
                         auto* frame = rte_pktmbuf_mtod(piece, std::uint8_t*);
                         if (tunnel_length != 0) {
                           net::rewrite_for_segment(frame + headers.l3_offset - tunnel_length, tunnel_length,
                                                    own.end_offset - unsigned{headers.l3_offset}, index);
                         }
                         if (tunnel_length == 0 && can.tcp_checksum && device_can_sum(*piece, own)) {
                           leave_checksum(*piece, own);
                           transmitter_.announce_offload(hop.port);
                         } else {
                           net::set_transport_checksum(MutableBytes(frame, own.end_offset), own);
                         }
                         // One packet came in, so one is counted out: the last piece stands for it.
                         send(hop, piece, network, last ? origin : Origin::kPiece);
                       });
}

}  // namespace millrace::core
