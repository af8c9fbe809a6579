// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/translate_family.h"

#include <algorithm>

#include "common/core/answer_first.h"
#include "common/core/embedded.h"
#include "common/core/replace_header.h"
#include "common/net/icmp.h"
#include "common/net/translate_icmp_error.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/follow.h"
#include "vnfs/nat/rewrite.h"
#include "vnfs/nat/way_out.h"

namespace millrace::nat {
namespace {

using core::Batch;
using core::Packet;

std::size_t bytes_present(const Packet& packet) noexcept {
  return std::min<std::size_t>(packet.mbuf->data_len, packet.headers.end_offset);
}

}  // namespace

net::Ipv6Ends TranslateFamily::inside_ends(const Session& session, const Policy& policy) const noexcept {
  const Mapping& mapping = state.bindings.mapping(session.mapping);
  return {.source = state.bindings.subscriber(mapping.subscriber).address.v6(),
          .destination = policy.nat64->prefix.embed(session.remote().ipv4())};
}

void TranslateFamily::refuse(Batch& batch, Packet& packet) noexcept {
  state.services.originator.admin_prohibited(packet, *batch.network);
  batch.drop(packet, Drop::kUntranslatable);
}

void TranslateFamily::to_ipv4(Batch& batch, Packet& packet, Session& session, const Policy& policy) noexcept {
  const net::Headers& headers = packet.headers;
  const Tuple& inward = session.tuple[1];
  const net::Ipv4Ends ends{.source = session.outside().ipv4(), .destination = session.remote().ipv4()};
  if (!find_way_out(batch, packet, ends.destination, core::DomainId(inward.domain()),
                    state.services.originator))
    return;
  const core::NextHop& hop = batch.network->next_hops[packet.next_hop.value()];
  // Of the IPv4 packet; one with an authentication header is longer.
  const unsigned new_length =
      static_cast<unsigned>(sizeof(net::Ipv4Header)) + headers.end_offset - headers.l4_offset;
  const bool may_be_cut = headers.is_fragment || new_length <= net::kMostWithoutDf;
  // RFC 7915 section 5.1.1: the sender is told what fits once it is translated.
  if (!may_be_cut && !core::is_aggregate(batch, packet) && new_length > hop.mtu) {
    state.services.originator.too_big(packet, *batch.network,
                                      static_cast<std::uint16_t>(hop.mtu + net::kIpv6Growth));
    return batch.drop(packet, core::Drop::kPacketTooBig);
  }
  if (!core::may_go_on(packet)) {
    state.services.originator.ttl_exceeded(packet, *batch.network);
    return batch.drop(packet, core::Drop::kTtlExceeded);
  }
  net::NewHeader header;
  // One with DF needs none (RFC 6864 section 4.1), a fragment has its own.
  const bool needs_id = !headers.is_fragment && new_length <= net::kMostWithoutDf;
  const be16 id = needs_id ? state.ipv4_ids.next(ends, inward.protocol()) : be16{};
  const auto error = net::translate_to_ipv4(packet.first_segment(), headers, ends, id, header);
  if (error == net::TranslationError::kSegmentsLeft) {
    state.services.originator.icmp_error(packet, *batch.network, {net::icmp::kParameterProblem, 0},
                                         {net::icmpv6::kParameterProblem, 0, header.pointer});
    return batch.drop(packet, Drop::kUntranslatable);
  }
  if (error != net::TranslationError::kNone) return refuse(batch, packet);
  const bool icmp = headers.protocol == net::protocol::kIcmpv6;
  if (!headers.later_fragment()) {
    std::uint8_t* l4 = packet.bytes() + headers.l4_offset;
    if (icmp) {
      const net::Ipv6Ends before = net::Ipv6Ends::of(packet.l3_as<net::Ipv6Header>());
      const auto length = static_cast<std::uint32_t>(headers.end_offset - headers.l4_offset);
      if (!net::translate_echo_to_ipv4(packet.l4_as<net::IcmpHeader>(), length, before,
                                       session.outside().wire_port()))
        return batch.drop(packet, Drop::kUntranslatable);
    } else {
      rewrite_transport(l4, std::size_t{headers.payload_offset} - headers.l4_offset, headers.protocol,
                        inward.destination(), inward.source(), session.transport_delta);
    }
  }
  follow(state.bindings, session, packet, policy, batch.now);
  if (!core::replace_header(packet, header, 4, icmp ? net::protocol::kIcmp : headers.protocol))
    return batch.drop(packet, core::Drop::kNoMemory);
  packet.domain = core::DomainId(inward.domain());
  packet.rewritten = true;
  if (hop.kind == core::NextHop::Kind::kFunction) {  // RFC 6146 section 3.8
    turn_back(batch, packet, inward.source(), packet.headers.protocol, packet.domain, policy,
              state.services.restart);
  }
}

void TranslateFamily::to_ipv6(Batch& batch, Packet& packet, Session& session, const Policy& policy) noexcept {
  const net::Headers& headers = packet.headers;
  const Tuple& outward = session.tuple[0];
  const net::Ipv6Ends own = inside_ends(session, policy);
  const net::Ipv6Ends ends{.source = own.destination, .destination = own.source};
  const core::DomainId domain(outward.domain());
  if (!find_way_out(batch, packet, ends.destination, domain, state.services.originator)) return;
  const core::NextHop& hop = batch.network->next_hops[packet.next_hop.value()];
  const bool whole = !headers.is_fragment;
  const unsigned growth = whole ? net::kIpv6Growth : net::kIpv6GrowthOfFragment;
  const bool aggregate = core::is_aggregate(batch, packet);
  const bool may_be_cut =
      (packet.l3_as<net::Ipv4Header>().fragment.host() & net::Ipv4Header::kDontFragment) == 0;
  if (!may_be_cut && !aggregate && packet.ip_length() + growth > hop.mtu) {  // RFC 7915 section 4.1
    state.services.originator.too_big(packet, *batch.network, static_cast<std::uint16_t>(hop.mtu - growth));
    return batch.drop(packet, core::Drop::kPacketTooBig);
  }
  net::Piece piece = net::Piece::whole(headers);
  const unsigned most = std::min<unsigned>(policy.nat64->lowest_ipv6_mtu, hop.mtu);
  piece.to_be_cut = may_be_cut && !aggregate && net::piece_size(headers, most) < piece.length;
  if (!core::may_go_on(packet)) {
    state.services.originator.ttl_exceeded(packet, *batch.network);
    return batch.drop(packet, core::Drop::kTtlExceeded);
  }
  net::NewHeader header;
  const auto error = net::translate_to_ipv6(packet.first_segment(), headers, ends, piece, header);
  const net::UdpChecksum checksum = net::udp_checksum_of(packet.first_segment(), headers);
  const bool computable = packet.mbuf->data_len >= headers.end_offset;
  if (error != net::TranslationError::kNone) return refuse(batch, packet);
  // RFC 6146 section 3.4: silently.
  if (checksum == net::UdpChecksum::kMissingInFragment ||
      (checksum == net::UdpChecksum::kMissing && !computable))
    return batch.drop(packet, Drop::kUntranslatable);
  const bool icmp = headers.protocol == net::protocol::kIcmp;
  if (!headers.later_fragment()) {
    if (icmp) {
      const auto length = static_cast<std::uint32_t>(headers.end_offset - headers.l4_offset);
      if (!net::translate_echo_to_ipv6(packet.l4_as<net::IcmpHeader>(), length, ends,
                                       outward.source().wire_port()))
        return batch.drop(packet, Drop::kUntranslatable);
    } else {
      rewrite_transport(packet.bytes() + headers.l4_offset,
                        std::size_t{headers.payload_offset} - headers.l4_offset, headers.protocol,
                        outward.destination(), outward.source(),
                        static_cast<std::uint16_t>(session.transport_delta ^ 0xffffU));
    }
  }
  follow(state.bindings, session, packet, policy, batch.now);
  if (!core::replace_header(packet, header, 6, icmp ? net::protocol::kIcmpv6 : headers.protocol))
    return batch.drop(packet, core::Drop::kNoMemory);
  if (checksum == net::UdpChecksum::kMissing) {
    net::set_transport_checksum(MutableBytes(packet.bytes(), packet.mbuf->data_len), headers);
  }
  if (piece.to_be_cut) {
    packet.cut_to = static_cast<std::uint16_t>(most);
    batch.unfinished |= std::uint64_t{1} << batch.lane(packet);
  }
  packet.domain = domain;
  packet.rewritten = true;
}

void TranslateFamily::error_to_ipv4(Batch& batch, Packet& packet, const Session& session,
                                    const Policy& policy) noexcept {
  net::Headers quoted;
  if (packet.mbuf->nb_segs != 1 || !core::read_embedded(packet, quoted))
    return batch.drop(packet, Drop::kIcmpBadEmbedded);
  const Bytes whole = packet.first_segment().first(bytes_present(packet));
  const Bytes message = whole.subspan(packet.headers.l4_offset);
  const auto pseudo =
      net::pseudo_header(packet.headers, packet.l3(), static_cast<std::uint32_t>(message.size()));
  if (net::fold(net::sum_bytes(message, pseudo)) != 0xffff) return batch.drop(packet, Drop::kIcmpBadChecksum);
  const Tuple& inward = session.tuple[1];
  const net::Ipv4Ends ends{.source = session.outside().ipv4(), .destination = session.remote().ipv4()};
  const core::DomainId domain(inward.domain());
  const core::InterfaceId arrival = packet.ingress;
  if (!find_way_out(batch, packet, ends.destination, domain, state.services.originator)) return;
  const core::Network& network = *batch.network;
  const core::NextHop& hop = network.next_hops[packet.next_hop.value()];
  const net::QuotedAs<net::Ipv4Ends> as{.ends = {.source = ends.destination, .destination = ends.source},
                                        .source_port = session.remote().wire_port(),
                                        .destination_port = session.outside().wire_port()};
  std::array<std::uint8_t, net::kMostIcmpv4Error> out;
  const be16 id = state.ipv4_ids.next(ends, net::protocol::kIcmp);
  const std::size_t length = net::translate_error_to_ipv4(
      {whole, packet.headers, quoted, {.ipv4 = hop.mtu, .ipv6 = network.interfaces[arrival.value()].mtu}},
      ends, id, as, out);
  if (length == 0) return batch.drop(packet, Drop::kUntranslatable);
  if (!core::replace_datagram(packet, Bytes(out).first(length), 4, net::protocol::kIcmp))
    return batch.drop(packet, core::Drop::kNoMemory);
  packet.domain = domain;
  packet.rewritten = true;
  if (hop.kind == core::NextHop::Kind::kFunction) {
    turn_back(batch, packet, inward.source(), session.protocol(), domain, policy, state.services.restart);
  }
}

void TranslateFamily::error_to_ipv6(Batch& batch, Packet& packet, const Session& session,
                                    const Policy& policy) noexcept {
  net::Headers quoted;
  if (packet.mbuf->nb_segs != 1 || !core::read_embedded(packet, quoted))
    return batch.drop(packet, Drop::kIcmpBadEmbedded);
  const Bytes present = packet.first_segment().first(bytes_present(packet));
  if (net::fold(net::sum_bytes(present.subspan(packet.headers.l4_offset))) != 0xffff)
    return batch.drop(packet, Drop::kIcmpBadChecksum);
  const Tuple& outward = session.tuple[0];
  const net::Ipv6Ends own = inside_ends(session, policy);
  const net::Ipv4Address teller = packet.l3_as<net::Ipv4Header>().source;
  const net::Ipv6Ends ends{.source = policy.nat64->prefix.embed(teller), .destination = own.source};
  const core::DomainId domain(outward.domain());
  const core::InterfaceId arrival = packet.ingress;
  if (!find_way_out(batch, packet, ends.destination, domain, state.services.originator)) return;
  const core::Network& network = *batch.network;
  const core::NextHop& hop = network.next_hops[packet.next_hop.value()];
  const net::QuotedAs<net::Ipv6Ends> as{.ends = own,
                                        .source_port = outward.source().wire_port(),
                                        .destination_port = outward.destination().wire_port()};
  std::array<std::uint8_t, net::kMostIcmpv6Error> out;
  const std::size_t length = net::translate_error_to_ipv6(
      {present, packet.headers, quoted, {.ipv4 = network.interfaces[arrival.value()].mtu, .ipv6 = hop.mtu}},
      ends, as, out);
  if (length == 0) return batch.drop(packet, Drop::kUntranslatable);
  if (!core::replace_datagram(packet, Bytes(out).first(length), 6, net::protocol::kIcmpv6))
    return batch.drop(packet, core::Drop::kNoMemory);
  packet.domain = domain;
  packet.rewritten = true;
}

void TranslateFamily::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.mixed & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    Packet& packet = batch[lane];
    Session& session = state.bindings.session(packet.session);
    if (session.tuple[packet.direction] != state.lookups[lane].tuple) {
      batch.drop(packet, Drop::kSessionEnded);
      continue;
    }
    const bool error = (state.related >> lane & 1U) != 0;
    if (packet.headers.is_ipv6()) {
      error ? error_to_ipv4(batch, packet, session, policy) : to_ipv4(batch, packet, session, policy);
    } else {
      error ? error_to_ipv6(batch, packet, session, policy) : to_ipv6(batch, packet, session, policy);
    }
  }
}

}  // namespace millrace::nat
