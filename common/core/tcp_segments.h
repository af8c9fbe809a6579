// SPDX-License-Identifier: BSD-3-Clause
// TCP segments that the appliance writes itself: new ones, and packets it turns into another segment of their
// flow.
#pragma once

#include "common/core/network.h"
#include "common/core/originator.h"

namespace millrace::core {

struct TcpFields {  // host byte order
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  std::uint16_t segment_size = 0;  // the option; 0: none
};

// Sends a segment without data to the sender of `to`. False when there is no room or no buffer.
bool answer_tcp(const Packet& to, const Network& network, Originator& originator,
                const TcpFields& fields) noexcept;

// The same where no packet is at hand to answer. Not in transparent mode.
struct TcpEnds {
  net::IpAddress source;  // both of one family
  net::IpAddress destination;
  be16 source_port;
  be16 destination_port;
  DomainId domain;
};
bool send_tcp(const TcpEnds& ends, const Network& network, Originator& originator,
              const TcpFields& fields) noexcept;

// Turns a TCP packet that is no fragment into the segment of the same flow and direction with these fields
// and no data. False, and the packet unchanged, when its buffer has no room.
[[nodiscard]] bool rewrite_tcp(Packet& packet, const TcpFields& fields) noexcept;

// Changes one number of the header at hand, the checksum with it (RFC 1624).
void set_number(net::TcpHeader& tcp, be32& number, std::uint32_t value) noexcept;

// The maximum segment size that a SYN's options tell; 0 when they do not.
[[nodiscard]] std::uint16_t segment_size_option(Bytes options) noexcept;

}  // namespace millrace::core
