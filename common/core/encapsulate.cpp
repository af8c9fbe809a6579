// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/encapsulate.h"

#include "common/core/chain_sum.h"
#include "common/core/link_header.h"
#include "common/net/transport.h"

namespace millrace::core {
namespace {

using net::EthernetHeader;
using net::Ipv4Header;
using net::Ipv6Header;

template <class Word>
Word load(const std::uint8_t* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

bool has_ports(std::uint8_t protocol) noexcept {
  return protocol == net::protocol::kTcp || protocol == net::protocol::kUdp ||
         protocol == net::protocol::kSctp;
}

// What the headers inside tell: of datagrams the flow, of other frames who talks to whom.
struct Told {
  std::uint64_t flow;
  std::uint8_t traffic_class;
};

Told read_ipv4(const std::uint8_t* l3, unsigned present) noexcept {
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(l3);
  std::uint64_t flow = _mm_crc32_u64(ip.protocol, load<std::uint64_t>(l3 + offsetof(Ipv4Header, source)));
  constexpr std::uint16_t kAnyFragment = Ipv4Header::kMoreFragments | Ipv4Header::kOffsetMask;
  const unsigned l4 = ip.header_length();
  if (has_ports(ip.protocol) && (ip.fragment.host() & kAnyFragment) == 0 && l4 + 4 <= present)
    flow = _mm_crc32_u64(flow, load<std::uint32_t>(l3 + l4));
  return {flow, ip.tos};
}

Told read_ipv6(const std::uint8_t* l3, unsigned present) noexcept {
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(l3);
  std::uint64_t flow = ip.next_header;
  for (unsigned at = offsetof(Ipv6Header, source); at < sizeof ip; at += 8)
    flow = _mm_crc32_u64(flow, load<std::uint64_t>(l3 + at));
  if (has_ports(ip.next_header) && sizeof ip + 4 <= present)
    flow = _mm_crc32_u64(flow, load<std::uint32_t>(l3 + sizeof ip));
  return {flow, ip.traffic_class()};
}

Told read_frame(const std::uint8_t* frame, unsigned present) noexcept {
  const auto type = reinterpret_cast<const EthernetHeader*>(frame)->type;
  const std::uint8_t* l3 = frame + sizeof(EthernetHeader);
  const unsigned left = present - static_cast<unsigned>(sizeof(EthernetHeader));
  if (type == be16(net::ether_type::kIpv4) && left >= sizeof(Ipv4Header)) [[likely]]
    return read_ipv4(l3, left);
  if (type == be16(net::ether_type::kIpv6) && left >= sizeof(Ipv6Header)) return read_ipv6(l3, left);
  return {_mm_crc32_u64(load<std::uint64_t>(frame), load<std::uint32_t>(frame + 8)), 0};
}

// The sum over a frame, from the datagram's own checksums where they are there and right: what a TCP or UDP
// datagram and its pseudo-header add up to is known, and the header of IPv4 adds up to nothing.
net::ChecksumSum sum_inside(const rte_mbuf& mbuf, unsigned offset, bool ethernet) noexcept {
  const auto* frame = rte_pktmbuf_mtod(&mbuf, const std::uint8_t*) + offset;
  const unsigned link = ethernet ? sizeof(EthernetHeader) : 0;
  const unsigned length = mbuf.pkt_len - offset;
  net::Headers headers;
  headers.l3_offset = static_cast<std::uint16_t>(link);
  const be16 type = ethernet ? reinterpret_cast<const EthernetHeader*>(frame)->type : be16{};
  const bool ip =
      ethernet ? type == be16(net::ether_type::kIpv4) || type == be16(net::ether_type::kIpv6) : true;
  const unsigned version = frame[link] >> 4U;
  headers.family = version == 4 ? 4 : 6;
  const Bytes present(frame, mbuf.data_len - offset);
  const bool read =
      ip && (version == 4 || version == 6) &&
      net::parse_ip(present, length, headers, {.check_ipv4_checksum = false}) == net::ParseError::kNone;
  const std::uint8_t* l4 = frame + headers.l4_offset;
  const bool known = read && !headers.is_fragment && headers.end_offset == length &&
                     net::has_transport_checksum(headers.protocol) && headers.has_ports &&
                     headers.l4_offset % 2 == 0 &&
                     net::transport_length(headers, l4) == headers.end_offset - unsigned{headers.l4_offset} &&
                     load<be16>(l4 + (headers.protocol == net::protocol::kTcp ? 16 : 6)) != be16{} &&
                     net::addresses_are_final(present, headers);
  if (!known) return sum_of_chain(&mbuf, offset, length);
  const unsigned transport = headers.end_offset - unsigned{headers.l4_offset};
  const std::uint16_t pseudo = net::fold(net::pseudo_header(headers, frame + link, transport));
  return net::sum_bytes(present.first(headers.l4_offset)) + static_cast<std::uint16_t>(~pseudo);
}

// `udp` stands behind the outer IPv6 header; the frame begins `inner` bytes into the buffer.
void write_checksum(const rte_mbuf& mbuf, std::uint8_t* l3, unsigned inner, bool ethernet) noexcept {
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(l3);
  auto& udp = *reinterpret_cast<net::UdpHeader*>(l3 + sizeof ip);
  const auto* begin = reinterpret_cast<const std::uint8_t*>(&udp);
  const auto* frame = rte_pktmbuf_mtod(&mbuf, const std::uint8_t*) + inner;
  const net::ChecksumSum sum =
      net::sum_bytes(Bytes(begin, frame)) + sum_inside(mbuf, inner, ethernet) +
      net::pseudo_header(ip.source, ip.destination, net::protocol::kUdp, udp.length.host());
  udp.checksum = net::finish_transport(sum, net::protocol::kUdp);
}

}  // namespace

bool encapsulate(rte_mbuf& mbuf, const OverlayWay& way) noexcept {
  if (rte_pktmbuf_headroom(&mbuf) < net::OverlayOuter::kMostBytes) [[unlikely]]
    return false;
  auto* frame = rte_pktmbuf_mtod(&mbuf, std::uint8_t*);
  const Told told = read_frame(frame, mbuf.data_len);
  const unsigned link = way.ethernet ? 0 : sizeof(EthernetHeader);
  std::uint8_t* inner = frame + link;
  std::uint8_t* l3 = way.outer.write(
      inner,
      {.length = mbuf.pkt_len - link,
       .traffic_class = static_cast<std::uint8_t>((told.traffic_class & way.kept_class) | way.own_class),
       .flow = static_cast<std::uint32_t>(told.flow),
       .ipv4 = inner[0] >> 4U == 4});
  const auto grown = static_cast<unsigned>(frame - (l3 - way.outer.link_length()));
  grow_front(mbuf, grown);
  if (way.checksum) write_checksum(mbuf, l3, grown + link, way.ethernet);
  return true;
}

}  // namespace millrace::core
