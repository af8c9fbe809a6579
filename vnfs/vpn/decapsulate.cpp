// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/decapsulate.h"

#include "common/core/link_header.h"
#include "common/core/receive_marks.h"
#include "common/net/checksum.h"
#include "common/net/ecn.h"
#include "common/net/tunnel_header.h"
#include "vnfs/vpn/drops.h"

namespace millrace::vpn {
namespace {

using core::Batch;
using core::Packet;

// The frame begins with the datagram at `l3`, of `bytes` bytes, behind as many bytes of link header as
// before.
void begin_at(Packet& packet, const std::uint8_t* l3, unsigned bytes) noexcept {
  rte_mbuf& mbuf = *packet.mbuf;
  const unsigned link = packet.headers.l3_offset;
  const auto step = static_cast<unsigned>(l3 - link - packet.bytes());
  mbuf.data_off = static_cast<std::uint16_t>(mbuf.data_off + step);
  mbuf.data_len = static_cast<std::uint16_t>(link + bytes);
  mbuf.pkt_len = mbuf.data_len;
}

// Reads the new headers. False when the packet was dropped.
bool read_inner(Batch& batch, Packet& packet) noexcept {
  packet.headers = {};
  const auto error = net::parse_frame(packet.first_segment(), packet.mbuf->pkt_len, packet.headers,
                                      {.check_ipv4_checksum = true});
  if (error == net::ParseError::kNone) [[likely]]
    return true;
  batch.drop(packet, Drop::kInnerMalformed);
  return false;
}

// The last field of the headers that says what comes next. Null where other headers stand in between.
std::uint8_t* next_header_field(Packet& packet) noexcept {
  if (packet.headers.is_ipv4()) return &packet.l3_as<net::Ipv4Header>().protocol;
  const bool plain = packet.headers.l4_offset - packet.headers.l3_offset == sizeof(net::Ipv6Header);
  return plain ? &packet.l3_as<net::Ipv6Header>().next_header : nullptr;
}

void set_length(Packet& packet, unsigned datagram) noexcept {
  if (packet.headers.is_ipv4()) {
    auto& ip = packet.l3_as<net::Ipv4Header>();
    ip.total_length = be16(static_cast<std::uint16_t>(datagram));
    net::set_ipv4_checksum(ip);
  } else {
    packet.l3_as<net::Ipv6Header>().payload_length =
        be16(static_cast<std::uint16_t>(datagram - sizeof(net::Ipv6Header)));
  }
}

}  // namespace

bool take_from_tunnel(Batch& batch, Packet& packet, const EspPayload& payload) noexcept {
  const bool ipv4 = payload.next_header == net::protocol::kIpv4InIp;
  if (!ipv4 && payload.next_header != net::protocol::kIpv6InIp) [[unlikely]] {
    batch.drop(packet,
               payload.next_header == net::protocol::kIpv6NoNext ? Drop::kDummy : Drop::kInnerUnexpected);
    return false;
  }
  const std::uint8_t outer_ecn =
      net::traffic_class_of(packet.l3(), packet.headers.is_ipv4()) & net::ecn::kMask;
  const core::LinkHeader link(packet);
  link.put_before(payload.payload, ipv4);
  begin_at(packet, payload.payload, payload.bytes);
  if (!read_inner(batch, packet)) return false;
  if (outer_ecn == net::ecn::kNotCapable) [[likely]]
    return true;
  if (net::leave_tunnel(packet.l3(), packet.headers.is_ipv4(), outer_ecn)) return true;
  batch.drop(packet, Drop::kInnerCongestion);
  return false;
}

bool take_from_transport(Batch& batch, Packet& packet, const EspPayload& payload) noexcept {
  if (payload.next_header == net::protocol::kIpv6NoNext) {
    batch.drop(packet, Drop::kDummy);
    return false;
  }
  std::uint8_t* const next = next_header_field(packet);
  if (next == nullptr) {
    batch.drop(packet, Drop::kTransportUnfit);
    return false;
  }
  const bool behind_udp = packet.headers.protocol == net::protocol::kUdp;
  *next = payload.next_header;
  const bool ipv4 = packet.headers.is_ipv4();
  const unsigned ip_bytes = unsigned{packet.headers.l4_offset} - packet.headers.l3_offset;
  const core::LinkHeader link(packet);
  std::uint8_t* const l3 = payload.payload - ip_bytes;
  std::memmove(l3, packet.l3(), ip_bytes);
  link.put_before(l3, ipv4);
  begin_at(packet, l3, ip_bytes + payload.bytes);
  set_length(packet, ip_bytes + payload.bytes);
  if (!read_inner(batch, packet)) return false;
  // RFC 3948 section 3.1.2: a NAT has changed the addresses that the checksum is about.
  const std::uint8_t protocol = packet.headers.protocol;
  const bool has_checksum = protocol == net::protocol::kTcp || protocol == net::protocol::kUdp;
  if (behind_udp && has_checksum && !packet.headers.is_fragment) core::write_transport_checksum(packet);
  return true;
}

}  // namespace millrace::vpn
