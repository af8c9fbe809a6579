// SPDX-License-Identifier: BSD-3-Clause
// Which backend a new connection gets. Data path, and explain.
#pragma once

#include "common/flow/key.h"
#include "vnfs/load_balancer/policy.h"
#include "vnfs/load_balancer/tallies.h"

namespace millrace::load_balancer {

// Who a connection is between. The hash is of these alone: instances that share the traffic agree.
struct Client {
  net::IpAddress address;
  be16 port;
  be16 service_port;
  std::uint8_t protocol = 0;
};

[[nodiscard]] inline std::uint64_t hash_of(const Client& client, const Service& service,
                                           std::uint64_t seed) noexcept {
  const Place place = Place::of(client.address, service.domain);
  const std::uint64_t ports = service.by_client || service.scheduler == Scheduler::kSourceHash
                                  ? 0
                                  : client.port.wire() | std::uint64_t{client.service_port.wire()} << 16 |
                                        std::uint64_t{client.protocol} << 32;
  return flow::hash_words(flow::hash_words(place.high, place.low, seed), ports, seed);
}

// Whether a packet may begin a connection: a SYN without ACK, or anything of a protocol that has none.
[[nodiscard]] inline bool begins(const net::Headers& headers) noexcept {
  using namespace net::tcp_flag;
  return headers.protocol != net::protocol::kTcp || (headers.tcp_flags & (kSyn | kAck | kRst)) == kSyn;
}

// Which of a table's slots the hash falls on.
[[nodiscard]] inline std::size_t slot_of(std::uint64_t hash, std::size_t slots) noexcept {
  return static_cast<std::size_t>((static_cast<unsigned __int128>(hash) * slots) >> 64);
}

// By the hash alone; kNoId when nobody is active. Only of a service that is_consistent().
[[nodiscard]] inline BackendId choose_by_hash(const Service& service, std::uint64_t hash) noexcept {
  const auto& slots = *service.slots;
  if (slots.empty()) return kNoId;
  return slots[slot_of(hash, slots.size())];
}

// The backend with the fewest open connections of this worker for its weight.
[[nodiscard]] BackendId choose_least(const Service& service, const Tallies& tallies) noexcept;

// `turn` is the worker's, of this service.
[[nodiscard]] inline BackendId choose_in_turn(const Service& service, std::uint32_t& turn) noexcept {
  const auto& slots = *service.slots;
  if (slots.empty()) return kNoId;
  return slots[turn++ % slots.size()];
}

}  // namespace millrace::load_balancer
