// SPDX-License-Identifier: BSD-3-Clause
// Ports and checksum of a balanced packet's transport header. Data path.
#pragma once

#include "common/core/batch.h"
#include "common/net/sctp_ports.h"

namespace millrace::load_balancer {

// `delta`: what comes to a sum that covers addresses and ports. A later fragment has nothing to change. Of
// SCTP the packet is whole.
inline void write_ports(const core::Packet& packet, net::WirePorts ports, std::uint16_t delta) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.later_fragment()) [[unlikely]]
    return;
  std::uint8_t* const l4 = packet.bytes() + headers.l4_offset;
  if (headers.protocol == net::protocol::kSctp) [[unlikely]]
    return net::rewrite_sctp_ports(l4, std::size_t{headers.end_offset} - headers.l4_offset, ports);
  net::rewrite_transport(l4, std::size_t{headers.payload_offset} - headers.l4_offset, headers.protocol, ports,
                         delta);
}

// The same of the packet quoted in an ICMP error, whose transport header begins at `transport`, with
// `present` bytes of it. The checksum of SCTP stays: what it covers is not all there.
inline void write_quoted_ports(std::uint8_t* transport, std::size_t present, std::uint8_t protocol,
                               net::WirePorts ports, std::uint16_t delta) noexcept {
  if (protocol == net::protocol::kSctp) return net::write_ports(transport, ports);
  net::rewrite_transport(transport, present, protocol, ports, delta);
}

}  // namespace millrace::load_balancer
