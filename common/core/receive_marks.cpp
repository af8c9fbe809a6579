// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/receive_marks.h"

#include <algorithm>

#include <rte_ether.h>

#include "common/core/chain_sum.h"
#include "common/net/transport.h"

namespace millrace::core {
namespace {

using net::Headers;

std::uint8_t* l4(const Packet& packet) noexcept { return packet.bytes() + packet.headers.l4_offset; }

// Over `length` bytes from the transport header on; the parser has seen to it that they are there.
net::ChecksumSum sum_of(const Packet& packet, unsigned length) noexcept {
  return sum_of_chain(packet.mbuf, packet.headers.l4_offset, length);
}

// RFC 768: an IPv4 sender may do without.
bool has_no_checksum(const Packet& packet) noexcept {
  return packet.headers.protocol == net::protocol::kUdp && packet.headers.is_ipv4() &&
         net::transport_checksum(l4(packet), net::protocol::kUdp) == be16{};
}

bool addresses_are_final(const Packet& packet) noexcept {
  return net::addresses_are_final(packet.first_segment(), packet.headers);
}

// The tags as they were, outermost first; the parser and the other side read them in the frame.
Drop put_tags_back(Packet& packet) noexcept {
  rte_mbuf*& mbuf = packet.mbuf;
  const std::uint64_t taken_off = mbuf->ol_flags;
  if ((taken_off & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 && rte_vlan_insert(&mbuf) != 0) return Drop::kNoMemory;
  if ((taken_off & RTE_MBUF_F_RX_QINQ_STRIPPED) != 0) {
    mbuf->vlan_tci = mbuf->vlan_tci_outer;
    if (rte_vlan_insert(&mbuf) != 0) return Drop::kNoMemory;
    rte_pktmbuf_mtod(mbuf, rte_ether_hdr*)->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_QINQ);
  }
  mbuf->ol_flags &=
      ~(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED);
  const bool unread = packet.headers.family == Headers::kOther;
  packet.headers = {};
  const auto error =
      net::parse_frame(packet.first_segment(), mbuf->pkt_len, packet.headers, {.check_ipv4_checksum = false});
  if (unread && error == net::ParseError::kUnknownType) {  // what was let through still is
    packet.headers.family = Headers::kOther;
    return Drop::kNone;
  }
  return drop_of(error);
}

// The sender's field holds the sum of the pseudo-header as the sender knows it.
void finish_open_checksum(Packet& packet, unsigned length) noexcept {
  be16& field = net::transport_checksum(l4(packet), packet.headers.protocol);
  field = net::finish_transport(sum_of(packet, length), packet.headers.protocol);
  mark_checksum_good(*packet.mbuf);
}

// A checksum that is still to be written. That is left to egress, which knows what the next port can do and
// what the stages have changed.
Drop leave_open(Batch& batch, Packet& packet) noexcept {
  const bool plain = !packet.headers.is_fragment && net::has_transport_checksum(packet.headers.protocol);
  if (!plain) return Drop::kBadTransportChecksum;  // it can not be finished here
  if (has_no_checksum(packet)) {
    mark_checksum_good(*packet.mbuf);
  } else if (addresses_are_final(packet)) {
    batch.unfinished |= std::uint64_t{1} << batch.lane(packet);
  } else if ((packet.mbuf->ol_flags & RTE_MBUF_F_RX_LRO) == 0) {
    finish_open_checksum(packet, net::transport_length(packet.headers, l4(packet)));
  } else {
    return Drop::kBadTransportChecksum;  // its segments' checksums can not be made
  }
  return Drop::kNone;
}

// One fragment tells nothing of a checksum over all of them; an address or checksum that is not there,
// nothing the port could have found wrong.
bool port_may_judge(const Packet& packet) noexcept {
  return !packet.headers.is_fragment && !has_no_checksum(packet) && addresses_are_final(packet);
}

Drop heed_transport(Batch& batch, Packet& packet) noexcept {
  const Headers& headers = packet.headers;
  const std::uint64_t flags = packet.mbuf->ol_flags;
  switch (flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) {
    case RTE_MBUF_F_RX_L4_CKSUM_BAD:
      if (port_may_judge(packet)) return Drop::kBadTransportChecksum;
      break;
    case RTE_MBUF_F_RX_L4_CKSUM_NONE:
      if (const Drop reason = leave_open(batch, packet); reason != Drop::kNone) return reason;
      break;
    case RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN: {
      // A segment that would open or end a connection here, and might be ignored by its receiver.
      constexpr std::uint8_t kOpensOrEnds = net::tcp_flag::kSyn | net::tcp_flag::kFin | net::tcp_flag::kRst;
      if (headers.protocol != net::protocol::kTcp || headers.is_fragment) break;
      if ((headers.tcp_flags & kOpensOrEnds) == 0) break;
      if (!transport_checksum_ok(packet)) return Drop::kBadTransportChecksum;
      mark_checksum_good(*packet.mbuf);
      break;
    }
    default:
      break;
  }
  if ((flags & RTE_MBUF_F_RX_LRO) != 0 && headers.protocol == net::protocol::kTcp)
    batch.unfinished |= std::uint64_t{1} << batch.lane(packet);
  return Drop::kNone;
}

}  // namespace

bool transport_checksum_ok(const Packet& packet) noexcept {
  if (has_no_checksum(packet) || !addresses_are_final(packet)) return true;
  const unsigned length = net::transport_length(packet.headers, l4(packet));
  return net::fold(sum_of(packet, length) + net::pseudo_header(packet.headers, packet.l3(), length)) ==
         0xffff;
}

void write_transport_checksum(Packet& packet) noexcept {
  const unsigned length = net::transport_length(packet.headers, l4(packet));
  be16& field = net::transport_checksum(l4(packet), packet.headers.protocol);
  field = be16{};
  field =
      net::finish_transport(sum_of(packet, length) + net::pseudo_header(packet.headers, packet.l3(), length),
                            packet.headers.protocol);
  mark_checksum_good(*packet.mbuf);
}

Drop heed_marks(Batch& batch, Packet& packet) noexcept {
  if ((packet.mbuf->ol_flags & (RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_QINQ_STRIPPED)) != 0) {
    if (const Drop reason = put_tags_back(packet); reason != Drop::kNone) return reason;
  }
  if (!packet.headers.is_ipv4() && !packet.headers.is_ipv6()) return Drop::kNone;
  std::uint64_t& flags = packet.mbuf->ol_flags;
  if (packet.headers.is_ipv4() && (flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_NONE) {
    net::set_ipv4_checksum(packet.l3_as<net::Ipv4Header>());
    flags = (flags & ~RTE_MBUF_F_RX_IP_CKSUM_MASK) | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
  }
  return heed_transport(batch, packet);
}

Drop drop_of(net::ParseError error) noexcept {
  switch (error) {
    case net::ParseError::kNone:
      return Drop::kNone;
    case net::ParseError::kShortFrame:
      return Drop::kShortFrame;
    case net::ParseError::kTooManyTags:
      return Drop::kTooManyTags;
    case net::ParseError::kUnknownType:
      return Drop::kUnknownType;
    case net::ParseError::kBadArp:
      return Drop::kBadArp;
    case net::ParseError::kBadIpv4Header:
      return Drop::kBadIpv4Header;
    case net::ParseError::kBadIpv4Length:
      return Drop::kBadIpv4Length;
    case net::ParseError::kBadIpv4Checksum:
      return Drop::kBadIpv4Checksum;
    case net::ParseError::kBadIpv4Options:
      return Drop::kBadIpv4Options;
    case net::ParseError::kBadIpv6Header:
      return Drop::kBadIpv6Header;
    case net::ParseError::kBadIpv6Length:
      return Drop::kBadIpv6Length;
    case net::ParseError::kBadIpv6Extension:
      return Drop::kBadIpv6Extension;
    case net::ParseError::kBadFragment:
      return Drop::kBadFragment;
    case net::ParseError::kShortTransport:
      return Drop::kShortTransport;
    case net::ParseError::kBadTcpHeader:
      return Drop::kBadTcpHeader;
    case net::ParseError::kBadUdpLength:
      return Drop::kBadUdpLength;
  }
  return Drop::kUnknownType;
}

}  // namespace millrace::core
