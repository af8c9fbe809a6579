// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
// Sums are kept in wire order: the one's complement sum does not care, so nothing is swapped on the way.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/base/big_endian.h"
#include "common/base/reader.h"
#include "common/net/wire.h"

namespace millrace::net {

// An unfolded one's complement sum of 16-bit words in wire order. 64 bits never overflow on a packet.
using ChecksumSum = std::uint64_t;

[[nodiscard]] constexpr std::uint16_t fold(ChecksumSum sum) noexcept {
  sum = (sum & 0xffffffffU) + (sum >> 32);
  sum = (sum & 0xffffffffU) + (sum >> 32);
  sum = (sum & 0xffffU) + (sum >> 16);
  sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// Adds a run of bytes; an odd last byte counts as the upper half of a word. Only the last run may be odd.
[[nodiscard]] ChecksumSum sum_bytes(Bytes bytes, ChecksumSum sum = 0) noexcept;

[[nodiscard]] inline be16 finish(ChecksumSum sum) noexcept {
  return be16::from_wire(static_cast<std::uint16_t>(~fold(sum)));
}

template <class T>
[[nodiscard]] ChecksumSum sum_object(const T& object, ChecksumSum sum = 0) noexcept {
  static_assert(sizeof(T) % 2 == 0);
  return sum_bytes(Bytes(reinterpret_cast<const std::uint8_t*>(&object), sizeof object), sum);
}

// Pseudo-headers of TCP, UDP and ICMPv6: RFC 9293 section 3.1, RFC 8200 section 8.1.
[[nodiscard]] inline ChecksumSum pseudo_header(Ipv4Address source, Ipv4Address destination,
                                               std::uint8_t protocol, std::uint32_t length) noexcept {
  return ChecksumSum{source.value.wire()} + destination.value.wire() + be16(protocol).wire() +
         be32(length).wire();
}
[[nodiscard]] inline ChecksumSum pseudo_header(const Ipv6Address& source, const Ipv6Address& destination,
                                               std::uint8_t protocol, std::uint32_t length) noexcept {
  return sum_object(source, sum_object(destination)) + be16(protocol).wire() + be32(length).wire();
}

// True when the checksum of a header without options is right.
[[nodiscard]] inline bool ipv4_checksum_ok(const Ipv4Header& header) noexcept {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::uint32_t third = 0;
  std::memcpy(&first, bytes, sizeof first);
  std::memcpy(&second, bytes + sizeof first, sizeof second);
  std::memcpy(&third, bytes + sizeof first + sizeof second, sizeof third);
  // With end-around carry: the 64-bit sum, then its halves and the third, at most 34 bits, then 16 and 16.
  std::uint64_t sum = 0;
  const bool carry = __builtin_add_overflow(first, second, &sum);
  sum = (sum & 0xffffffffU) + (sum >> 32) + third + (carry ? 1U : 0U);
  sum = (sum & 0xffffU) + (sum >> 16);
  sum = (sum & 0xffffU) + (sum >> 16);
  return sum == 0xffff;
}

// True when the header's checksum is right. `header_length` bytes must be readable and a multiple of 4.
[[nodiscard]] inline bool ipv4_checksum_ok(const Ipv4Header& header, unsigned header_length) noexcept {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
  ChecksumSum sum = 0;
  for (unsigned at = 0; at < header_length; at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes + at, sizeof word);
    sum += word;
  }
  return fold(sum) == 0xffff;
}

// Sets the checksum of a header whose other fields are final.
inline void set_ipv4_checksum(Ipv4Header& header) noexcept {
  header.checksum = be16{};
  header.checksum =
      finish(sum_bytes(Bytes(reinterpret_cast<const std::uint8_t*>(&header), header.header_length())));
}

// RFC 1624 equation 3: the checksum after one 16-bit word changed from `before` to `after`.
[[nodiscard]] inline be16 update(be16 checksum, be16 before, be16 after) noexcept {
  const ChecksumSum sum = ChecksumSum{static_cast<std::uint16_t>(~checksum.wire())} +
                          static_cast<std::uint16_t>(~before.wire()) + after.wire();
  return finish(sum);
}
[[nodiscard]] inline be16 update(be16 checksum, be32 before, be32 after) noexcept {
  const ChecksumSum sum = ChecksumSum{static_cast<std::uint16_t>(~checksum.wire())} +
                          static_cast<std::uint32_t>(~before.wire()) + after.wire();
  return finish(sum);
}

// What to add to a sum that has `before` in it so that it has `after` instead.
[[nodiscard]] constexpr ChecksumSum difference(ChecksumSum before, ChecksumSum after) noexcept {
  return after + static_cast<std::uint16_t>(~fold(before));
}

// One hop: TTL minus one, checksum kept right. The caller has seen to it that ttl is above 1.
inline void decrement_ttl(Ipv4Header& header) noexcept {
  // The TTL is the upper byte of its word, so the checksum grows by 0x0100 (RFC 1141), with end-around carry.
  --header.ttl;
  const std::uint32_t sum = header.checksum.wire() + std::uint32_t{be16(0x0100).wire()};
  header.checksum = be16::from_wire(static_cast<std::uint16_t>(sum + (sum >= 0xffff ? 1 : 0)));
}

}  // namespace millrace::net
