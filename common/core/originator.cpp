// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/originator.h"

#include <algorithm>

#include "common/core/note.h"
#include "common/core/service_frame.h"
#include "common/net/checksum.h"

namespace millrace::core {
namespace {

using net::IcmpHeader;
using net::Ipv4Header;
using net::Ipv6Header;

// RFC 1812 section 4.3.2.3: as much of the packet as fits 576 bytes. RFC 4443 section 2.4(c): the minimum
// MTU.
constexpr unsigned kMaxIpv4Error = 576;
constexpr unsigned kMaxIpv6Error = 1280;
constexpr std::uint8_t kDefaultTtl = 64;

bool is_icmp_error(const Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.protocol == net::protocol::kIcmp) return !headers.has_ports;
  return headers.protocol == net::protocol::kIcmpv6 &&
         (headers.icmp_type() < net::icmpv6::kEchoRequest || headers.icmp_type() == net::icmpv6::kRedirect);
}

}  // namespace

bool has_single_ends(const Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  if (packet.link_broadcast) return false;
  if (headers.is_ipv4()) {
    const auto& ip = packet.l3_as<Ipv4Header>();
    const std::uint32_t source = ip.source.value.host();
    return source != 0 && source >> 24 != 127 && source < 0xe0000000U &&
           ip.destination.value.host() < 0xe0000000U;
  }
  if (!headers.is_ipv6()) return false;
  const auto& ip = packet.l3_as<Ipv6Header>();
  return !ip.source.is_multicast() && !(ip.source == net::Ipv6Address{}) && !ip.destination.is_multicast();
}

// RFC 1812 section 4.3.2.7, RFC 4443 section 2.4(e): never about an error, a later fragment, a packet to a
// group, or one whose sender is no single host; nor about one of our own, which nobody asked for,
// or one that was given other addresses, which its sender would not know again.
bool Originator::may_be_answered(const Packet& packet) noexcept {
  return !packet.made_here && !packet.rewritten && !packet.headers.later_fragment() &&
         !is_icmp_error(packet) && has_single_ends(packet);
}

Packet* Originator::allocate(net::Family family, unsigned length) noexcept {
  if (batch_.full()) return nullptr;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  if (mbuf == nullptr) return nullptr;
  constexpr auto kL3 = static_cast<std::uint16_t>(sizeof(net::EthernetHeader));
  if (rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(kL3 + length)) == nullptr) {
    rte_pktmbuf_free(mbuf);
    return nullptr;
  }
  counters_->originated.add(1);
  Packet& packet = batch_.add(mbuf);
  packet.headers.l3_offset = kL3;
  packet.headers.l4_offset = static_cast<std::uint16_t>(
      kL3 + (family == net::Family::kIpv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header)));
  packet.headers.end_offset = static_cast<std::uint16_t>(kL3 + length);
  packet.headers.family = static_cast<std::uint8_t>(family) & 0xfU;
  packet.made_here = true;
  auto& ethernet = *reinterpret_cast<net::EthernetHeader*>(packet.bytes());
  ethernet = {};
  ethernet.type = be16(family == net::Family::kIpv4 ? net::ether_type::kIpv4 : net::ether_type::kIpv6);
  return &packet;
}

namespace {

// It leaves by the port its cause came in by, tags and addresses turned round.
void turn_round(Packet& packet, const Packet& cause) noexcept {
  const int shift = cause.headers.l3_offset - int{packet.headers.l3_offset};
  rte_mbuf& mbuf = *packet.mbuf;
  mbuf.data_off = static_cast<std::uint16_t>(mbuf.data_off - shift);
  mbuf.data_len = static_cast<std::uint16_t>(mbuf.data_len + shift);
  mbuf.pkt_len = mbuf.data_len;
  for (std::uint16_t* offset :
       {&packet.headers.l3_offset, &packet.headers.l4_offset, &packet.headers.end_offset})
    *offset = static_cast<std::uint16_t>(*offset + shift);
  std::memcpy(packet.bytes(), cause.bytes(), cause.headers.l3_offset);
  auto& ethernet = *reinterpret_cast<net::EthernetHeader*>(packet.bytes());
  std::swap(ethernet.source, ethernet.destination);
}

}  // namespace

Packet* Originator::make(net::Family family, unsigned length, const Packet& back_to,
                         const Network& network) noexcept {
  Packet* packet = allocate(family, length);
  if (packet == nullptr) return nullptr;
  packet->domain = back_to.domain;
  packet->port = back_to.port;
  packet->ingress = back_to.ingress;
  if (network.forwarding == Forwarding::kTransparent) {
    turn_round(*packet, back_to);
    packet->next_hop = network.wire_back[back_to.port.value()];
  } else if (const ServicePath* path = network.service_of(back_to.ingress); path != nullptr) {
    if (!keep_answer(*packet, back_to, network)) {
      batch_.drop(*packet, Drop::kNoRoute);
      return packet;
    }
    turn_round(*packet, back_to);
    packet->next_hop = path->back;
  }
  return packet;
}

