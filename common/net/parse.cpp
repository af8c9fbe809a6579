// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/parse.h"

#include <algorithm>

namespace millrace::net {
namespace {

// RFC 8200 sets no bound; real packets carry one or two, and every further one is work for free (RFC 9098).
constexpr unsigned kMaxExtensionHeaders = 8;
constexpr unsigned kMaxTags = 2;

// Ports, flags, type: what the stages ask for. `end` bounds the datagram, the reader the bytes at hand.
ParseError parse_transport(Bytes frame, Headers& headers, bool truncated) noexcept {
  const std::size_t present = std::min<std::size_t>(frame.size(), headers.end_offset);
  Reader reader(frame.first(present));
  if (!reader.skip(headers.l4_offset)) return ParseError::kShortTransport;
  headers.payload_offset = headers.l4_offset;
  const auto take_ports = [&](be16 source, be16 destination) {
    headers.source_port = source;
    headers.destination_port = destination;
    headers.has_ports = true;
  };
  // A fragment may end inside its transport header; whether that is allowed is the fragment table's business.
  const ParseError cut_off = headers.is_fragment ? ParseError::kNone : ParseError::kShortTransport;
  // The packet inside an ICMP error need only carry eight bytes of it (RFC 792): ports, not flags.
  if (truncated && (headers.protocol == protocol::kTcp || headers.protocol == protocol::kSctp)) {
    const auto* ports = reader.read<UdpHeader>();
    if (ports == nullptr) return cut_off;
    take_ports(ports->source_port, ports->destination_port);
    return ParseError::kNone;
  }

  switch (headers.protocol) {
    case protocol::kTcp: {
      const auto* tcp = reader.peek<TcpHeader>();
      if (tcp == nullptr) return cut_off;
      if (tcp->header_length() < sizeof(TcpHeader)) return ParseError::kBadTcpHeader;
      if (!reader.skip(tcp->header_length()))
        return headers.is_fragment ? ParseError::kNone : ParseError::kBadTcpHeader;
      headers.tcp_flags = tcp->flags;
      take_ports(tcp->source_port, tcp->destination_port);
      break;
    }
    case protocol::kUdp: {
      const auto* udp = reader.read<UdpHeader>();
      if (udp == nullptr) return cut_off;
      const unsigned length = udp->length.host();
      const bool overruns =
          !headers.is_fragment && !truncated && headers.l4_offset + length > headers.end_offset;
      if (length < sizeof(UdpHeader) || overruns) return ParseError::kBadUdpLength;
      take_ports(udp->source_port, udp->destination_port);
      break;
    }
    case protocol::kSctp: {
      const auto* sctp = reader.read<SctpHeader>();
      if (sctp == nullptr) return cut_off;
      take_ports(sctp->source_port, sctp->destination_port);
      break;
    }
    case protocol::kIcmp:
    case protocol::kIcmpv6: {
      const auto* icmp = reader.read<IcmpHeader>();
      if (icmp == nullptr) return cut_off;
      headers.tcp_flags = icmp->type;
      headers.icmp_code = icmp->code;
      const bool query = headers.protocol == protocol::kIcmp
                             ? icmp->type == icmp::kEchoRequest || icmp->type == icmp::kEchoReply ||
                                   icmp->type == icmp::kTimestampRequest ||
                                   icmp->type == icmp::kTimestampReply
                             : icmp->type == icmpv6::kEchoRequest || icmp->type == icmpv6::kEchoReply;
      if (query) take_ports(icmp->id, icmp->id);
      break;
    }
    default:
      break;
  }
  headers.payload_offset = static_cast<std::uint16_t>(reader.offset());
  return ParseError::kNone;
}

// RFC 791 section 3.1: each option's length stays inside the header. Source routes are refused.
ParseError check_ipv4_options(Bytes options) noexcept {
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kNop = 1;
  constexpr std::uint8_t kLooseSourceRoute = 131;
  constexpr std::uint8_t kStrictSourceRoute = 137;
  while (!options.empty() && options[0] != kEnd) {
    std::size_t length = 1;
    if (options[0] != kNop) {
      if (options.size() < 2 || options[1] < 2 || options[1] > options.size())
        return ParseError::kBadIpv4Options;
      if (options[0] == kLooseSourceRoute || options[0] == kStrictSourceRoute)
        return ParseError::kBadIpv4Options;
      length = options[1];
    }
    options = options.subspan(length);
  }
  return ParseError::kNone;
}

ParseError parse_ipv4(Bytes frame, std::size_t frame_length, Headers& headers,
                      IpParseOptions options) noexcept {
  Reader reader(frame);
  if (!reader.skip(headers.l3_offset)) return ParseError::kBadIpv4Header;
  const auto* ip = reader.peek<Ipv4Header>();
  if (ip == nullptr || ip->version() != 4 || ip->header_length() < sizeof(Ipv4Header) ||
      !reader.skip(ip->header_length())) {
    return ParseError::kBadIpv4Header;
  }
  const std::size_t end = headers.l3_offset + std::size_t{ip->total_length.host()};
  const bool overruns = end > frame_length && !options.truncated;
  if (ip->total_length.host() < ip->header_length() || overruns || end > 0xffff)
    return ParseError::kBadIpv4Length;
  if (options.check_ipv4_checksum && !ipv4_checksum_ok(*ip, ip->header_length()))
    return ParseError::kBadIpv4Checksum;
  if (ip->header_length() > sizeof(Ipv4Header)) {
    const Bytes fields =
        frame.subspan(headers.l3_offset + sizeof(Ipv4Header), ip->header_length() - sizeof(Ipv4Header));
    if (const auto error = check_ipv4_options(fields); error != ParseError::kNone) return error;
  }

  headers.family = 4;
  headers.protocol = ip->protocol;
  headers.l4_offset = static_cast<std::uint16_t>(reader.offset());
  headers.payload_offset = headers.l4_offset;
  headers.end_offset = static_cast<std::uint16_t>(end);
  const std::uint16_t fragment = ip->fragment.host();
  headers.fragment_offset = static_cast<std::uint16_t>((fragment & Ipv4Header::kOffsetMask) * 8);
  headers.more_fragments = (fragment & Ipv4Header::kMoreFragments) != 0;
  headers.is_fragment = headers.more_fragments || headers.fragment_offset != 0;
  if (headers.is_fragment) {
    const unsigned length = static_cast<unsigned>(end) - headers.l4_offset;
    // RFC 791: every fragment but the last is a multiple of 8 long; none may end past 65,535.
    const bool ragged = headers.more_fragments && (length == 0 || length % 8 != 0);
    if (ragged || headers.fragment_offset + length + ip->header_length() > 0xffff)
      return ParseError::kBadFragment;
  }
  return headers.later_fragment() ? ParseError::kNone : parse_transport(frame, headers, options.truncated);
}

ParseError parse_ipv6(Bytes frame, std::size_t frame_length, Headers& headers,
                      IpParseOptions options) noexcept {
  Reader reader(frame);
  if (!reader.skip(headers.l3_offset)) return ParseError::kBadIpv6Header;
  const auto* ip = reader.read<Ipv6Header>();
  if (ip == nullptr || ip->version() != 6) return ParseError::kBadIpv6Header;
  const std::size_t end = headers.l3_offset + sizeof(Ipv6Header) + std::size_t{ip->payload_length.host()};
  if ((end > frame_length && !options.truncated) || end > 0xffff) return ParseError::kBadIpv6Length;

  headers.family = 6;
  headers.end_offset = static_cast<std::uint16_t>(end);
  reader = Reader(frame.first(std::min<std::size_t>(frame.size(), end)));
  if (!reader.skip(headers.l3_offset + sizeof(Ipv6Header))) return ParseError::kBadIpv6Header;

  std::uint8_t next = ip->next_header;
  for (unsigned count = 0;; ++count) {
    const bool extension = next == protocol::kHopByHop || next == protocol::kIpv6Routing ||
                           next == protocol::kIpv6Fragment || next == protocol::kAh ||
                           next == protocol::kIpv6Destination || next == protocol::kMobility ||
                           next == protocol::kHip || next == protocol::kShim6;
    if (!extension) break;
    if (count == kMaxExtensionHeaders) return ParseError::kBadIpv6Extension;
    if (next == protocol::kHopByHop && count != 0)
      return ParseError::kBadIpv6Extension;  // RFC 8200 section 4.1
    if (next == protocol::kIpv6Fragment) {
      const auto* fragment = reader.read<Ipv6FragmentHeader>();
      if (fragment == nullptr || headers.is_fragment) return ParseError::kBadIpv6Extension;
      const std::uint16_t offset_more = fragment->offset_more.host();
      headers.fragment_offset = offset_more & 0xfff8U;
      headers.more_fragments = (offset_more & 1U) != 0;
      // RFC 6946: an "atomic" fragment, offset 0 and no more to come, is a whole packet.
      headers.is_fragment = headers.more_fragments || headers.fragment_offset != 0;
      next = fragment->next_header;
      if (headers.is_fragment) {
        const std::size_t length = end - reader.offset();
        const bool ragged =
            headers.more_fragments && (length == 0 || length % 8 != 0);  // RFC 8200 section 4.5
        if (ragged || headers.fragment_offset + length > 0xffff) return ParseError::kBadFragment;
        // The chain of a later fragment goes on in the first one only.
        if (headers.fragment_offset != 0) break;
      }
      continue;
    }
    const auto* header = reader.peek<Ipv6Extension>();
    if (header == nullptr) return ParseError::kBadIpv6Extension;
    if (next == protocol::kIpv6Routing) {
      const Bytes rest = reader.rest();
      if (rest.size() < 4 || rest[2] == 0) return ParseError::kBadIpv6Extension;  // RFC 5095: type 0 is dead
    }
    // AH counts in words of 4 bytes, less 2 (RFC 4302 section 2.2); the others in 8 bytes, less 1.
    const std::size_t length =
        next == protocol::kAh ? (header->length + 2U) * 4U : (header->length + 1U) * 8U;
    next = header->next_header;
    if (!reader.skip(length)) return ParseError::kBadIpv6Extension;
  }
  headers.protocol = next;
  headers.l4_offset = static_cast<std::uint16_t>(reader.offset());
  headers.payload_offset = headers.l4_offset;
  return headers.later_fragment() ? ParseError::kNone : parse_transport(frame, headers, options.truncated);
}

}  // namespace

ParseError parse_ip(Bytes frame, std::size_t frame_length, Headers& headers,
                    IpParseOptions options) noexcept {
  return headers.family == 6 ? parse_ipv6(frame, frame_length, headers, options)
                             : parse_ipv4(frame, frame_length, headers, options);
}

ParseError parse_frame_slow(Bytes frame, std::size_t frame_length, Headers& headers,
                            IpParseOptions options) noexcept {
  Reader reader(frame);
  const auto* ethernet = reader.read<EthernetHeader>();
  if (ethernet == nullptr) return ParseError::kShortFrame;
  std::uint16_t type = ethernet->type.host();
  for (unsigned tags = 0; type == ether_type::kVlan || type == ether_type::kQinQ; ++tags) {
    if (tags == kMaxTags) return ParseError::kTooManyTags;
    const auto* tag = reader.read<VlanTag>();
    if (tag == nullptr) return ParseError::kShortFrame;
    const std::uint16_t id = tag->tci.host() & 0x0fffU;
    (tags == 0 ? headers.outer_vlan : headers.inner_vlan) = id;
    headers.tagged = true;
    type = tag->type.host();
  }

  headers.l3_offset = static_cast<std::uint16_t>(reader.offset());
  headers.l4_offset = headers.payload_offset = headers.l3_offset;
  headers.end_offset = static_cast<std::uint16_t>(std::min<std::size_t>(frame_length, 0xffff));
  switch (type) {
    case ether_type::kIpv4:
      headers.family = 4;
      break;
    case ether_type::kIpv6:
      headers.family = 6;
      break;
    case ether_type::kArp: {
      headers.family = Headers::kArp;
      const auto* arp = reader.read<ArpHeader>();
      const bool good = arp != nullptr && arp->hardware == be16(1) &&
                        arp->protocol == be16(ether_type::kIpv4) && arp->hardware_length == 6 &&
                        arp->protocol_length == 4;
      return good ? ParseError::kNone : ParseError::kBadArp;
    }
    default:
      return ParseError::kUnknownType;
  }
  return parse_ip(frame, frame_length, headers, options);
}

}  // namespace millrace::net
