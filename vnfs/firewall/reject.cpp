// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/reject.h"

#include "common/net/checksum.h"

namespace millrace::firewall {
namespace {

using net::Ipv4Header;
using net::Ipv6Header;
using net::TcpHeader;

// Never in answer to a reset, nor to a group (RFC 1122 section 4.2.3.10).
bool may_reset(const core::Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  return !packet.link_broadcast && !headers.is_fragment && (headers.tcp_flags & net::tcp_flag::kRst) == 0;
}

void send_reset(const core::Packet& packet, const core::Network& network, core::Originator& originator) noexcept {
  const bool ipv4 = packet.headers.is_ipv4();
  const unsigned header = ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  const unsigned length = header + static_cast<unsigned>(sizeof(TcpHeader));
  core::Packet* reset = originator.make(ipv4 ? net::Family::kIpv4 : net::Family::kIpv6, length, packet, network);
  if (reset == nullptr) return;

  const auto& cause = packet.l4_as<TcpHeader>();
  auto& tcp = reset->l4_as<TcpHeader>();
  tcp = TcpHeader{};
  tcp.source_port = cause.destination_port;
  tcp.destination_port = cause.source_port;
  tcp.data_offset = sizeof(TcpHeader) / 4 << 4;
  if ((cause.flags & net::tcp_flag::kAck) != 0) {
    tcp.sequence = cause.acknowledgment;
    tcp.flags = net::tcp_flag::kRst;
  } else {
    const bool takes_number = (cause.flags & (net::tcp_flag::kSyn | net::tcp_flag::kFin)) != 0;
    tcp.acknowledgment = be32(cause.sequence.host() + packet.headers.payload_length() + (takes_number ? 1 : 0));
    tcp.flags = net::tcp_flag::kRst | net::tcp_flag::kAck;
  }
  const Bytes segment(reinterpret_cast<const std::uint8_t*>(&tcp), sizeof tcp);
  reset->headers.protocol = net::protocol::kTcp;
  if (ipv4) {
    auto& ip = reset->l3_as<Ipv4Header>();
    const auto& to = packet.l3_as<Ipv4Header>();
    ip = Ipv4Header{};
    ip.version_length = 0x45;
    ip.total_length = be16(static_cast<std::uint16_t>(length));
    ip.fragment = be16(Ipv4Header::kDontFragment);
    ip.ttl = 64;
    ip.protocol = net::protocol::kTcp;
    ip.source = to.destination;
    ip.destination = to.source;
    net::set_ipv4_checksum(ip);
    tcp.checksum = net::finish(
        net::sum_bytes(segment, net::pseudo_header(ip.source, ip.destination, ip.protocol, sizeof tcp)));
  } else {
    auto& ip = reset->l3_as<Ipv6Header>();
    const auto& to = packet.l3_as<Ipv6Header>();
    ip = Ipv6Header{};
    ip.version_class_flow = be32(0x60000000);
    ip.payload_length = be16(sizeof tcp);
    ip.next_header = net::protocol::kTcp;
    ip.hop_limit = 64;
    ip.source = to.destination;
    ip.destination = to.source;
    tcp.checksum = net::finish(
        net::sum_bytes(segment, net::pseudo_header(ip.source, ip.destination, ip.next_header, sizeof tcp)));
  }
}

}  // namespace

void send_reject(const core::Packet& packet, const core::Network& network, core::Originator& originator) noexcept {
  if (packet.headers.protocol == net::protocol::kTcp && packet.headers.has_ports) {
    if (may_reset(packet)) send_reset(packet, network, originator);
    return;
  }
  originator.admin_prohibited(packet, network);
}

}  // namespace millrace::firewall
