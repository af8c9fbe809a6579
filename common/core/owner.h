// SPDX-License-Identifier: BSD-3-Clause
// Which worker a flow belongs to: the same one for both directions, and the one a NIC with symmetric RSS
// would pick.
//
// With the key 6d5a6d5a... (Woo, Park: "Scalable TCP Session Monitoring with Symmetric Receive-side Scaling",
// 2012) the Toeplitz hash has a period of 16 bits, so it depends only on the XOR of all 16-bit words of its
// input. That XOR does not change when source and destination trade places, and its hash is two table
// look-ups.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "common/net/parse.h"

namespace millrace::core {

inline constexpr std::uint16_t kSymmetricRssWord = 0x6d5a;

namespace detail {
// The hash of one byte, standing in the upper or the lower half of its word.
constexpr std::array<std::uint32_t, 256> toeplitz_table(unsigned shift) {
  constexpr std::uint64_t kKey = 0x6d5a6d5a6d5a6d5a;
  std::array<std::uint32_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      const unsigned position = shift + 7 - bit;  // from the word's first bit on the wire
      if ((byte >> bit & 1U) != 0) table[byte] ^= static_cast<std::uint32_t>(kKey << position >> 32);
    }
  }
  return table;
}
inline constexpr auto kToeplitzFirst = toeplitz_table(0);
inline constexpr auto kToeplitzSecond = toeplitz_table(8);
}  // namespace detail

// Toeplitz hash of input whose 16-bit words XOR to `folded` (bytes as on the wire).
[[nodiscard]] inline std::uint32_t symmetric_hash(std::uint16_t folded) noexcept {
  return detail::kToeplitzFirst[folded & 0xffU] ^ detail::kToeplitzSecond[folded >> 8];
}

// What an address contributes to that XOR.
[[nodiscard]] inline std::uint16_t folded_words(const net::IpAddress& address) noexcept {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), address.bytes().data(), sizeof words);
  std::uint64_t folded = words[0] ^ words[1];
  folded ^= folded >> 32;
  folded ^= folded >> 16;
  return static_cast<std::uint16_t>(folded);
}

// The hash over addresses, and ports where the packet shows them.
[[nodiscard]] inline std::uint32_t owner_hash(const net::Headers& headers, const std::uint8_t* l3,
                                              bool with_ports) noexcept {
  std::uint64_t folded = 0;
  if (headers.is_ipv4()) {
    std::memcpy(&folded, l3 + 12, 8);  // source and destination
  } else {
    for (unsigned at = 8; at < 40; at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, l3 + at, 8);
      folded ^= word;
    }
  }
  folded ^= folded >> 32;
  folded ^= folded >> 16;
  auto words = static_cast<std::uint16_t>(folded);
  if (with_ports)
    words ^= static_cast<std::uint16_t>(headers.source_port.wire() ^ headers.destination_port.wire());
  return symmetric_hash(words);
}

// What decides on the owner. `packet` is the contiguous first part of it. An ICMP error belongs with the flow
// it is about: the packet inside it tells. Fragments meet where their addresses alone lead.
[[nodiscard]] inline std::uint32_t flow_hash(const net::Headers& headers, Bytes packet) noexcept {
  const bool icmp_error =
      !headers.has_ports &&
      (headers.protocol == net::protocol::kIcmp ||
       (headers.protocol == net::protocol::kIcmpv6 && headers.icmp_type() < net::icmpv6::kEchoRequest));
  if (icmp_error && !headers.is_fragment) [[unlikely]] {
    net::Headers inner;
    inner.family = headers.family;
    inner.l3_offset = headers.payload_offset;
    const Bytes present = packet.first(std::min<std::size_t>(packet.size(), headers.end_offset));
    const auto error =
        net::parse_ip(present, present.size(), inner, {.check_ipv4_checksum = false, .truncated = true});
    if (error == net::ParseError::kNone)
      return owner_hash(inner, packet.data() + inner.l3_offset, inner.has_ports);
  }
  return owner_hash(headers, packet.data() + headers.l3_offset, headers.has_ports && !headers.is_fragment);
}

// An RSS redirection table for a number of workers: the same in hardware and here.
inline constexpr unsigned kOwnerBuckets = 128;

[[nodiscard]] constexpr unsigned owner_of(std::uint32_t hash, unsigned workers) noexcept {
  return (hash % kOwnerBuckets) % workers;
}

}  // namespace millrace::core
