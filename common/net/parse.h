// SPDX-License-Identifier: BSD-3-Clause
// From bytes to offsets: where each header of a frame begins, and the few fields every stage asks for.
// Everything is checked against the bytes present; nothing is copied but those fields. No DPDK, no
// allocation.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "common/base/reader.h"
#include "common/net/checksum.h"
#include "common/net/wire.h"

namespace millrace::net {

enum class ParseError : std::uint8_t {
  kNone,
  kShortFrame,        // no whole Ethernet header, or a tag cut off
  kTooManyTags,       // more than an S-tag and a C-tag
  kUnknownType,       // neither ARP, IPv4 nor IPv6 behind the tags
  kBadArp,            // too short, or not for Ethernet and IPv4
  kBadIpv4Header,     // wrong version, header length, or cut off
  kBadIpv4Length,     // total length under the header's or over the frame's
  kBadIpv4Checksum,   //
  kBadIpv4Options,    // an option that overruns, or source routing (RFC 7126 section 4.3, 4.4)
  kBadIpv6Header,     // wrong version or cut off
  kBadIpv6Length,     // payload length over the frame's
  kBadIpv6Extension,  // chain cut off, too long, hop-by-hop not first, or routing header 0 (RFC 5095)
  kBadFragment,       // impossible offset or length
  kShortTransport,    // the transport header is cut off
  kBadTcpHeader,      // data offset under 5 or over the segment
  kBadUdpLength,      // length under 8 or over the datagram
};

// Offsets count from the first byte of the frame. 24 bytes of the packet's one cache line of metadata.
struct Headers {
  std::uint16_t l3_offset = 0;
  std::uint16_t l4_offset = 0;       // past extension headers; equals end_offset when there is none
  std::uint16_t payload_offset = 0;  // past the transport header
  std::uint16_t end_offset = 0;      // past the IP datagram: Ethernet padding is not part of it
  be16 source_port;                  // ICMP queries carry their identifier in both
  be16 destination_port;
  std::uint16_t fragment_offset = 0;  // bytes
  std::uint16_t outer_vlan = 0;       // id of the first tag, 0 when none
  std::uint16_t inner_vlan = 0;       // id of the second tag
  std::uint8_t protocol = 0;          // the upper-layer protocol, past IPv6 extension headers
  std::uint8_t tcp_flags = 0;         // or the ICMP type
  std::uint8_t icmp_code = 0;
  std::uint8_t family : 4 = 0;  // 4, 6; kArp; kOther
  bool is_fragment : 1 = false;
  bool more_fragments : 1 = false;
  bool has_ports : 1 = false;  // TCP, UDP, SCTP ports or an ICMP query's identifier were read
  bool tagged : 1 = false;

  static constexpr std::uint8_t kArp = 1;
  static constexpr std::uint8_t kOther = 2;  // set by who accepts a frame that is ParseError::kUnknownType

