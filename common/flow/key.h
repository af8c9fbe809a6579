// SPDX-License-Identifier: BSD-3-Clause
// What makes two packets one flow. The key is the same for both directions: the lower endpoint always stands
// first, and Direction tells which of the two sent the packet.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

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
    std::array<std::uint64_t, 4> words;
    static_assert(sizeof words == sizeof *addresses);
    std::memcpy(words.data(), addresses, sizeof words);
    // Two products that do not wait for each other, under constants of wyhash's.
    hash ^= mix(words[0] ^ seed, words[1] ^ 0xa0761d6478bd642f);
    hash += mix(words[2] ^ seed, words[3] ^ 0xe7037ed1a0b428db);
  }
  return mix(hash ^ kOdd, seed | 1);
}

inline void make_ipv4_lookup(FlowLookup& out, net::Ipv4Address source, net::Ipv4Address destination,
                             be16 source_port, be16 destination_port, std::uint8_t protocol,
                             std::uint16_t domain, std::uint64_t seed) noexcept {
  const std::uint64_t from = source.value.wire() | std::uint64_t{source_port.wire()} << 32;
  const std::uint64_t to = destination.value.wire() | std::uint64_t{destination_port.wire()} << 32;
  // Which end is the lower one is as good as random from packet to packet: no branch asks.
  const std::uint64_t family_protocol = std::uint64_t{protocol} << 48 | std::uint64_t{4} << 56;
  out.key.low = std::min(from, to) | family_protocol;
  out.key.high = std::max(from, to) | std::uint64_t{domain} << 48;
  out.sender = static_cast<Sender>(from > to);
  out.hash = hash_key(out.key, nullptr, seed);
}

inline void make_ipv6_lookup(FlowLookup& out, const net::Ipv6Address& source,
                             const net::Ipv6Address& destination, be16 source_port, be16 destination_port,
                             std::uint8_t protocol, std::uint16_t domain, std::uint64_t seed) noexcept {
  // As integers of this machine: any order will do, as long as it is always the same.
  const auto integer = [](const net::Ipv6Address& address) {
    unsigned __int128 value;
    std::memcpy(&value, address.bytes.data(), sizeof value);
    return value;
  };
  const unsigned __int128 from = integer(source);
  const unsigned __int128 to = integer(destination);
  const bool swap = from > to || (from == to && source_port.wire() > destination_port.wire());
  // Swapping by a mask: which end is the lower one is as good as random, and a branch would miss.
  const unsigned __int128 difference = (from ^ to) & -static_cast<unsigned __int128>(swap);
  const unsigned __int128 low = from ^ difference;
  const unsigned __int128 high = to ^ difference;
  std::memcpy(out.addresses.low.bytes.data(), &low, sizeof low);
  std::memcpy(out.addresses.high.bytes.data(), &high, sizeof high);
  const auto port_difference =
      static_cast<std::uint16_t>((source_port.wire() ^ destination_port.wire()) & -swap);
  const std::uint64_t low_port = static_cast<std::uint16_t>(source_port.wire() ^ port_difference);
  const std::uint64_t high_port = static_cast<std::uint16_t>(destination_port.wire() ^ port_difference);
  const auto word = [](unsigned __int128 value) { return static_cast<std::uint64_t>(value >> 96); };
  out.key.low = word(low) | low_port << 32 | std::uint64_t{protocol} << 48 | std::uint64_t{6} << 56;
  out.key.high = word(high) | high_port << 32 | std::uint64_t{domain} << 48;
  out.sender = static_cast<Sender>(swap);
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
