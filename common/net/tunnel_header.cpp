// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/tunnel_header.h"

namespace millrace::net {
namespace {

constexpr std::uint8_t protocol_of(Family family) noexcept {
  return family == Family::kIpv4 ? protocol::kIpv4InIp : protocol::kIpv6InIp;
}
constexpr std::uint16_t ether_type_of(Family family) noexcept {
  return family == Family::kIpv4 ? ether_type::kIpv4 : ether_type::kIpv6;
}

// Behind the outer IP header.
constexpr unsigned shim_length(Tunnel tunnel) noexcept {
  switch (tunnel) {
    case Tunnel::kGre:
      return sizeof(GreHeader);
    case Tunnel::kGue:
      return sizeof(UdpHeader) + sizeof(GueHeader);
    case Tunnel::kEspInUdp:
      return sizeof(UdpHeader);
    case Tunnel::kEsp:
    case Tunnel::kNone:
    case Tunnel::kIpIp:
      break;
  }
  return 0;
}

constexpr std::uint8_t protocol_of(Tunnel tunnel, Family inside) noexcept {
  switch (tunnel) {
    case Tunnel::kIpIp:
      return protocol_of(inside);
    case Tunnel::kGre:
      return protocol::kGre;
    case Tunnel::kEsp:
      return protocol::kEsp;
    case Tunnel::kNone:
    case Tunnel::kGue:
    case Tunnel::kEspInUdp:
      break;
  }
  return protocol::kUdp;
}

}  // namespace

TunnelHeader::TunnelHeader(Tunnel tunnel, Family inside, const IpAddress& far_end) noexcept
    : tunnel_(tunnel), outer_ipv4_(far_end.is_v4()) {
  protocol_ = protocol_of(tunnel, inside);
  const unsigned shim = shim_length(tunnel);
  length_ = static_cast<std::uint8_t>(ip_length() + shim);
  std::uint8_t* const end = bytes_.data() + bytes_.size();
  if (tunnel == Tunnel::kGre) {
    // RFC 2784 section 2: no checksum, version 0.
    reinterpret_cast<GreHeader*>(end - sizeof(GreHeader))->protocol = be16(ether_type_of(inside));
  } else if (tunnel == Tunnel::kGue) {
    reinterpret_cast<UdpHeader*>(end - shim)->destination_port = be16(kGuePort);
    reinterpret_cast<GueHeader*>(end - sizeof(GueHeader))->protocol = protocol_of(inside);
  }
  constexpr std::uint8_t kTtl = kTunnelTtl + 1;
  if (outer_ipv4_) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(end - length_);
    ip.version_length = 0x45;
    ip.ttl = kTtl;
    ip.protocol = protocol_;
    ip.destination = far_end.v4();
    sum_ = fold(sum_object(ip));
  } else {
    auto& ip = *reinterpret_cast<Ipv6Header*>(end - length_);
    ip.next_header = protocol_;
    ip.hop_limit = kTtl;
    ip.destination = far_end.v6();
  }
}

void TunnelHeader::set_source(const IpAddress& source) noexcept {
  std::uint8_t* const begin = bytes_.data() + bytes_.size() - length_;
  if (outer_ipv4_) {
    auto& ip = *reinterpret_cast<Ipv4Header*>(begin);
    ip.source = source.v4();
    sum_ = fold(ChecksumSum{sum_} + ip.source.value.wire());
  } else {
    reinterpret_cast<Ipv6Header*>(begin)->source = source.v6();
  }
}

void TunnelHeader::set_ports(be16 source, be16 destination) noexcept {
  auto& udp = *reinterpret_cast<UdpHeader*>(bytes_.data() + bytes_.size() - sizeof(UdpHeader));
  udp.source_port = source;
  udp.destination_port = destination;
}

bool find_inside(Bytes frame, const Headers& outer, Headers& inner) noexcept {
  const Tunnel tunnel = outer.protocol == protocol::kGre   ? Tunnel::kGre
                        : outer.protocol == protocol::kUdp ? Tunnel::kGue
                                                           : Tunnel::kIpIp;
  const std::size_t at = std::size_t{outer.l4_offset} + shim_length(tunnel);
  if (at >= frame.size()) return false;
  std::uint8_t next = outer.protocol;
  if (tunnel == Tunnel::kGre) {
    const auto& gre = *reinterpret_cast<const GreHeader*>(frame.data() + at - sizeof(GreHeader));
    if (gre.flags_version != be16{}) return false;
    if (gre.protocol == be16(ether_type::kIpv4)) next = protocol::kIpv4InIp;
    if (gre.protocol == be16(ether_type::kIpv6)) next = protocol::kIpv6InIp;
  } else if (tunnel == Tunnel::kGue) {
    const auto& gue = *reinterpret_cast<const GueHeader*>(frame.data() + at - sizeof(GueHeader));
    if (outer.destination_port != be16(kGuePort) || gue.variant_length != 0 || gue.flags != be16{})
      return false;
    next = gue.protocol;
  }
  if (next != protocol::kIpv4InIp && next != protocol::kIpv6InIp) return false;
  inner.family = next == protocol::kIpv4InIp ? 4 : 6;
  inner.l3_offset = static_cast<std::uint16_t>(at);
  return true;
}

std::uint8_t* add_fragment_header(std::uint8_t* ip, std::uint32_t id) noexcept {
  std::uint8_t* const to = ip - TunnelHeader::kFragmentBytes;
  std::memmove(to, ip, sizeof(Ipv6Header));
  auto& header = *reinterpret_cast<Ipv6Header*>(to);
  auto& fragment = *reinterpret_cast<Ipv6FragmentHeader*>(to + sizeof header);
  fragment = {.next_header = header.next_header, .reserved = 0, .offset_more = be16{}, .id = be32(id)};
  header.next_header = protocol::kIpv6Fragment;
  header.payload_length =
      be16(static_cast<std::uint16_t>(header.payload_length.host() + TunnelHeader::kFragmentBytes));
  return to;
}

void rewrite_for_segment(std::uint8_t* ip, unsigned length, unsigned inside, unsigned index) noexcept {
  std::uint8_t next = 0;
  std::uint8_t* behind = nullptr;
  if (ip[0] >> 4 == 4) {
    auto& header = *reinterpret_cast<Ipv4Header*>(ip);
    header.total_length = be16(static_cast<std::uint16_t>(length + inside));
    if ((header.fragment.host() & Ipv4Header::kDontFragment) == 0)
      header.id = be16(static_cast<std::uint16_t>(header.id.host() + index));
    set_ipv4_checksum(header);
    next = header.protocol;
    behind = ip + sizeof header;
  } else {
    auto& header = *reinterpret_cast<Ipv6Header*>(ip);
    header.payload_length = be16(static_cast<std::uint16_t>(length - sizeof header + inside));
    next = header.next_header;
    behind = ip + sizeof header;
  }
  if (next != protocol::kUdp) return;
  const auto before = static_cast<unsigned>(behind - ip);
  reinterpret_cast<UdpHeader*>(behind)->length = be16(static_cast<std::uint16_t>(length - before + inside));
}

}  // namespace millrace::net