// By now the batch holds at most one burst: those that come back.
void Originator::resume(rte_mbuf* mbuf, const Network& network) noexcept {
  Packet& packet = batch_.add(mbuf);
  const Note& with = note(mbuf);
  static_cast<void>(net::parse_frame(packet.first_segment(), mbuf->pkt_len, packet.headers, {}));
  packet.port = with.port;
  packet.made_here = true;
  if (with.interface.value() < network.interfaces.size())
    packet.domain = network.interfaces[with.interface.value()].domain;
}

void Originator::icmp_error(const Packet& packet, const Network& network, Error v4, Error v6) noexcept {
  if (!may_be_answered(packet)) return;
  const unsigned present = packet.mbuf->data_len - unsigned{packet.headers.l3_offset};
  make_error(packet, {packet.l3(), std::min(packet.ip_length(), present)}, network,
             packet.headers.is_ipv4() ? v4 : v6);
}

void Originator::icmp_error(const Remembered& packet, const Network& network, Error v4, Error v6) noexcept {
  const bool ipv4 = packet.datagram[0] >> 4 == 4;
  Packet about;
  about.port = packet.port;
  about.ingress = packet.ingress;
  about.domain = packet.domain;
  about.headers.family = static_cast<std::uint8_t>(ipv4 ? net::Family::kIpv4 : net::Family::kIpv6) & 0xfU;
  make_error(about, packet.datagram, network, ipv4 ? v4 : v6);
}

// `datagram`: what is there of it; the error quotes as much of that as may be.
void Originator::make_error(const Packet& about, Bytes datagram, const Network& network,
                            Error what) noexcept {
  if (!errors_.take(batch_.now)) {
    counters_->originated_suppressed.add(1);
    return;
  }
  const bool ipv4 = about.headers.is_ipv4();
  const net::Family family = ipv4 ? net::Family::kIpv4 : net::Family::kIpv6;
  const unsigned header = ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  const unsigned room =
      (ipv4 ? kMaxIpv4Error : kMaxIpv6Error) - header - static_cast<unsigned>(sizeof(IcmpHeader));
  const unsigned quoted = std::min(room, static_cast<unsigned>(datagram.size()));
  const auto& ipv4_about = *reinterpret_cast<const Ipv4Header*>(datagram.data());
  const auto& ipv6_about = *reinterpret_cast<const Ipv6Header*>(datagram.data());

  // In transparent mode the appliance has no address; the error speaks for the destination, as a router there
  // would.
  net::IpAddress speaker =
      ipv4 ? net::IpAddress(ipv4_about.destination) : net::IpAddress(ipv6_about.destination);
  if (network.forwarding == Forwarding::kRouted && network.service_of(about.ingress) == nullptr) {
    const net::IpAddress* own = network.interfaces[about.ingress.value()].address(family);
    if (own == nullptr) return;
    speaker = *own;
  }
  const unsigned length = header + static_cast<unsigned>(sizeof(IcmpHeader)) + quoted;
  Packet* error = make(family, length, about, network);
  if (error == nullptr) return;

  auto& icmp = error->l4_as<IcmpHeader>();
  std::memcpy(reinterpret_cast<std::uint8_t*>(&icmp) + sizeof icmp, datagram.data(), quoted);
  icmp.type = what.type;
  icmp.code = what.code;
  icmp.checksum = be16{};
  icmp.id = be16(static_cast<std::uint16_t>(what.word >> 16));
  icmp.sequence = be16(static_cast<std::uint16_t>(what.word));
  const Bytes body(reinterpret_cast<const std::uint8_t*>(&icmp), sizeof icmp + quoted);

  if (ipv4) {
    auto& ip = error->l3_as<Ipv4Header>();
    ip = Ipv4Header{};
    ip.version_length = 0x45;
    ip.tos = 0xc0;  // RFC 1812 section 4.3.2.5: precedence 6
    ip.total_length = be16(static_cast<std::uint16_t>(length));
    // So the identification need not be unique: RFC 6864 section 4.1.
    ip.fragment = be16(Ipv4Header::kDontFragment);
    ip.ttl = kDefaultTtl;
    ip.protocol = net::protocol::kIcmp;
    ip.source = speaker.v4();
    ip.destination = ipv4_about.source;
    net::set_ipv4_checksum(ip);
    icmp.checksum = net::finish(net::sum_bytes(body));
    error->headers.protocol = net::protocol::kIcmp;
  } else {
    auto& ip = error->l3_as<Ipv6Header>();
    ip = Ipv6Header{};
    ip.version_class_flow = be32(0x60000000);
    ip.payload_length = be16(static_cast<std::uint16_t>(body.size()));
    ip.next_header = net::protocol::kIcmpv6;
    ip.hop_limit = kDefaultTtl;
    ip.source = speaker.v6();
    ip.destination = ipv6_about.source;
    icmp.checksum =
        net::finish(net::sum_bytes(body, net::pseudo_header(ip.source, ip.destination, ip.next_header,
                                                            static_cast<std::uint32_t>(body.size()))));
    error->headers.protocol = net::protocol::kIcmpv6;
  }
}

}  // namespace millrace::core
