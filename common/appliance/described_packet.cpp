// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/described_packet.h"

#include "common/control/protocol.h"

namespace millrace::appliance {
namespace {

// The transport header at `at`; how long it is.
std::size_t put_transport(const control::PacketDescription& description, std::uint8_t* at) {
  const be16 source(description.source_port);
  const be16 destination(description.destination_port);
  switch (description.protocol) {
    case net::protocol::kTcp: {
      auto& tcp = *reinterpret_cast<net::TcpHeader*>(at);
      tcp.source_port = source;
      tcp.destination_port = destination;
      tcp.data_offset = sizeof tcp / 4 << 4;
      tcp.flags = description.tcp_flags;
      return sizeof tcp;
    }
    case net::protocol::kUdp: {
      auto& udp = *reinterpret_cast<net::UdpHeader*>(at);
      udp.source_port = source;
      udp.destination_port = destination;
      udp.length = be16(sizeof udp);
      return sizeof udp;
    }
    case net::protocol::kIcmp:
    case net::protocol::kIcmpv6:
      at[0] = description.icmp_type;
      at[1] = description.icmp_code;
      return 8;
    default:
      // Where there are ports they come first; what follows them nobody looks at.
      if (!control::has_ports(description.protocol)) return 20;
      std::memcpy(at, &source, sizeof source);
      std::memcpy(at + 2, &destination, sizeof destination);
      return 20;
  }
}

}  // namespace

DescribedPacket::DescribedPacket(const control::PacketDescription& description) {
  constexpr std::size_t kL3 = sizeof(net::EthernetHeader);
  const bool v4 = description.source.is_v4();
  std::uint8_t* l3 = bytes_.data() + kL3;
  const std::size_t header = v4 ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header);
  const std::size_t transport = put_transport(description, l3 + header);
  reinterpret_cast<net::EthernetHeader*>(bytes_.data())->type =
      be16(v4 ? net::ether_type::kIpv4 : net::ether_type::kIpv6);
  if (v4) {
    auto& ip = *reinterpret_cast<net::Ipv4Header*>(l3);
    ip.version_length = 0x45;
    ip.tos = static_cast<std::uint8_t>(description.dscp << 2);
    ip.total_length = be16(static_cast<std::uint16_t>(header + transport));
    ip.ttl = 64;
    ip.protocol = description.protocol;
    ip.source = description.source.v4();
    ip.destination = description.destination.v4();
  } else {
    auto& ip = *reinterpret_cast<net::Ipv6Header*>(l3);
    ip.version_class_flow = be32(0x60000000U | std::uint32_t{description.dscp} << 22);
    ip.payload_length = be16(static_cast<std::uint16_t>(transport));
    ip.next_header = description.protocol;
    ip.hop_limit = 64;
    ip.source = description.source.v6();
    ip.destination = description.destination.v6();
  }
  mbuf_.buf_addr = bytes_.data();
  mbuf_.data_len = static_cast<std::uint16_t>(kL3 + header + transport);
  mbuf_.pkt_len = mbuf_.data_len;
  packet_.mbuf = &mbuf_;
  // Some protocols (IPv6 extension headers) have no packet of these bytes: then only the addresses are known.
  const auto error = net::parse_frame(Bytes(bytes_.data(), mbuf_.data_len), mbuf_.data_len, packet_.headers,
                                      {.check_ipv4_checksum = false});
  packet_.headers.l3_offset = kL3;
  packet_.headers.outer_vlan = description.outer_vlan != 0 ? description.outer_vlan : description.vlan;
  packet_.headers.inner_vlan = description.outer_vlan != 0 ? description.vlan : std::uint16_t{0};
  packet_.headers.family = v4 ? 4 : 6;
  if (error != net::ParseError::kNone) packet_.headers.protocol = description.protocol;
}

}  // namespace millrace::appliance
