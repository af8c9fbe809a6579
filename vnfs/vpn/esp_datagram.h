// SPDX-License-Identifier: BSD-3-Clause
// Where ESP stands in a datagram: behind the IP headers, or behind UDP (RFC 3948). Data path.
#pragma once

#include <cstdint>

#include "common/core/batch.h"

namespace millrace::vpn {

inline constexpr std::uint16_t kKeyExchangePort = 500;    // RFC 7296 section 2
inline constexpr std::uint16_t kNatTraversalPort = 4500;  // RFC 3948 section 2
inline constexpr unsigned kLeastEsp = 8;                  // SPI and sequence number

[[nodiscard]] inline bool is_key_exchange_port(be16 port) noexcept {
  return port == be16(kKeyExchangePort) || port == be16(kNatTraversalPort);
}

struct EspPlace {
  enum class Kind : std::uint8_t {
    kNone,       // no ESP
    kEsp,        // its header is in the first buffer
    kShort,      // it would be ESP, and is cut off
    kKeepalive,  // RFC 3948 section 2.3
  };
  Kind kind = Kind::kNone;
  std::uint16_t offset = 0;  // of the ESP header, from the beginning of the frame

  [[nodiscard]] std::uint32_t spi(const core::Packet& packet) const noexcept {
    be32 wire;
    std::memcpy(&wire, packet.bytes() + offset, sizeof wire);
    return wire.host();
  }
};

// Of a packet that is no fragment.
[[nodiscard]] inline EspPlace find_esp(const core::Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.protocol == net::protocol::kEsp) [[likely]] {
    const bool present = unsigned{headers.l4_offset} + kLeastEsp <= headers.end_offset &&
                         unsigned{headers.l4_offset} + kLeastEsp <= packet.mbuf->data_len;
    return {present ? EspPlace::Kind::kEsp : EspPlace::Kind::kShort, headers.l4_offset};
  }
  if (headers.protocol != net::protocol::kUdp || !headers.has_ports ||
      headers.destination_port != be16(kNatTraversalPort))
    return {};
  const auto offset = static_cast<std::uint16_t>(headers.l4_offset + sizeof(net::UdpHeader));
  const unsigned length = headers.end_offset - std::min(offset, headers.end_offset);
  if (offset >= packet.mbuf->data_len) return {};
  if (length == 1 && packet.bytes()[offset] == 0xff) return {EspPlace::Kind::kKeepalive, offset};
  if (length < 4 || unsigned{offset} + kLeastEsp > packet.mbuf->data_len) return {};
  EspPlace place{EspPlace::Kind::kEsp, offset};
  if (place.spi(packet) == 0) return {};  // IKE, section 2.2
  if (length < kLeastEsp) place.kind = EspPlace::Kind::kShort;
  return place;
}

}  // namespace millrace::vpn
