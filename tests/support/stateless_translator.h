// SPDX-License-Identifier: BSD-3-Clause
// A translator without state put together from the functions of common/net, for whole packets that begin with
// their IP header. To those of IPv6 the hosts of IPv4 are 2001:db8:64::/96; to those of IPv4 the host
// 2001:db8:1::1 is 198.51.100.1. It routes nothing: the TTL stays.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/net/icmp.h"
#include "common/net/translate_icmp_error.h"
#include "common/net/translation_prefix.h"
#include "tests/support/packet_builder.h"

namespace millrace::net {

inline constexpr const char* kClient6 = "2001:db8:1::1";
inline constexpr const char* kClient4 = "198.51.100.1";
inline constexpr const char* kServer6 = "2001:db8:64::cb00:7109";
inline constexpr const char* kServer4 = "203.0.113.9";

inline testing::PacketBuilder client4() { return testing::packet().ipv4(kClient4, kServer4); }
inline testing::PacketBuilder client6() { return testing::packet().ipv6(kClient6, kServer6); }
inline testing::PacketBuilder server4() { return testing::packet().ipv4(kServer4, kClient4); }
inline testing::PacketBuilder server6() { return testing::packet().ipv6(kServer6, kClient6); }

inline Ipv6Address address6(Ipv4Address address) {
  static const TranslationPrefix prefix = *TranslationPrefix::of(*Prefix::parse("2001:db8:64::/96"));
  return address == *Ipv4Address::parse(kClient4) ? *Ipv6Address::parse(kClient6) : prefix.embed(address);
}
inline Ipv4Address address4(const Ipv6Address& address) {
  static const TranslationPrefix prefix = *TranslationPrefix::of(*Prefix::parse("2001:db8:64::/96"));
  return address == *Ipv6Address::parse(kClient6) ? *Ipv4Address::parse(kClient4) : prefix.extract(address);
}
inline Ipv6Ends ends6(const Ipv4Header& ip) { return {address6(ip.source), address6(ip.destination)}; }
inline Ipv4Ends ends4(const Ipv6Header& ip) { return {address4(ip.source), address4(ip.destination)}; }

template <class Header>
const Header& header_at(const testing::Frame& packet, std::size_t at = 0) {
  return *reinterpret_cast<const Header*>(packet.data() + at);
}

// Of a packet that begins with its IP header; family 0 when the parser refuses it.
inline Headers headers_of(std::span<const std::uint8_t> packet, std::size_t l3 = 0, bool truncated = false) {
  Headers headers;
  headers.l3_offset = static_cast<std::uint16_t>(l3);
  headers.family = (l3 < packet.size() ? packet[l3] >> 4U : 0U) & 0xfU;
  const IpParseOptions options{.check_ipv4_checksum = !truncated, .truncated = truncated};
  return parse_ip(packet, packet.size(), headers, options) == ParseError::kNone ? headers : Headers{};
}

// The new header and what is behind the old one.
inline testing::Frame with_header(const testing::Frame& packet, const Headers& headers,
                                  const NewHeader& header) {
  testing::Frame out(header.bytes.begin(), header.bytes.begin() + header.length);
  out.insert(out.end(), packet.begin() + headers.l3_offset + header.replaced,
             packet.begin() + headers.end_offset);
  return out;
}

// Empty when the packet is to be dropped.
inline testing::Frame to_ipv6(const testing::Frame& packet, NextHopMtus mtus = {1500, 1500}) {
  const Headers headers = headers_of(packet);
  if (!headers.is_ipv4()) return {};
  const Ipv6Ends ends = ends6(header_at<Ipv4Header>(packet));
  if (is_icmp_error(headers)) {
    const std::size_t at = headers.l4_offset + sizeof(IcmpHeader);
    const Headers quoted = headers_of(packet, at, true);
    if (!quoted.is_ipv4()) return {};
    std::array<std::uint8_t, kMostIcmpv6Error> out;
    out.fill(0xee);
    const QuotedAs<Ipv6Ends> as{ends6(header_at<Ipv4Header>(packet, at)), quoted.source_port,
                                quoted.destination_port};
    const std::size_t length = translate_error_to_ipv6({packet, headers, quoted, mtus}, ends, as, out);
    return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length)};
  }
  NewHeader header;
  if (translate_to_ipv6(packet, headers, ends, header) != TranslationError::kNone) return {};
  testing::Frame out = with_header(packet, headers, header);
  if (headers.later_fragment()) return out;
  std::uint8_t* l4 = out.data() + header.length;
  const auto length = static_cast<std::uint32_t>(out.size() - header.length);
  if (headers.protocol == protocol::kIcmp) {
    auto& icmp = *reinterpret_cast<IcmpHeader*>(l4);
    return translate_echo_to_ipv6(icmp, length, ends, icmp.id) ? out : testing::Frame{};
  }
  const UdpChecksum checksum = udp_checksum_of(packet, headers);
  if (checksum == UdpChecksum::kMissingInFragment) return {};
  if (checksum == UdpChecksum::kMissing)
    set_transport_checksum(out, headers_of(out));
  else
    change_transport_checksum(l4, headers.protocol,
                              address_change(Ipv4Ends::of(header_at<Ipv4Header>(packet)), ends));
  return out;
}

inline testing::Frame to_ipv4(const testing::Frame& packet, be16 id = {}, NextHopMtus mtus = {1500, 1500}) {
  const Headers headers = headers_of(packet);
  if (!headers.is_ipv6()) return {};
  const Ipv6Ends before = Ipv6Ends::of(header_at<Ipv6Header>(packet));
  const Ipv4Ends ends = ends4(header_at<Ipv6Header>(packet));
  if (is_icmp_error(headers)) {
    const std::size_t at = headers.l4_offset + sizeof(IcmpHeader);
    const Headers quoted = headers_of(packet, at, true);
    if (!quoted.is_ipv6()) return {};
    std::array<std::uint8_t, kMostIcmpv4Error> out;
    out.fill(0xee);
    const QuotedAs<Ipv4Ends> as{ends4(header_at<Ipv6Header>(packet, at)), quoted.source_port,
                                quoted.destination_port};
    const std::size_t length = translate_error_to_ipv4({packet, headers, quoted, mtus}, ends, id, as, out);
    return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length)};
  }
  NewHeader header;
  if (translate_to_ipv4(packet, headers, ends, id, header) != TranslationError::kNone) return {};
  testing::Frame out = with_header(packet, headers, header);
  if (headers.later_fragment()) return out;
  std::uint8_t* l4 = out.data() + header.length;
  if (headers.protocol == protocol::kIcmpv6) {
    auto& icmp = *reinterpret_cast<IcmpHeader*>(l4);
    const auto length = static_cast<std::uint32_t>(out.size() - header.length);
    return translate_echo_to_ipv4(icmp, length, before, icmp.id) ? out : testing::Frame{};
  }
  change_transport_checksum(l4, headers.protocol, address_change(before, ends));
  return out;
}

}  // namespace millrace::net
