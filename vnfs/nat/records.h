// SPDX-License-Identifier: BSD-3-Clause
// What the NAT gateway remembers: subscribers, their mappings (RFC 4787 section 4, the BIB of RFC 6146), and
// the sessions of those. A session is all that a packet of an established one touches.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/clock.h"
#include "common/flow/direction.h"
#include "vnfs/nat/outside_address.h"
#include "vnfs/nat/tuple.h"

namespace millrace::nat {

using SubscriberIndex = std::uint32_t;
using MappingIndex = std::uint32_t;
using SessionIndex = std::uint32_t;
using LeaseIndex = std::uint32_t;
inline constexpr std::uint32_t kNoIndex = 0xffffffff;

// kForward is outward: from inside.
using flow::Direction;

// RFC 4787 section 4.1 and section 5: on what of the remote end a mapping, or what it lets in, depends.
enum class Dependence : std::uint8_t { kEndpoint, kAddress, kAddressAndPort };

// The part of the remote end that matters to a mapping; the rest zero.
[[nodiscard]] constexpr Endpoint masked(Endpoint remote, Dependence dependence) noexcept {
  switch (dependence) {
    case Dependence::kEndpoint:
      return {};
    case Dependence::kAddress:
      return {remote.address, 0};
    case Dependence::kAddressAndPort:
      break;
  }
  return remote;
}

// What was seen of a TCP connection: RFC 6146 section 3.5.2.2 in bits.
namespace tcp_seen {
inline constexpr std::uint8_t kSynOut = 0x01;
inline constexpr std::uint8_t kSynIn = 0x02;
inline constexpr std::uint8_t kFinOut = 0x04;
inline constexpr std::uint8_t kFinIn = 0x08;
inline constexpr std::uint8_t kReset = 0x10;
inline constexpr std::uint8_t kSyns = kSynOut | kSynIn;
inline constexpr std::uint8_t kFins = kFinOut | kFinIn;
}  // namespace tcp_seen

// One cache line. A packet that shows tuple[d] leaves with the reverse of tuple[1 - d].
struct alignas(64) Session {
  std::array<Tuple, 2> tuple;  // by Direction: as its packets arrive
  std::array<std::uint64_t, 2> bytes;
  MappingIndex mapping;
  Tick last_seen;
  std::uint16_t ip_delta;         // what the outward translation adds to the sum of the IPv4 header
  std::uint16_t transport_delta;  // and to that of the transport header
  std::uint8_t tcp;               // of tcp_seen
  std::uint8_t flags;
  std::uint16_t generation;  // of the policy that allowed it last

  static constexpr std::uint8_t kInwardFirst = 0x01;   // opened from outside
  static constexpr std::uint8_t kRemoteListed = 0x02;  // its remote address is in the index, for the filter
  static constexpr std::uint8_t kReplied = 0x04;       // packets went both ways
  static constexpr std::uint8_t kKept = 0x08;          // has a lease: stays without packets
  static constexpr std::uint8_t kAlg = 0x10;           // an ALG has a record of it (alg_records.h)
  static constexpr std::uint8_t kMixed = 0x20;         // between an IPv6 and an IPv4 host

  [[nodiscard]] bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
  [[nodiscard]] bool in_use() const noexcept { return tuple[0].valid(); }
  [[nodiscard]] std::uint8_t protocol() const noexcept { return tuple[1].protocol(); }
  // The remote end, as its outside packets show it.
  [[nodiscard]] Endpoint remote() const noexcept { return tuple[1].source(); }
  [[nodiscard]] Endpoint outside() const noexcept { return tuple[1].destination(); }
};
static_assert(sizeof(Session) == 64);

struct Mapping {
  std::uint32_t outside_address;  // wire order
  std::uint16_t outside_port;     // wire order, as are the next two
  std::uint16_t inside_port;
  std::uint32_t remote_address;  // 0 unless the mapping depends on it
  std::uint16_t remote_port;     // likewise
  std::uint8_t protocol;         // 0: free
  std::uint8_t flags;
  SubscriberIndex subscriber;
  std::uint32_t sessions;
  MappingIndex older;  // in quarantine
  MappingIndex newer;
  Tick quarantined;
  AddressId address;     // whose port it is; kNoAddress of a static mapping
  std::uint16_t domain;  // of the outside

  static constexpr std::uint8_t kQuarantined = 0x01;  // its last session has ended: RFC 6888 REQ-8
  static constexpr std::uint8_t kKept = 0x02;     // has a lease: stays without sessions, lets in whom it says
  static constexpr std::uint8_t kStatic = 0x04;   // the profile's
  static constexpr unsigned kFilteringShift = 6;  // two bits: Dependence

  [[nodiscard]] bool in_use() const noexcept { return protocol != 0; }
  [[nodiscard]] bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
  [[nodiscard]] static constexpr std::uint8_t filtering_flags(Dependence filtering) noexcept {
    return static_cast<std::uint8_t>(static_cast<unsigned>(filtering) << kFilteringShift);
  }
  // What a packet from outside must show to be let in.
  [[nodiscard]] Dependence filtering() const noexcept {
    return static_cast<Dependence>(flags >> kFilteringShift);
  }
  [[nodiscard]] bool filters_by_address() const noexcept { return filtering() == Dependence::kAddress; }
  [[nodiscard]] Endpoint outside() const noexcept { return {outside_address, outside_port}; }
  [[nodiscard]] std::uint16_t outside_port_host() const noexcept {
    return be16::from_wire(outside_port).host();
  }
};
static_assert(sizeof(Mapping) == 40);

// Runs of one outside address that are one subscriber's.
struct Block {
  AddressId address;
  std::uint16_t first_run;
  std::uint16_t runs;
  bool idle;        // no port of it is in use, since:
  Tick idle_since;  // it goes back to the pool when it has rested (RFC 6888 REQ-8)
};

// An inside address in its routing domain.
struct alignas(64) Subscriber {
  static constexpr unsigned kMostBlocks = 8;

  net::IpAddress address;
  std::uint8_t bucket;  // common/core/owner.h
  std::uint16_t domain;
  std::uint32_t mappings;
  std::uint32_t sessions;
  std::array<std::uint32_t, kPortSpaces> ports;  // in use, by PortSpace
  std::array<Block, kMostBlocks> blocks;         // those in use come first
  std::uint8_t block_count;
  bool known;
  AddressId paired;  // RFC 4787 REQ-2; kNoAddress until it has a port
  std::uint32_t leases;
  LeaseIndex first_lease;
  Tick since;

  [[nodiscard]] bool in_use() const noexcept { return known; }
};
static_assert(sizeof(Subscriber) == 192);

}  // namespace millrace::nat
