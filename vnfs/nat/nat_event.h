// SPDX-License-Identifier: BSD-3-Clause
// What the data path notes for those who keep logs: numbers only, by value.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "common/net/address.h"
#include "vnfs/nat/tuple.h"

namespace millrace::nat {

enum class NatEventKind : std::uint8_t {
  kSessionOpened,
  kSessionEnded,
  kMappingOpened,
  kMappingEnded,
  kBlockGiven,
  kBlockReturned,
  // Refusals; no more of them are noted than may_tell() of the log lets through.
  kAddressesExhausted,  // no address of the pool has a port left
  kPortsExhausted,      // the subscriber's address has none
  kQuotaExceeded,
};

// What there may be no more of. The values of natQuotaExceededEvent, RFC 8158 section 4.4.
enum class Quota : std::uint8_t { kNone, kSessions, kMappings, kPerSubscriber, kSubscribers };

struct NatEvent {
  std::uint64_t tsc;                    // when; the reader makes wall clock of it
  std::array<std::uint8_t, 16> inside;  // the subscriber's address
  Endpoint outside;                     // of a block: its address alone
  Endpoint remote;                      // of sessions, where the policy wants it; otherwise zero
  std::uint32_t limit;                  // of a quota
  std::uint16_t inside_port;            // wire order; ICMP: the identifier
  std::uint16_t first_port;             // of a block
  std::uint16_t last_port;
  std::uint16_t domain;          // of the inside
  std::uint16_t outside_domain;  // 0 of refusals without an address
  std::uint16_t pool;            // place in Policy::pools, of refusals
  std::uint16_t worker;
  NatEventKind kind;
  Quota quota;
  std::uint8_t reason;  // kSessionEnded: SessionEnd; refusals: Drop
  std::uint8_t protocol;
  net::Family family;  // of the inside
  std::uint8_t unused;
};
static_assert(sizeof(NatEvent) == 64 && std::is_trivially_copyable_v<NatEvent>);

[[nodiscard]] constexpr bool is_refusal(NatEventKind kind) noexcept {
  return kind >= NatEventKind::kAddressesExhausted;
}

}  // namespace millrace::nat
