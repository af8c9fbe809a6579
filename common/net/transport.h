// SPDX-License-Identifier: BSD-3-Clause
// TCP and UDP checksums of a whole datagram (RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1), and the
// segments that an aggregate, several TCP segments put together by a port, is cut into again.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/net/parse.h"

namespace millrace::net {

// Protocols whose checksum is the Internet checksum, with a pseudo-header, over header and payload. ICMP's is
// nobody's to offload.
[[nodiscard]] constexpr bool has_transport_checksum(std::uint8_t transport) noexcept {
  return transport == protocol::kTcp || transport == protocol::kUdp;
}

// The checksum field of the TCP or UDP header at `l4`.
// NOLINTNEXTLINE(readability-non-const-parameter): it is written through what this returns
[[nodiscard]] inline be16& transport_checksum(std::uint8_t* l4, std::uint8_t transport) noexcept {
  return transport == protocol::kTcp ? reinterpret_cast<TcpHeader*>(l4)->checksum
                                     : reinterpret_cast<UdpHeader*>(l4)->checksum;
}

// Bytes the checksum covers: a UDP datagram may be shorter than what the IP header carries.
[[nodiscard]] inline unsigned transport_length(const Headers& headers, const std::uint8_t* l4) noexcept {
  return headers.protocol == protocol::kUdp ? unsigned{reinterpret_cast<const UdpHeader*>(l4)->length.host()}
                                            : headers.end_offset - unsigned{headers.l4_offset};
}

[[nodiscard]] inline ChecksumSum pseudo_header(const Headers& headers, const std::uint8_t* l3,
                                               std::uint32_t length) noexcept {
  if (headers.is_ipv4()) {
    const auto& ip = *reinterpret_cast<const Ipv4Header*>(l3);
    return pseudo_header(ip.source, ip.destination, headers.protocol, length);
  }
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(l3);
  return pseudo_header(ip.source, ip.destination, headers.protocol, length);
}

// The field's value for a sum over all it covers, pseudo-header included, the field itself counted as zero.
[[nodiscard]] inline be16 finish_transport(ChecksumSum sum, std::uint8_t transport) noexcept {
  const be16 value = finish(sum);
  // RFC 768: a UDP checksum of zero would say that there is none.
  return transport == protocol::kUdp && value == be16{} ? be16(0xffff) : value;
}

// Writes the checksum of a whole TCP or UDP datagram that lies in one piece. `frame` goes at least to the end
// of the datagram.
void set_transport_checksum(MutableBytes frame, const Headers& headers) noexcept;

// Whether the pseudo-header has the addresses of the IP header. Not with an IPv6 routing header that is still
// at work (RFC 8200 section 8.1) nor with a home address option (RFC 6275 section 11.3.1).
[[nodiscard]] bool addresses_are_final(Bytes frame, const Headers& headers) noexcept;

// How an aggregate is cut. Offsets and lengths count bytes of TCP payload.
struct SegmentCut {
  unsigned payload = 0;  // of the aggregate
  unsigned size = 0;     // of each segment but the last

  [[nodiscard]] unsigned count() const noexcept { return (payload + size - 1) / size; }
  [[nodiscard]] unsigned offset(unsigned index) const noexcept { return index * size; }
  [[nodiscard]] unsigned length(unsigned index) const noexcept {
    return std::min(size, payload - offset(index));
  }
};

// Makes the aggregate's headers, copied to the front of `frame`, those of segment `index`, but for the TCP
// checksum.
void write_segment_headers(std::uint8_t* frame, const Headers& headers, const SegmentCut& cut,
                           unsigned index) noexcept;

}  // namespace millrace::net
