// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/cross_family.h"

#include <algorithm>

#include "common/core/answer_first.h"
#include "common/core/replace_header.h"
#include "common/net/tcp_mss.h"
#include "common/net/translate_icmp_error.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/transport_ports.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::Packet;

// RFC 7915 section 4.1: what an IPv4 packet without DF is cut to, as no router of IPv6 cuts it.
constexpr unsigned kLowestIpv6Mtu = 1280;

unsigned length_as_ipv4(const net::Headers& headers) noexcept {
  return static_cast<unsigned>(sizeof(net::Ipv4Header)) + headers.end_offset - headers.l4_offset;
}

bool may_be_cut_as_ipv4(const net::Headers& headers) noexcept {
  return headers.is_fragment || length_as_ipv4(headers) <= net::kMostWithoutDf;
}

bool may_be_cut(const Packet& packet) noexcept {
  return (packet.l3_as<net::Ipv4Header>().fragment.host() & net::Ipv4Header::kDontFragment) == 0;
}

// The largest segment that passes both links in whichever direction, each in its family's headers.
std::uint16_t mss_between(unsigned mtu_of_ipv4, unsigned mtu_of_ipv6) noexcept {
  const std::size_t by_ipv4 = mtu_of_ipv4 - sizeof(net::Ipv4Header) - sizeof(net::TcpHeader);
  const std::size_t by_ipv6 = mtu_of_ipv6 - sizeof(net::Ipv6Header) - sizeof(net::TcpHeader);
  return static_cast<std::uint16_t>(std::min(by_ipv4, by_ipv6));
}

void hold_mss(const Packet& packet, const core::Network& network) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.protocol != net::protocol::kTcp || (headers.tcp_flags & net::tcp_flag::kSyn) == 0 ||
      headers.is_fragment || packet.mbuf->data_len < headers.payload_offset)
    return;
  const unsigned in = network.interfaces[packet.ingress.value()].mtu;
  const unsigned out = network.next_hops[packet.next_hop.value()].mtu;
  net::hold_mss_to(
      {packet.bytes() + headers.l4_offset, headers.payload_offset - std::size_t{headers.l4_offset}},
      headers.is_ipv4() ? mss_between(in, out) : mss_between(out, in));
}

net::Ipv4Ends ipv4_ends(const net::IpAddress& source, const net::IpAddress& destination) noexcept {
  return {.source = source.v4(), .destination = destination.v4()};
}
net::Ipv6Ends ipv6_ends(const net::IpAddress& source, const net::IpAddress& destination) noexcept {
  return {.source = source.v6(), .destination = destination.v6()};
}

}  // namespace

bool CrossFamily::goes_on(Batch& batch, Packet& packet, const core::NextHop& hop) noexcept {
  const net::Headers& headers = packet.headers;
  const bool aggregate = core::is_aggregate(batch, packet);
  unsigned most = 0;  // in the sender's family; 0: it fits
  if (headers.is_ipv6()) {
    if (!may_be_cut_as_ipv4(headers) && !aggregate && length_as_ipv4(headers) > hop.mtu)
      most = hop.mtu + net::kIpv6Growth;
  } else {
    const unsigned growth = headers.is_fragment ? net::kIpv6GrowthOfFragment : net::kIpv6Growth;
    if (!may_be_cut(packet) && !aggregate && packet.ip_length() + growth > hop.mtu) most = hop.mtu - growth;
  }
  if (most != 0) {
    state.services.originator.too_big(packet, *batch.network, static_cast<std::uint16_t>(most));
    batch.drop(packet, core::Drop::kPacketTooBig);
    return false;
  }
  const bool ordinary =
      (hop.kind == core::NextHop::Kind::kForward || hop.kind == core::NextHop::Kind::kResolve) &&
      core::may_go_on(packet);
  return ordinary || !core::answered_first(batch, packet, hop, state.services.originator);
}

void CrossFamily::refuse(Batch& batch, Packet& packet) noexcept {
  state.services.originator.admin_prohibited(packet, *batch.network);
  batch.drop(packet, Drop::kUntranslatable);
}

bool CrossFamily::make_ipv4(Batch& batch, Packet& packet, const PacketEnds& ends,
                            net::NewHeader& header) noexcept {
  const net::Headers& headers = packet.headers;
  const net::Ipv4Ends own = ipv4_ends(ends.source, ends.destination);
  // One with DF needs none (RFC 6864 section 4.1), a fragment has its own.
  const bool needs_id = !headers.is_fragment && may_be_cut_as_ipv4(headers);
  const be16 id = needs_id ? state.ipv4_ids.next(own, headers.protocol) : be16{};
  const auto error = net::translate_to_ipv4(packet.first_segment(), headers, own, id, header);
  if (error == net::TranslationError::kNone) return true;
  if (error == net::TranslationError::kSegmentsLeft) {
    state.services.originator.icmp_error(packet, *batch.network, {net::icmp::kParameterProblem, 0},
                                         {net::icmpv6::kParameterProblem, 0, header.pointer});
    batch.drop(packet, Drop::kUntranslatable);
  } else {
    refuse(batch, packet);
  }
  return false;
}

