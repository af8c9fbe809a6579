// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/replace_header.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace millrace::core {
namespace {

// What stands before the IP header: Ethernet and tags.
struct LinkHeader {
  std::array<std::uint8_t, sizeof(net::EthernetHeader) + 2 * sizeof(net::VlanTag)> bytes;
  std::uint16_t length = 0;

  explicit LinkHeader(const Packet& packet) noexcept
      : length(std::min<std::uint16_t>(packet.headers.l3_offset, static_cast<std::uint16_t>(bytes.size()))) {
    std::memcpy(bytes.data(), packet.bytes(), length);
  }
};

void move_offsets(net::Headers& headers, int by) noexcept {
  for (std::uint16_t* offset :
       {&headers.l3_offset, &headers.l4_offset, &headers.payload_offset, &headers.end_offset})
    *offset = static_cast<std::uint16_t>(*offset + by);
}

// The packet is a whole frame again, of its new family, for whoever reads it from its first byte.
void put_link_header(Packet& packet, const LinkHeader& link) noexcept {
  const int surplus = packet.headers.l3_offset - link.length;
  rte_pktmbuf_adj(packet.mbuf, static_cast<std::uint16_t>(surplus));
  move_offsets(packet.headers, -surplus);
  std::memcpy(packet.bytes(), link.bytes.data(), link.length);
  const be16 type(packet.headers.is_ipv4() ? net::ether_type::kIpv4 : net::ether_type::kIpv6);
  std::memcpy(packet.l3() - sizeof type, &type, sizeof type);
}

}  // namespace

bool replace_header(Packet& packet, const net::NewHeader& header, std::uint8_t family,
                    std::uint8_t protocol) noexcept {
  net::Headers& headers = packet.headers;
  const LinkHeader link(packet);
  if (header.length > header.replaced) {
    constexpr std::uint16_t kRoom = 64;
    if (rte_pktmbuf_prepend(packet.mbuf, kRoom) == nullptr) return false;
    move_offsets(headers, kRoom);
  }
  headers.l3_offset = static_cast<std::uint16_t>(headers.l3_offset + header.replaced - header.length);
  std::memcpy(packet.l3(), header.bytes.data(), header.length);
  headers.family = family & 0xfU;
  headers.protocol = protocol;
  put_link_header(packet, link);
  return true;
}

bool replace_datagram(Packet& packet, Bytes datagram, std::uint8_t family, std::uint8_t protocol) noexcept {
  net::Headers& headers = packet.headers;
  rte_mbuf* mbuf = packet.mbuf;
  const LinkHeader link(packet);
  mbuf->data_len = headers.l3_offset;
  mbuf->pkt_len = headers.l3_offset;
  if (rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(datagram.size())) == nullptr) return false;
  std::memcpy(packet.l3(), datagram.data(), datagram.size());
  headers.family = family & 0xfU;
  headers.protocol = protocol;
  headers.end_offset = static_cast<std::uint16_t>(headers.l3_offset + datagram.size());
  put_link_header(packet, link);
  return true;
}

}  // namespace millrace::core
