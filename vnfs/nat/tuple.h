// SPDX-License-Identifier: BSD-3-Clause
// A session as the packets of one direction show it, source first: what the data path looks up.
#pragma once

#include <cstdint>

#include "common/base/big_endian.h"
#include "common/flow/key.h"
#include "common/net/address.h"

namespace millrace::nat {

// One end of a session in 48 bits: the address of an IPv4 host, or the number of an IPv6 subscriber, and the
// port, both in wire order. ICMP queries have their identifier for a port, at both ends.
struct Endpoint {
  std::uint32_t address = 0;
  std::uint16_t port = 0;

  [[nodiscard]] static Endpoint of(net::Ipv4Address address, be16 port) noexcept {
    return {address.value.wire(), port.wire()};
  }
  [[nodiscard]] net::Ipv4Address ipv4() const noexcept { return {be32::from_wire(address)}; }
  [[nodiscard]] be16 wire_port() const noexcept { return be16::from_wire(port); }
  [[nodiscard]] std::uint64_t bits() const noexcept { return address | std::uint64_t{port} << 32; }
  [[nodiscard]] static Endpoint from_bits(std::uint64_t bits) noexcept {
    return {static_cast<std::uint32_t>(bits), static_cast<std::uint16_t>(bits >> 32)};
  }
  bool operator==(const Endpoint&) const noexcept = default;
};

// Sixteen bytes, compared at once. All zero: none.
struct alignas(16) Tuple {
  std::uint64_t from = 0;  // endpoint 48 | protocol 8 | family 8, from the low bits up
  std::uint64_t to = 0;    // endpoint 48 | routing domain 16

  static constexpr std::uint64_t kIpv4 = 4;
  static constexpr std::uint64_t kSubscriber = 6;  // the source is the number of an IPv6 subscriber

  bool operator==(const Tuple&) const noexcept = default;

  [[nodiscard]] static Tuple of(Endpoint from, Endpoint to, std::uint8_t protocol, std::uint16_t domain,
                                std::uint64_t family = kIpv4) noexcept {
    return {from.bits() | std::uint64_t{protocol} << 48 | family << 56,
            to.bits() | std::uint64_t{domain} << 48};
  }
  // No session shows it.
  [[nodiscard]] static Tuple nobody() noexcept { return {~std::uint64_t{0}, ~std::uint64_t{0}}; }
  [[nodiscard]] Endpoint source() const noexcept { return Endpoint::from_bits(from); }
  [[nodiscard]] Endpoint destination() const noexcept { return Endpoint::from_bits(to); }
  [[nodiscard]] std::uint8_t protocol() const noexcept { return static_cast<std::uint8_t>(from >> 48); }
  [[nodiscard]] std::uint16_t domain() const noexcept { return static_cast<std::uint16_t>(to >> 48); }
  [[nodiscard]] bool from_ipv6() const noexcept { return from >> 56 == kSubscriber; }
  [[nodiscard]] bool valid() const noexcept { return from != 0; }

  // `seed` is secret: it decides where sessions lie.
  [[nodiscard]] std::uint64_t hash(std::uint64_t seed) const noexcept {
    return flow::hash_words(from, to, seed);
  }
};

}  // namespace millrace::nat
