// SPDX-License-Identifier: BSD-3-Clause
// IP headers of one family for those of the other, and what that does to transport checksums (RFC 7915
// sections 4.1, 4.5, 5.1 and 5.5). Which addresses take the place of which is the caller's to say, and the
// TTL is its to lower. Data path. Packets are as parse.h has accepted them, their IP headers in one piece.
#pragma once

#include <array>
#include <cstdint>

#include "common/net/checksum.h"
#include "common/net/parse.h"
#include "common/net/transport.h"
#include "common/net/wire.h"

namespace millrace::net {

struct Ipv4Ends {
  Ipv4Address source;
  Ipv4Address destination;

  static Ipv4Ends of(const Ipv4Header& ip) noexcept { return {ip.source, ip.destination}; }
};

struct Ipv6Ends {
  Ipv6Address source;
  Ipv6Address destination;

  static Ipv6Ends of(const Ipv6Header& ip) noexcept { return {ip.source, ip.destination}; }
};

// How much longer headers of IPv6 are than those of IPv4, in bytes, without and with a fragment header.
inline constexpr unsigned kIpv6Growth = sizeof(Ipv6Header) - sizeof(Ipv4Header);
inline constexpr unsigned kIpv6GrowthOfFragment = kIpv6Growth + sizeof(Ipv6FragmentHeader);

// RFC 7915 section 5: what any IPv6 link would have carried is to be cut by IPv4 routers where they must.
inline constexpr unsigned kMostWithoutDf = 1260;  // bytes of the IPv4 packet

enum class TranslationError : std::uint8_t {
  kNone,
  kSegmentsLeft,             // a routing header at work: parameter problem, code 0, at NewHeader::pointer
  kExtensionBehindFragment,  // what a fragment's header says would not be true of the IPv4 fragment
  kFragmentedIcmp,           // its checksum covers bytes that are elsewhere (RFC 7915 section 1.2)
  kProtocolOfOneFamily,      // IGMP, or a number that means something else in the other family
  kCutOff,                   // the headers end before the parser's l4_offset
};

// The header that takes the place of `replaced` bytes at the packet's l3_offset.
struct NewHeader {
  std::array<std::uint8_t, sizeof(Ipv6Header) + sizeof(Ipv6FragmentHeader)> bytes;
  std::uint16_t length = 0;
  std::uint16_t replaced = 0;
  std::uint16_t pointer = 0;     // with kSegmentsLeft: that field, in bytes from the IP header's first
  bool fragment_header = false;  // the IPv6 packet has one, whichever of the two it is
};

// The IPv4 header for an IPv6 packet. `id` is for one that brings no identification in a fragment header: no
// other packet between these ends and of this protocol has it for some time (RFC 6864 section 4.3).
[[nodiscard]] TranslationError translate_to_ipv4(Bytes frame, const Headers& headers, const Ipv4Ends& ends,
                                                 be16 id, NewHeader& header) noexcept;

// A part of what an IP header carries, in bytes from its first.
struct Piece {
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
  bool to_be_cut = false;  // with a fragment header, though it be the whole

  // All that the header of an IPv4 packet carries.
  static Piece whole(const Headers& headers) noexcept {
    return {.offset = 0, .length = static_cast<std::uint16_t>(headers.end_offset - headers.l4_offset)};
  }
};

// RFC 7915 section 4.1: how much of an IPv4 packet without DF one IPv6 packet of at most `mtu` bytes holds:
// all of it, or else what each fragment but the last has. `mtu`, 1280 or more, is lowest-ipv6-mtu.
[[nodiscard]] std::uint16_t piece_size(const Headers& headers, unsigned mtu) noexcept;

// The IPv6 header for an IPv4 packet, or for a piece of it, whose length is a multiple of 8 unless it is the
// last.
[[nodiscard]] TranslationError translate_to_ipv6(Bytes frame, const Headers& headers, const Ipv6Ends& ends,
                                                 Piece piece, NewHeader& header) noexcept;
[[nodiscard]] inline TranslationError translate_to_ipv6(Bytes frame, const Headers& headers,
                                                        const Ipv6Ends& ends, NewHeader& header) noexcept {
  return translate_to_ipv6(frame, headers, ends, Piece::whole(headers), header);
}

// What other addresses add to a sum over a pseudo-header; its other fields stay.
[[nodiscard]] inline ChecksumSum address_change(const Ipv4Ends& before, const Ipv6Ends& after) noexcept {
  return difference(sum_object(before), sum_object(after));
}
[[nodiscard]] inline ChecksumSum address_change(const Ipv6Ends& before, const Ipv4Ends& after) noexcept {
  return difference(sum_object(before), sum_object(after));
}

// RFC 7915 sections 4.5, 5.5: the TCP or UDP checksum after its pseudo-header, and maybe its ports, changed.
// Not of a later fragment, which has none. Other transports pass as they are.
inline void change_transport_checksum(std::uint8_t* l4, std::uint8_t transport, ChecksumSum change) noexcept {
  if (!has_transport_checksum(transport)) return;
  be16& field = transport_checksum(l4, transport);
  if (transport == protocol::kUdp && field == be16{}) return;
  field = finish_transport(static_cast<std::uint16_t>(~field.wire()) + change, transport);
}

// RFC 7915 section 4.5: UDP in IPv4 may lack a checksum, in IPv6 it may not.
enum class UdpChecksum : std::uint8_t {
  kPresent,            // or not UDP, or in another fragment
  kMissing,            // drop it, or compute one (set_transport_checksum), as the administrator says
  kMissingInFragment,  // a first fragment: to be dropped
};
[[nodiscard]] UdpChecksum udp_checksum_of(Bytes frame, const Headers& headers) noexcept;

}  // namespace millrace::net
