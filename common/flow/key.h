// SPDX-License-Identifier: BSD-3-Clause
// What makes two packets one flow. The key is the same for both directions: the lower endpoint always stands
// first, and Direction tells which of the two sent the packet.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "common/net/parse.h"

namespace millrace::flow {

// Which of the key's two endpoints is the sender.
enum class Sender : std::uint8_t { kLow = 0, kHigh = 1 };

// Sixteen bytes, compared at once. IPv4 fits whole; an IPv6 flow also has its Ipv6Pair.
struct alignas(16) FlowKey {
  std::uint64_t low =
      0;  // address 32 | port 16 | protocol 8 | family 8 (from the low bits up), addresses in wire order
  std::uint64_t high = 0;  // address 32 | port 16 | routing domain 16

  bool operator==(const FlowKey&) const noexcept = default;

  [[nodiscard]] std::uint32_t low_word() const noexcept { return static_cast<std::uint32_t>(low); }
  [[nodiscard]] std::uint32_t high_word() const noexcept { return static_cast<std::uint32_t>(high); }
  [[nodiscard]] be16 low_port() const noexcept {
    return be16::from_wire(static_cast<std::uint16_t>(low >> 32));
  }
  [[nodiscard]] be16 high_port() const noexcept {
    return be16::from_wire(static_cast<std::uint16_t>(high >> 32));
  }
  [[nodiscard]] std::uint8_t protocol() const noexcept { return static_cast<std::uint8_t>(low >> 48); }
  [[nodiscard]] bool is_ipv6() const noexcept { return (low >> 56) == 6; }
  [[nodiscard]] std::uint16_t domain() const noexcept { return static_cast<std::uint16_t>(high >> 48); }
};

// The two addresses of an IPv6 flow, in the key's order.
struct Ipv6Pair {
  net::Ipv6Address low;
  net::Ipv6Address high;

  bool operator==(const Ipv6Pair&) const noexcept = default;
};

// The keyed mix of 64 x 64 -> 128 bits that wyhash builds on: the seed is secret, so a sender cannot aim at a
// bucket.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// A flow to look up: its key, its hash, and who sent the packet at hand.
struct FlowLookup {
  FlowKey key;
  Ipv6Pair addresses;  // set for IPv6 only
  std::uint64_t hash = 0;
  Sender sender = Sender::kLow;
};

[[nodiscard]] inline std::uint64_t hash_key(const FlowKey& key, const Ipv6Pair* addresses,
                                            std::uint64_t seed) noexcept {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  std::uint64_t hash = mix(key.low ^ seed, key.high ^ kOdd);
  if (addresses != nullptr) {
    hash = mix(hash ^ addresses->low.high(), seed ^ addresses->low.low());
    hash = mix(hash ^ addresses->high.high(), seed ^ addresses->high.low());
  }
  return mix(hash ^ kOdd, seed | 1);
}

inline void make_ipv4_lookup(FlowLookup& out, net::Ipv4Address source, net::Ipv4Address destination,
                             be16 source_port, be16 destination_port, std::uint8_t protocol,
                             std::uint16_t domain, std::uint64_t seed) noexcept {
  const std::uint64_t from = source.value.wire() | std::uint64_t{source_port.wire()} << 32;
  const std::uint64_t to = destination.value.wire() | std::uint64_t{destination_port.wire()} << 32;
  const bool swap = from > to;
  const std::uint64_t family_protocol = std::uint64_t{protocol} << 48 | std::uint64_t{4} << 56;
  out.key.low = (swap ? to : from) | family_protocol;
  out.key.high = (swap ? from : to) | std::uint64_t{domain} << 48;
  out.sender = swap ? Sender::kHigh : Sender::kLow;
  out.hash = hash_key(out.key, nullptr, seed);
}

inline void make_ipv6_lookup(FlowLookup& out, const net::Ipv6Address& source,
                             const net::Ipv6Address& destination, be16 source_port, be16 destination_port,
                             std::uint8_t protocol, std::uint16_t domain, std::uint64_t seed) noexcept {
  const auto order = source <=> destination;
  const bool swap = order > 0 || (order == 0 && source_port.wire() > destination_port.wire());
  out.addresses = swap ? Ipv6Pair{destination, source} : Ipv6Pair{source, destination};
  const auto word = [](const net::Ipv6Address& a) { return (a.low() ^ a.high()) & 0xffffffffU; };
  const be16 low_port = swap ? destination_port : source_port;
  const be16 high_port = swap ? source_port : destination_port;
  out.key.low = word(out.addresses.low) | std::uint64_t{low_port.wire()} << 32 |
                std::uint64_t{protocol} << 48 | std::uint64_t{6} << 56;
  out.key.high =
      word(out.addresses.high) | std::uint64_t{high_port.wire()} << 32 | std::uint64_t{domain} << 48;
  out.sender = swap ? Sender::kHigh : Sender::kLow;
  out.hash = hash_key(out.key, &out.addresses, seed);
}

// The lookup of a parsed packet whose IP header stands at `l3`.
inline void make_lookup(FlowLookup& out, const net::Headers& headers, const std::uint8_t* l3,
                        std::uint16_t domain, std::uint64_t seed) noexcept {
  if (headers.is_ipv4()) [[likely]] {
    const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(l3);
    make_ipv4_lookup(out, ip.source, ip.destination, headers.source_port, headers.destination_port,
                     headers.protocol, domain, seed);
  } else {
    const auto& ip = *reinterpret_cast<const net::Ipv6Header*>(l3);
    make_ipv6_lookup(out, ip.source, ip.destination, headers.source_port, headers.destination_port,
                     headers.protocol, domain, seed);
  }
}

}  // namespace millrace::flow
