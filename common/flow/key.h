// SPDX-License-Identifier: BSD-3-Clause
// What makes two packets one flow. The key is the same for both directions: the lower endpoint always stands
// first, and Direction tells which of the two sent the packet.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "common/flow/segment.h"
#include "common/net/parse.h"

namespace millrace::flow {

// Which of the key's two endpoints is the sender.
enum class Sender : std::uint8_t { kLow = 0, kHigh = 1 };

// Sixteen bytes, compared at once. IPv4 fits whole; an IPv6 flow also has its Ipv6Pair.
//
// The form is 4 or 6, the flag kTwoTags and, in the five upper bits, one more than the number of the wire
// (transparent mode). A wire has no routing domain; the id of its VLAN stands there. The outer of two tags
// has no room in the key: the Ipv6Pair of an IPv4 flow begins with it, and of an IPv6 flow, whose addresses
// are compared whole, it is folded into the low word.
struct alignas(16) FlowKey {
  std::uint64_t low = 0;   // address 32 | port 16 | protocol 8 | form 8, from the low bits up, addresses in
                           // wire order
  std::uint64_t high = 0;  // address 32 | port 16 | routing domain or VLAN id 16

  static constexpr unsigned kFormShift = 56;
  static constexpr unsigned kWireShift = 59;
  static constexpr std::uint64_t kTwoTags = std::uint64_t{1} << kFormShift;

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
  [[nodiscard]] bool is_ipv6() const noexcept { return (low >> kFormShift & 2U) != 0; }
  // Whether the Ipv6Pair is part of what tells the flow from others: IPv6, or two tags.
  [[nodiscard]] bool is_wide() const noexcept { return (low >> kFormShift & 3U) != 0; }
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

namespace detail {
inline constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
// The last factor is one of wyhash's, not the seed: one whose bits repeat takes back what it spread.
inline constexpr std::uint64_t kSpread = 0xa0761d6478bd642f;
}  // namespace detail

// The hash of two words under a secret seed.
[[nodiscard]] inline std::uint64_t hash_words(std::uint64_t first, std::uint64_t second,
                                              std::uint64_t seed) noexcept {
  return mix(mix(first ^ seed, second ^ detail::kOdd) ^ seed, detail::kSpread);
}

// A flow to look up: its key, its hash, and who sent the packet at hand.
struct FlowLookup {
  FlowKey key;
  Ipv6Pair addresses;  // set when the key is wide
  std::uint64_t hash = 0;
  Sender sender = Sender::kLow;
};

namespace detail {

__extension__ using Uint128 = unsigned __int128;

// An address as an integer of this machine: any order will do where it is always the same.
[[nodiscard]] inline Uint128 integer(const net::Ipv6Address& address) noexcept {
  Uint128 value = 0;
  std::memcpy(&value, address.bytes.data(), sizeof value);
  return value;
}

// The part of an IPv6 address that stands in the key.
[[nodiscard]] inline std::uint32_t key_word(Uint128 address) noexcept {
  return static_cast<std::uint32_t>(address >> 96);
}

// The addresses by value: read back right after they were stored, they would have to wait for the stores.
[[nodiscard]] inline std::uint64_t hash_ipv6(const FlowKey& key, Uint128 low, Uint128 high,
                                             std::uint64_t seed) noexcept {
  // Three products that do not wait for each other, under constants of wyhash's.
  std::uint64_t hash = mix(key.low ^ seed, key.high ^ kOdd);
  hash ^= mix(static_cast<std::uint64_t>(low) ^ seed, static_cast<std::uint64_t>(low >> 64) ^ kSpread);
  hash += mix(static_cast<std::uint64_t>(high) ^ seed,
              static_cast<std::uint64_t>(high >> 64) ^ 0xe7037ed1a0b428db);
  return mix(hash ^ seed, kSpread);
}

}  // namespace detail

// `addresses`: of a wide key; null for others.
[[nodiscard]] inline std::uint64_t hash_key(const FlowKey& key, const Ipv6Pair* addresses,
                                            std::uint64_t seed) noexcept {
  return addresses == nullptr ? hash_words(key.low, key.high, seed)
                              : detail::hash_ipv6(key, detail::integer(addresses->low),
                                                  detail::integer(addresses->high), seed);
}

inline void make_ipv4_lookup(FlowLookup& out, net::Ipv4Address source, net::Ipv4Address destination,
                             be16 source_port, be16 destination_port, std::uint8_t protocol,
                             std::uint16_t domain, std::uint64_t seed) noexcept {
  const std::uint64_t from = source.value.wire() | std::uint64_t{source_port.wire()} << 32;
  const std::uint64_t to = destination.value.wire() | std::uint64_t{destination_port.wire()} << 32;
  // Which end is the lower one is as good as random from packet to packet: swapping by a mask, no branch
  // asks.
  const bool swap = from > to;
  const std::uint64_t difference = (from ^ to) & -std::uint64_t{swap};
  const std::uint64_t family_protocol = std::uint64_t{protocol} << 48 | std::uint64_t{4} << 56;
  out.key.low = (from ^ difference) | family_protocol;
  out.key.high = (to ^ difference) | std::uint64_t{domain} << 48;
  out.sender = static_cast<Sender>(swap);
  out.hash = hash_words(out.key.low, out.key.high, seed);
}

inline void make_ipv6_lookup(FlowLookup& out, const net::Ipv6Address& source,
                             const net::Ipv6Address& destination, be16 source_port, be16 destination_port,
                             std::uint8_t protocol, std::uint16_t domain, std::uint64_t seed) noexcept {
  using detail::Uint128;
  const Uint128 from = detail::integer(source);
  const Uint128 to = detail::integer(destination);
  const bool swap = from > to || (from == to && source_port.wire() > destination_port.wire());
  // Swapping by a mask: which end is the lower one is as good as random, and a branch would miss.
  const Uint128 difference = (from ^ to) & -static_cast<Uint128>(swap);
  const Uint128 low = from ^ difference;
  const Uint128 high = to ^ difference;
  std::memcpy(out.addresses.low.bytes.data(), &low, sizeof low);
  std::memcpy(out.addresses.high.bytes.data(), &high, sizeof high);
  const auto port_difference =
      static_cast<std::uint16_t>((source_port.wire() ^ destination_port.wire()) & -swap);
  const std::uint64_t low_port = static_cast<std::uint16_t>(source_port.wire() ^ port_difference);
  const std::uint64_t high_port = static_cast<std::uint16_t>(destination_port.wire() ^ port_difference);
  out.key.low =
      detail::key_word(low) | low_port << 32 | std::uint64_t{protocol} << 48 | std::uint64_t{6} << 56;
  out.key.high = detail::key_word(high) | high_port << 32 | std::uint64_t{domain} << 48;
  out.sender = static_cast<Sender>(swap);
  out.hash = detail::hash_ipv6(out.key, low, high, seed);
}

// Moves a lookup that was made for routing domain 0 to a segment on a wire.
inline void enter_wire(FlowLookup& lookup, Segment segment, std::uint64_t seed) noexcept {
  const VlanTags tags = segment.tags();
  lookup.key.low |= std::uint64_t{segment.wire_mark()} << FlowKey::kWireShift;
  lookup.key.high |= std::uint64_t{tags.vlan} << 48;
  if (tags.outer != 0) {
    lookup.key.low |= FlowKey::kTwoTags;
    if (lookup.key.is_ipv6()) {
      lookup.key.low ^= tags.outer;
    } else {
      lookup.addresses = {};
      std::memcpy(lookup.addresses.low.bytes.data(), &tags.outer, sizeof tags.outer);
    }
  }
  lookup.hash = hash_key(lookup.key, lookup.key.is_wide() ? &lookup.addresses : nullptr, seed);
}

// The segment of a flow. `addresses`: the flow's, read when the key is wide.
[[nodiscard]] inline Segment segment_of(const FlowKey& key, const Ipv6Pair& addresses) noexcept {
  const auto place = static_cast<std::uint16_t>(key.high >> 48);
  const auto mark = static_cast<unsigned>(key.low >> FlowKey::kWireShift);
  if (mark == 0) return Segment::domain(place);
  VlanTags tags{.outer = 0, .vlan = place};
  if ((key.low & FlowKey::kTwoTags) != 0) {
    if (key.is_ipv6()) {
      const std::uint32_t word = detail::key_word(detail::integer(addresses.low));
      tags.outer = static_cast<std::uint16_t>(word ^ key.low_word());
    } else {
      std::memcpy(&tags.outer, addresses.low.bytes.data(), sizeof tags.outer);
    }
  }
  return Segment::wire(mark - 1, tags);
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
