// SPDX-License-Identifier: BSD-3-Clause
// Transport mode: what the gateways themselves say to each other.
#include <cstring>

#include "common/core/link_header.h"
#include "common/core/receive_marks.h"
#include "common/net/checksum.h"
#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/seal_packets.h"

namespace millrace::vpn {

using core::Batch;
using core::Packet;

// RFC 4303 section 3.1.1: ESP stands between the IP header and what it carried.
bool SealPackets::seal_transport(Batch& batch, Packet& packet, const Outbound& association,
                                 unsigned operation) noexcept {
  net::Headers& headers = packet.headers;
  const unsigned ip_bytes = unsigned{headers.l4_offset} - headers.l3_offset;
  const bool ipv4 = headers.is_ipv4();
  if (headers.is_fragment || (!ipv4 && ip_bytes != sizeof(net::Ipv6Header))) {
    batch.drop(packet, Drop::kTransportUnfit);
    return false;
  }
  OutboundState& outbound = *association.state;
  const EspLayout& layout = outbound.esp.layout;
  std::uint8_t* const payload = packet.bytes() + headers.l4_offset;
  const unsigned length = unsigned{headers.end_offset} - headers.l4_offset;
  const unsigned behind = layout.behind(length);
  const unsigned udp_bytes = association.header.length() - association.header.ip_length();
  const core::LinkHeader link(packet);
  std::uint8_t* const l3 = payload - layout.front() - udp_bytes - ip_bytes;
  std::memmove(l3, packet.l3(), ip_bytes);
  link.put_before(l3, ipv4);
  std::uint8_t& next = ipv4 ? reinterpret_cast<net::Ipv4Header*>(l3)->protocol
                            : reinterpret_cast<net::Ipv6Header*>(l3)->next_header;
  prepare_seal(outbound.esp, payload, length, next, state.scratch[operation], state.operations[operation]);
  next = association.header.protocol();
  rte_mbuf& mbuf = *packet.mbuf;
  core::grow_front(mbuf, layout.front() + udp_bytes);
  core::grow_back(mbuf, behind);
  core::mark_checksum_good(mbuf);
  const unsigned datagram = ip_bytes + udp_bytes + layout.front() + length + behind;
  if (udp_bytes != 0) {
    auto& udp = *reinterpret_cast<net::UdpHeader*>(l3 + ip_bytes);
    udp = {.source_port = be16(association.udp->local),
           .destination_port = be16(association.udp->remote),
           .length = be16(static_cast<std::uint16_t>(datagram - ip_bytes)),
           .checksum = be16{}};
  }
  if (ipv4) {
    auto& ip = *reinterpret_cast<net::Ipv4Header*>(l3);
    ip.total_length = be16(static_cast<std::uint16_t>(datagram));
    net::set_ipv4_checksum(ip);
  } else {
    reinterpret_cast<net::Ipv6Header*>(l3)->payload_length =
        be16(static_cast<std::uint16_t>(datagram - ip_bytes));
  }
  headers.payload_offset = headers.l4_offset;
  headers.end_offset = mbuf.data_len;
  headers.protocol = association.header.protocol();
  headers.tcp_flags = 0;
  headers.has_ports = false;
  return true;
}

}  // namespace millrace::vpn