bool CrossFamily::make_ipv6(Batch& batch, Packet& packet, const PacketEnds& ends,
                            net::NewHeader& header) noexcept {
  const net::Headers& headers = packet.headers;
  const core::NextHop& hop = batch.network->next_hops[packet.next_hop.value()];
  net::Piece piece = net::Piece::whole(headers);
  const unsigned most = std::min<unsigned>(kLowestIpv6Mtu, hop.mtu);
  piece.to_be_cut = may_be_cut(packet) && !core::is_aggregate(batch, packet) &&
                    net::piece_size(headers, most) < piece.length;
  const auto error = net::translate_to_ipv6(packet.first_segment(), headers,
                                            ipv6_ends(ends.source, ends.destination), piece, header);
  if (error != net::TranslationError::kNone) {
    refuse(batch, packet);
    return false;
  }
  if (piece.to_be_cut) {
    packet.cut_to = static_cast<std::uint16_t>(most);
    batch.unfinished |= std::uint64_t{1} << batch.lane(packet);
  }
  return true;
}

void CrossFamily::write(Batch& batch, Packet& packet, const PacketEnds& ends, std::uint16_t delta) noexcept {
  net::Headers& headers = packet.headers;
  const bool to_ipv6 = headers.is_ipv4();
  const net::UdpChecksum checksum =
      to_ipv6 ? net::udp_checksum_of(packet.first_segment(), headers) : net::UdpChecksum::kPresent;
  // RFC 7915 section 4.5: without the whole datagram none can be made.
  if (checksum == net::UdpChecksum::kMissingInFragment ||
      (checksum == net::UdpChecksum::kMissing && packet.mbuf->data_len < headers.end_offset))
    return batch.drop(packet, Drop::kUntranslatable);
  net::NewHeader header;
  if (to_ipv6 ? !make_ipv6(batch, packet, ends, header) : !make_ipv4(batch, packet, ends, header)) return;
  if (!headers.later_fragment()) {
    hold_mss(packet, *batch.network);
    write_ports(packet, {ends.source_port.wire(), ends.destination_port.wire()}, delta);
  }
  if (!core::replace_header(packet, header, to_ipv6 ? 6 : 4, headers.protocol))
    return batch.drop(packet, core::Drop::kNoMemory);
  if (checksum == net::UdpChecksum::kMissing)
    net::set_transport_checksum(MutableBytes(packet.bytes(), packet.mbuf->data_len), headers);
  packet.rewritten = true;
}

void CrossFamily::write_error(Batch& batch, Packet& packet, const net::Headers& quoted,
                              const Error& error) noexcept {
  const net::Headers& headers = packet.headers;
  const core::Network& network = *batch.network;
  const unsigned in = network.interfaces[packet.ingress.value()].mtu;
  const unsigned out = network.next_hops[packet.next_hop.value()].mtu;
  const Bytes frame =
      packet.first_segment().first(std::min<std::size_t>(packet.mbuf->data_len, headers.end_offset));
  const PacketEnds& about = error.about;
  std::array<std::uint8_t, net::kMostIcmpv6Error> made;
  std::size_t length = 0;
  const bool to_ipv6 = headers.is_ipv4();
  if (to_ipv6) {
    const net::QuotedAs<net::Ipv6Ends> as{.ends = ipv6_ends(about.source, about.destination),
                                          .source_port = about.source_port,
                                          .destination_port = about.destination_port};
    length = net::translate_error_to_ipv6({frame, headers, quoted, {.ipv4 = in, .ipv6 = out}},
                                          ipv6_ends(error.teller, error.receiver), as, made);
  } else {
    const net::Ipv4Ends own = ipv4_ends(error.teller, error.receiver);
    const net::QuotedAs<net::Ipv4Ends> as{.ends = ipv4_ends(about.source, about.destination),
                                          .source_port = about.source_port,
                                          .destination_port = about.destination_port};
    length = net::translate_error_to_ipv4(
        {frame, headers, quoted, {.ipv4 = out, .ipv6 = in}}, own,
        state.ipv4_ids.next(own, net::protocol::kIcmp), as,
        std::span<std::uint8_t, net::kMostIcmpv4Error>(made.data(), net::kMostIcmpv4Error));
  }
  if (length == 0) return batch.drop(packet, Drop::kUntranslatable);
  const std::uint8_t protocol = to_ipv6 ? net::protocol::kIcmpv6 : net::protocol::kIcmp;
  if (!core::replace_datagram(packet, Bytes(made).first(length), to_ipv6 ? 6 : 4, protocol))
    return batch.drop(packet, core::Drop::kNoMemory);
  packet.rewritten = true;
}

}  // namespace millrace::load_balancer
