// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/translate_header.h"

#include <algorithm>
#include <cstring>

namespace millrace::net {
namespace {

constexpr unsigned kFragmentUnit = 8;

// The IPv6 headers that the IPv4 header takes the place of.
struct Chain {
  std::uint8_t protocol = 0;  // of what follows them
  std::uint16_t length = 0;
  const Ipv6FragmentHeader* fragment = nullptr;
};

// RFC 7915 section 5.1.1: these may not stand behind a fragment header. ESP may.
constexpr bool is_extension(std::uint8_t next) noexcept {
  switch (next) {
    case protocol::kHopByHop:
    case protocol::kIpv6Routing:
    case protocol::kIpv6Fragment:
    case protocol::kAh:
    case protocol::kIpv6Destination:
    case protocol::kMobility:
    case protocol::kHip:
    case protocol::kShim6:
      return true;
    default:
      return false;
  }
}

// RFC 7915 section 5.1: hop-by-hop, routing and destination options headers have no meaning in IPv4 and are
// skipped; the first header of any other kind, be it an extension (AH), is what the IPv4 packet carries.
TranslationError walk(Bytes frame, const Headers& headers, Chain& chain, std::uint16_t& pointer) noexcept {
  Reader reader(frame);
  if (!reader.skip(headers.l3_offset)) return TranslationError::kCutOff;
  const auto* ip = reader.read<Ipv6Header>();
  if (ip == nullptr) return TranslationError::kCutOff;
  std::uint8_t next = ip->next_header;
  while (next == protocol::kHopByHop || next == protocol::kIpv6Routing ||
         next == protocol::kIpv6Destination) {
    const std::size_t start = reader.offset();
    const auto* extension = reader.peek<Ipv6Extension>();
    if (extension == nullptr) return TranslationError::kCutOff;
    const Bytes whole = reader.take((std::size_t{extension->length} + 1) * 8);
    if (whole.empty()) return TranslationError::kCutOff;
    constexpr std::size_t kSegmentsLeft = 3;  // RFC 8200 section 4.4
    if (next == protocol::kIpv6Routing && whole[kSegmentsLeft] != 0) {
      pointer = static_cast<std::uint16_t>(start + kSegmentsLeft - headers.l3_offset);
      return TranslationError::kSegmentsLeft;
    }
    next = extension->next_header;
  }
  if (next == protocol::kIpv6Fragment) {
    chain.fragment = reader.read<Ipv6FragmentHeader>();
    if (chain.fragment == nullptr) return TranslationError::kCutOff;
    next = chain.fragment->next_header;
    if (is_extension(next)) return TranslationError::kExtensionBehindFragment;
  }
  chain.protocol = next;
  chain.length = static_cast<std::uint16_t>(reader.offset() - headers.l3_offset);
  return TranslationError::kNone;
}

// RFC 7915 section 5.1 for the identification, the flags and the offset; 5.1.1 for a fragment's, and so for
// those of an atomic fragment (RFC 6946).
void set_fragment_fields(Ipv4Header& ip, const Chain& chain, be16 id) noexcept {
  if (chain.fragment == nullptr) {
    ip.id = id;
    ip.fragment =
        be16(ip.total_length.host() > kMostWithoutDf ? Ipv4Header::kDontFragment : std::uint16_t{0});
    return;
  }
  ip.id = be16(static_cast<std::uint16_t>(chain.fragment->id.host()));
  const unsigned offset_more = chain.fragment->offset_more.host();
  const unsigned more = (offset_more & 1U) != 0 ? Ipv4Header::kMoreFragments : 0U;
  ip.fragment = be16(static_cast<std::uint16_t>(offset_more / kFragmentUnit | more));
}

// Section 4.2: IGMP is for one hop. The others would be read as an extension header, or as ICMP that nobody
// translated.
constexpr bool has_no_counterpart(std::uint8_t number) noexcept {
  constexpr std::uint8_t kIgmp = 2;
  return number == kIgmp || number == protocol::kHopByHop || number == protocol::kIpv6Routing ||
         number == protocol::kIpv6Fragment || number == protocol::kIpv6Destination ||
         number == protocol::kIcmpv6;
}

template <class Header>
void put(NewHeader& into, const Header& header) noexcept {
  std::memcpy(into.bytes.data() + into.length, &header, sizeof header);
  into.length = static_cast<std::uint16_t>(into.length + sizeof header);
}

}  // namespace

TranslationError translate_to_ipv4(Bytes frame, const Headers& headers, const Ipv4Ends& ends, be16 id,
                                   NewHeader& header) noexcept {
  header.length = 0;
  Chain chain;
  if (const auto error = walk(frame, headers, chain, header.pointer); error != TranslationError::kNone)
    return error;
  if (chain.protocol == protocol::kIcmp) return TranslationError::kProtocolOfOneFamily;
  if (chain.protocol == protocol::kIcmpv6 && headers.is_fragment) return TranslationError::kFragmentedIcmp;

  const auto& before = *reinterpret_cast<const Ipv6Header*>(frame.data() + headers.l3_offset);
  Ipv4Header ip{};
  ip.version_length = 0x45;
  ip.tos = before.traffic_class();
  ip.total_length =
      be16(static_cast<std::uint16_t>(sizeof ip + headers.end_offset - headers.l3_offset - chain.length));
  set_fragment_fields(ip, chain, id);
  ip.ttl = before.hop_limit;
  ip.protocol = chain.protocol == protocol::kIcmpv6 ? protocol::kIcmp : chain.protocol;
  ip.source = ends.source;
  ip.destination = ends.destination;
  set_ipv4_checksum(ip);

  put(header, ip);
  header.replaced = chain.length;
  header.fragment_header = chain.fragment != nullptr;
  return TranslationError::kNone;
}

std::uint16_t piece_size(const Headers& headers, unsigned mtu) noexcept {
  const Piece whole = Piece::whole(headers);
  const unsigned room = mtu - static_cast<unsigned>(sizeof(Ipv6Header));
  constexpr unsigned kFragmentHeader = sizeof(Ipv6FragmentHeader);
  if (whole.length + (headers.is_fragment ? kFragmentHeader : 0U) <= room) return whole.length;
  return static_cast<std::uint16_t>((room - kFragmentHeader) / kFragmentUnit * kFragmentUnit);
}

TranslationError translate_to_ipv6(Bytes frame, const Headers& headers, const Ipv6Ends& ends, Piece piece,
                                   NewHeader& header) noexcept {
  header.length = 0;
  if (frame.size() < headers.l3_offset + sizeof(Ipv4Header)) return TranslationError::kCutOff;
  const auto& before = *reinterpret_cast<const Ipv4Header*>(frame.data() + headers.l3_offset);
  if (has_no_counterpart(before.protocol)) return TranslationError::kProtocolOfOneFamily;
  if (before.protocol == protocol::kIcmp && headers.is_fragment) return TranslationError::kFragmentedIcmp;

  const std::uint8_t next = before.protocol == protocol::kIcmp ? protocol::kIcmpv6 : before.protocol;
  const bool last = piece.offset + piece.length == Piece::whole(headers).length;
  // Section 4: a fragment header for fragments only, whatever DF says.
  header.fragment_header = headers.is_fragment || piece.to_be_cut || piece.offset != 0 || !last;
  const std::size_t fragment_bytes = header.fragment_header ? sizeof(Ipv6FragmentHeader) : 0;

  Ipv6Header ip{};
  ip.version_class_flow = be32(6U << 28 | std::uint32_t{before.tos} << 20);  // section 4.1: flow label 0
  ip.payload_length = be16(static_cast<std::uint16_t>(piece.length + fragment_bytes));
  ip.next_header = header.fragment_header ? protocol::kIpv6Fragment : next;
  ip.hop_limit = before.ttl;
  ip.source = ends.source;
  ip.destination = ends.destination;
  put(header, ip);
  if (header.fragment_header) {
    const bool more = headers.more_fragments || !last;
    const unsigned offset = unsigned{headers.fragment_offset} + piece.offset;
    Ipv6FragmentHeader fragment{};
    fragment.next_header = next;
    fragment.offset_more = be16(static_cast<std::uint16_t>(offset | (more ? 1U : 0U)));
    fragment.id = be32(before.id.host());  // the upper half is zero
    put(header, fragment);
  }
  // Section 4.1: options are ignored. A source route, which must not be, does not pass the parser.
  header.replaced = static_cast<std::uint16_t>(headers.l4_offset - headers.l3_offset);
  return TranslationError::kNone;
}

UdpChecksum udp_checksum_of(Bytes frame, const Headers& headers) noexcept {
  if (headers.protocol != protocol::kUdp || headers.later_fragment()) return UdpChecksum::kPresent;
  Reader reader(frame);
  const auto* udp = reader.skip(headers.l4_offset) ? reader.read<UdpHeader>() : nullptr;
  if (udp == nullptr || udp->checksum != be16{}) return UdpChecksum::kPresent;
  return headers.is_fragment ? UdpChecksum::kMissingInFragment : UdpChecksum::kMissing;
}

}  // namespace millrace::net
