// SPDX-License-Identifier: BSD-3-Clause
// Who a frame is between, and what of TCP an answer to it needs, read without the project's parser. Whatever
// the bytes are, nothing behind their end is read.
#pragma once

#include <algorithm>
#include <optional>

#include "common/net/address.h"
#include "tests/fuzz/frame_sums.h"

namespace millrace::fuzz {

struct FrameEnds {
  net::IpAddress source;
  net::IpAddress destination;
  std::uint8_t protocol = 0;      // what the first header of IPv6 says
  bool is_fragment = false;       // of IPv4
  std::uint16_t source_port = 0;  // both 0 where there are none
  std::uint16_t destination_port = 0;
  // Of TCP.
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint32_t length = 0;    // in sequence numbers
  frame_sums::Octets carried;  // behind the IP header, without padding

  [[nodiscard]] bool has_ports() const noexcept { return (source_port | destination_port) != 0; }
};

namespace frame_ends {

using frame_sums::Octets;
using frame_sums::word;

inline net::IpAddress address(Octets bytes) {
  if (bytes.size() == 4) return net::Ipv4Address{be32(word(bytes, 0) << 16U | word(bytes, 2))};
  net::Ipv6Address six;
  std::copy(bytes.begin(), bytes.end(), six.bytes.begin());
  return six;
}

inline void read_tcp(FrameEnds& ends) {
  const Octets tcp = ends.carried;
  if (tcp.size() < 20) return;
  ends.sequence = word(tcp, 4) << 16U | word(tcp, 6);
  ends.acknowledgment = word(tcp, 8) << 16U | word(tcp, 10);
  const std::size_t header = std::min<std::size_t>(tcp.size(), (tcp[12] >> 4U) * std::size_t{4});
  const unsigned syn_and_fin = (tcp[13] >> 1U & 1U) + (tcp[13] & 1U);
  ends.length = static_cast<std::uint32_t>(tcp.size() - header + syn_and_fin);
}

}  // namespace frame_ends

inline std::optional<FrameEnds> ends_of_datagram(frame_sums::Octets ip) {
  using namespace frame_ends;
  FrameEnds ends;
  if (ip.size() >= 40 && ip[0] >> 4U == 6) {
    ends.source = address(ip.subspan(8, 16));
    ends.destination = address(ip.subspan(24, 16));
    ends.protocol = ip[6];
    ends.carried = ip.subspan(40, std::min<std::size_t>(word(ip, 4), ip.size() - 40));
  } else if (ip.size() >= 20 && ip[0] >> 4U == 4) {
    const std::size_t header = std::size_t{ip[0] & 15U} * 4;
    const std::size_t length = std::min<std::size_t>(word(ip, 2), ip.size());
    if (header < 20 || length < header) return std::nullopt;
    ends.source = address(ip.subspan(12, 4));
    ends.destination = address(ip.subspan(16, 4));
    ends.protocol = ip[9];
    ends.is_fragment = (word(ip, 6) & 0x3fffU) != 0;
    ends.carried = ip.subspan(header, length - header);
  } else {
    return std::nullopt;
  }
  constexpr unsigned kTcp = 6;
  constexpr unsigned kUdp = 17;
  constexpr unsigned kSctp = 132;
  const bool has_ports = ends.protocol == kTcp || ends.protocol == kUdp || ends.protocol == kSctp;
  if (!has_ports || ends.is_fragment || ends.carried.size() < 8) return ends;
  ends.source_port = static_cast<std::uint16_t>(word(ends.carried, 0));
  ends.destination_port = static_cast<std::uint16_t>(word(ends.carried, 2));
  if (ends.protocol == kTcp) read_tcp(ends);
  return ends;
}

inline std::optional<FrameEnds> ends_of_frame(frame_sums::Octets frame) {
  return ends_of_datagram(frame_sums::datagram_of(frame));
}

}  // namespace millrace::fuzz