  [[nodiscard]] std::uint8_t icmp_type() const noexcept { return tcp_flags; }
  [[nodiscard]] bool is_ipv4() const noexcept { return family == 4; }
  [[nodiscard]] bool is_ipv6() const noexcept { return family == 6; }
  [[nodiscard]] bool first_fragment() const noexcept { return is_fragment && fragment_offset == 0; }
  [[nodiscard]] bool later_fragment() const noexcept { return fragment_offset != 0; }
  [[nodiscard]] std::uint16_t payload_length() const noexcept {
    return static_cast<std::uint16_t>(end_offset - payload_offset);
  }
};

// Reads the IP datagram at `headers.l3_offset`, whose family is set. Also used for the packet inside an ICMP
// error, where `truncated` allows the datagram to be longer than the bytes at hand.
struct IpParseOptions {
  bool check_ipv4_checksum = true;
  bool truncated = false;
};
[[nodiscard]] ParseError parse_ip(Bytes frame, std::size_t frame_length, Headers& headers,
                                  IpParseOptions options) noexcept;

// Reads tags and what lies behind them when the fast path below does not apply.
[[nodiscard]] ParseError parse_frame_slow(Bytes frame, std::size_t frame_length, Headers& headers,
                                          IpParseOptions options) noexcept;

namespace detail {

// TCP, UDP or ESP right behind an IP header right behind an Ethernet header, in a datagram that ends at
// `end`. False for anything out of the ordinary.
template <class IpHeader>
[[nodiscard, gnu::always_inline]] inline bool parse_transport(Bytes frame, std::size_t end,
                                                              std::uint8_t protocol,
                                                              Headers& headers) noexcept {
  constexpr std::size_t kL4 = sizeof(EthernetHeader) + sizeof(IpHeader);
  std::size_t payload = kL4 + sizeof(UdpHeader);
  std::uint8_t tcp_flags = 0;
  if (protocol == protocol::kTcp && frame.size() >= kL4 + sizeof(TcpHeader)) {
    const auto& tcp = *reinterpret_cast<const TcpHeader*>(frame.data() + kL4);
    payload = kL4 + tcp.header_length();
    if (tcp.header_length() < sizeof tcp || payload > end || payload > frame.size()) return false;
    tcp_flags = tcp.flags;
  } else if (protocol == protocol::kUdp) {
    const std::size_t length = reinterpret_cast<const UdpHeader*>(frame.data() + kL4)->length.host();
    if (length < sizeof(UdpHeader) || kL4 + length > end) return false;
  } else if (protocol == protocol::kEsp && end >= kL4) {
    headers.l3_offset = sizeof(EthernetHeader);
    headers.l4_offset = headers.payload_offset = kL4;
    headers.end_offset = static_cast<std::uint16_t>(end);
    headers.protocol = protocol;
    headers.family = std::is_same_v<IpHeader, Ipv4Header> ? 4 : 6;
    return true;
  } else {
    return false;
  }
  const auto& ports = *reinterpret_cast<const UdpHeader*>(frame.data() + kL4);
  headers.l3_offset = sizeof(EthernetHeader);
  headers.l4_offset = kL4;
  headers.payload_offset = static_cast<std::uint16_t>(payload);
  headers.end_offset = static_cast<std::uint16_t>(end);
  headers.source_port = ports.source_port;
  headers.destination_port = ports.destination_port;
  headers.protocol = protocol;
  headers.tcp_flags = tcp_flags;
  headers.family = std::is_same_v<IpHeader, Ipv4Header> ? 4 : 6;
  headers.has_ports = true;
  return true;
}

}  // namespace detail

// Reads one Ethernet frame. `frame` is its contiguous first segment, `frame_length` its whole length;
// `headers` is as constructed. On an error `headers` holds what was read before it.
[[nodiscard]] inline ParseError parse_frame(Bytes frame, std::size_t frame_length, Headers& headers,
                                            IpParseOptions options) noexcept {
  // Nearly all traffic: an untagged whole datagram without options or extension headers, carrying TCP or UDP.
  constexpr std::size_t kL3 = sizeof(EthernetHeader);
  constexpr std::size_t kIpv4L4 = kL3 + sizeof(Ipv4Header);
  constexpr std::size_t kIpv6L4 = kL3 + sizeof(Ipv6Header);
  if (frame.size() >= kIpv4L4 + sizeof(UdpHeader)) [[likely]] {
    const be16 type = reinterpret_cast<const EthernetHeader*>(frame.data())->type;
    if (type == be16(ether_type::kIpv4)) {
      const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame.data() + kL3);
      const std::size_t end = kL3 + ip.total_length.host();
      const bool whole =
          (ip.fragment.wire() & be16(Ipv4Header::kMoreFragments | Ipv4Header::kOffsetMask).wire()) == 0;
      if (ip.version_length == 0x45 && whole && end <= frame_length && end <= 0xffff && !options.truncated &&
          (!options.check_ipv4_checksum || ipv4_checksum_ok(ip)) &&
          detail::parse_transport<Ipv4Header>(frame, end, ip.protocol, headers)) [[likely]]
        return ParseError::kNone;
    } else if (type == be16(ether_type::kIpv6) && frame.size() >= kIpv6L4 + sizeof(UdpHeader)) {
      const auto& ip = *reinterpret_cast<const Ipv6Header*>(frame.data() + kL3);
      const std::size_t end = kIpv6L4 + ip.payload_length.host();
      if (ip.version() == 6 && end <= frame_length && end <= 0xffff && !options.truncated &&
          detail::parse_transport<Ipv6Header>(frame, end, ip.next_header, headers)) [[likely]]
        return ParseError::kNone;
    }
  }
  return parse_frame_slow(frame, frame_length, headers, options);
}

}  // namespace millrace::net
