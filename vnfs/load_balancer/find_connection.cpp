// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/find_connection.h"

#include <algorithm>
#include <utility>

#include "common/core/embedded.h"
#include "common/core/network.h"
#include "common/net/icmp.h"
#include "vnfs/load_balancer/drops.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::Packet;

bool is_syn(const net::Headers& headers) noexcept {
  using namespace net::tcp_flag;
  return (headers.tcp_flags & (kSyn | kAck | kRst)) == kSyn && headers.protocol == net::protocol::kTcp;
}

// Answers go to clients, not to an address that is ours.
[[gnu::always_inline]] inline bool may_answer(const Batch& batch, const Packet& packet,
                                              const Policy& policy) noexcept {
  if (policy.by_source.empty()) return false;
  return !packet.next_hop.valid() ||
         batch.network->next_hops[packet.next_hop.value()].kind != core::NextHop::Kind::kFunction;
}

// The lookup of a packet with these headers, whose IP header stands at `l3`, as the client's packets show the
// connection. Null, or the backend whose answer it may be.
[[gnu::always_inline]] inline const BackendId* make_lookup(flow::FlowLookup& lookup,
                                                           const net::Headers& headers,
                                                           const std::uint8_t* l3, std::uint16_t domain,
                                                           bool may_answer, const Policy& policy,
                                                           std::uint64_t seed) noexcept {
  if (may_answer && headers.is_ipv4()) {
    const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(l3);
    const BackendId* from =
        policy.by_source.find(Place::of(ip.source, domain), headers.protocol, headers.source_port.host());
    if (from != nullptr) {
      const Backend& backend = policy.backends[*from];
      flow::make_ipv4_lookup(lookup, policy.services[backend.service].address.v4(), ip.destination,
                             backend.outward(headers.source_port), headers.destination_port, headers.protocol,
                             domain, seed);
      return from;
    }
  } else if (may_answer) {
    const auto& ip = *reinterpret_cast<const net::Ipv6Header*>(l3);
    const BackendId* from =
        policy.by_source.find(Place::of(ip.source, domain), headers.protocol, headers.source_port.host());
    if (from != nullptr) {
      const Backend& backend = policy.backends[*from];
      flow::make_ipv6_lookup(lookup, policy.services[backend.service].address.v6(), ip.destination,
                             backend.outward(headers.source_port), headers.destination_port, headers.protocol,
                             domain, seed);
      return from;
    }
  }
  flow::make_lookup(lookup, headers, l3, domain, seed);
  return nullptr;
}

bool is_for_host(const Packet& packet, const core::Network& network) noexcept {
  return packet.next_hop.valid() &&
         network.next_hops[packet.next_hop.value()].kind == core::NextHop::Kind::kHost;
}

// Where the port tells of the connection, when a packet with these headers goes to a source address; null
// when it does not.
SourceAddress::Entry* entry_of(const net::Headers& headers, const std::uint8_t* l3, std::uint16_t domain,
                               const Policy& policy) noexcept {
  const Place place = headers.is_ipv4()
                          ? Place::of(reinterpret_cast<const net::Ipv4Header*>(l3)->destination, domain)
                          : Place::of(reinterpret_cast<const net::Ipv6Header*>(l3)->destination, domain);
  const std::uint16_t port = headers.destination_port.host();
  SourceAddress* const* address = policy.by_answer.find(place, headers.protocol, port);
  return address == nullptr ? nullptr : &(*address)->entry(*port_space(headers.protocol), port);
}

bool comes_from(const Packet& packet, const net::IpAddress& address, be16 port) noexcept {
  return packet.source() == address && packet.headers.source_port == port;
}

bool is_own(const net::IpAddress& address, const core::Network& network, core::DomainId domain) noexcept {
  return std::ranges::any_of(network.interfaces, [&](const core::Interface& one) {
    return one.domain == domain && one.has(address);
  });
}

}  // namespace

// What the error is about went the other way: its sender is who the error goes to. False, and the packet
// dropped or left to the twin, when it can not be read.
bool FindConnection::look_inside(Batch& batch, Packet& packet, const Policy& policy, flow::FlowLookup& lookup,
                                 SourceAddress::Entry*& entry) noexcept {
  net::Headers inner;
  if (!core::read_embedded(packet, inner)) {
    // The twin's own affairs are not judged here.
    if (!is_for_host(packet, *batch.network)) batch.drop(packet, Drop::kIcmpBadEmbedded);
    return false;
  }
  // Turned round, as packets that go the error's way are.
  alignas(8) std::array<std::uint8_t, sizeof(net::Ipv6Header)> turned;
  std::memcpy(turned.data(), packet.bytes() + inner.l3_offset,
              inner.is_ipv4() ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header));
  if (inner.is_ipv4()) {
    auto& ip = *reinterpret_cast<net::Ipv4Header*>(turned.data());
    std::swap(ip.source, ip.destination);
  } else {
    auto& ip = *reinterpret_cast<net::Ipv6Header*>(turned.data());
    std::swap(ip.source, ip.destination);
  }
  std::swap(inner.source_port, inner.destination_port);
  if (!policy.by_answer.empty()) {
    entry = entry_of(inner, turned.data(), packet.domain.value(), policy);
    if (entry != nullptr) return true;
  }
  make_lookup(lookup, inner, turned.data(), packet.domain.value(), !policy.by_source.empty(), policy,
              state.connections.flows().seed());
  return true;
}

// By the port of a source address. Who else sends to it has no business there, unless the appliance itself
// has the address.
void FindConnection::take_answer(Batch& batch, Packet& packet, const Answer& answer,
                                 const Policy& policy) noexcept {
  const std::uint64_t lane = std::uint64_t{1} << batch.lane(packet);
  packet.session = kNoConnection;
  if (answer.guess < state.connections.flows().capacity() &&
      state.connections[answer.guess].source_entry() == answer.entry)
    packet.session = answer.guess;
  packet.direction = static_cast<std::uint8_t>(Direction::kReverse);
  if ((state.related & lane) != 0) return;
  if (packet.session != kNoConnection) {
    const Connection& connection = state.connections[packet.session];
    if (connection.generation != policy.generation) [[unlikely]] {
      settle(batch, packet, policy);
      if ((batch.live_mask() & lane) == 0) return;
    }
  }
  if (packet.session != kNoConnection) {
    const Connection& connection = state.connections[packet.session];
    const Backend& backend = policy.backends[connection.backend];
    if (comes_from(packet, backend.address, backend.inward(connection.service_port()))) [[likely]] {
      state.backends[batch.lane(packet)] = connection.backend;
      state.bound |= lane;
      state.sourced |= lane;
      return;
    }
    packet.session = kNoConnection;
  }
  if (!is_own(packet.destination(), *batch.network, packet.domain)) batch.drop(packet, Drop::kNotAnAnswer);
}

// A connection that is known, but allowed by another policy, or opened by a SYN cookie.
void FindConnection::settle(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  Connection& connection = state.connections[packet.session];
  if (!policy.allows(connection)) {
    const Drop reason =
        policy.service(connection.service) == nullptr ? Drop::kServiceGone : Drop::kBackendGone;
    state.connections.close(std::exchange(packet.session, kNoConnection), ConnectionEnd::kPolicy);
    // What begins anew may have another backend.
    if (packet.headers.protocol == net::protocol::kTcp && !is_syn(packet.headers))
      return batch.drop(packet, reason);
    state.unsettled |= std::uint64_t{1} << batch.lane(packet);
    return;
  }
  connection.generation = policy.generation;
  if (connection.has(Connection::kProxied)) state.proxied |= std::uint64_t{1} << batch.lane(packet);
}

// A SYN from the client on the ports of a connection that is over, or whose backend gets no more of them: the
// old one gives way, and a backend is chosen again.
void FindConnection::begin_anew(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const Connection& connection = state.connections[packet.session];
  const Backend* backend = policy.backend(connection.backend);
  const bool usable = backend != nullptr && backend->state == Backend::State::kActive;
  if (usable && !connection.is_closing()) return;
  // Packets before this one are late: the record may be another connection's when they come to it.
  const ConnectionIndex old = packet.session;
  std::uint64_t unbound = 0;
  for (std::uint64_t lanes = state.bound & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    Packet& late = batch[lane];
    if (late.session != old) continue;
    late.session = kNoConnection;
    unbound |= std::uint64_t{1} << lane;
    if (static_cast<Direction>(late.direction) == Direction::kReverse)
      batch.drop(late, Drop::kUnknownConnection);
  }
  state.connections.close(old, ConnectionEnd::kClosed);
  state.bound &= ~unbound;
  state.sourced &= ~unbound;
  state.proxied &= ~unbound;
  state.unsettled |= unbound;
}

void FindConnection::process(Batch& batch, const Policy& policy) noexcept {
  const flow::FlowTable<Connection>& flows = state.connections.flows();
  state.unsettled = state.related = state.bound = state.answers = state.to_tunnel = state.sourced = 0;
  state.proxied = 0;
  std::uint64_t unread = 0;
  std::uint64_t to_source = 0;
  std::array<ConnectionIndex, Batch::kMaxSize> guesses;
  std::array<SourceAddress::Entry*, Batch::kMaxSize> entries;
  for (Packet& packet : batch) {
    const unsigned lane = batch.lane(packet);
    flow::FlowLookup& lookup = state.lookups[lane];
    state.backends[lane] = kNoId;
    SourceAddress::Entry* entry = nullptr;
    if (net::is_icmp_error(packet.headers)) [[unlikely]] {
      if (!look_inside(batch, packet, policy, lookup, entry)) {
        unread |= std::uint64_t{1} << lane;
        continue;
      }
      state.related |= std::uint64_t{1} << lane;
    } else if (!policy.by_answer.empty()) {
      entry = entry_of(packet.headers, packet.l3(), packet.domain.value(), policy);
    }
    if (entry != nullptr) {
      _mm_prefetch(entry, _MM_HINT_T0);
      entries[lane] = entry;
      to_source |= std::uint64_t{1} << lane;
      continue;
    }
    if ((state.related >> lane & 1U) != 0) [[unlikely]] {
      // Its lookup is made.
    } else if (const BackendId* from = make_lookup(lookup, packet.headers, packet.l3(), packet.domain.value(),
                                                   may_answer(batch, packet, policy), policy, flows.seed())) {
      state.answers |= std::uint64_t{1} << lane;
      state.backends[lane] = *from;
    }
    flows.prefetch_bucket(lookup.hash);
  }

  const std::uint64_t wanted = batch.live_mask() & ~unread;
  for (std::uint64_t lanes = wanted; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    if ((to_source >> lane & 1U) == 0) [[likely]] {
      guesses[lane] = flows.prefetch_record(state.lookups[lane]);
      continue;
    }
    guesses[lane] = SourceAddress::connection(*entries[lane]);
    if (guesses[lane] < flows.capacity()) flows.prefetch(guesses[lane]);
  }

  for (std::uint64_t lanes = wanted; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    const flow::FlowLookup& lookup = state.lookups[lane];
    Packet& packet = batch[lane];
    if ((to_source >> lane & 1U) != 0) {
      take_answer(batch, packet, {entries[lane], guesses[lane]}, policy);
      continue;
    }
    packet.session = flows.find(lookup, guesses[lane]);
    if (packet.session == kNoConnection) [[unlikely]] {
      state.unsettled |= std::uint64_t{1} << lane;
      continue;
    }
    const Connection& connection = flows[packet.session];
    packet.direction = static_cast<std::uint8_t>(connection.direction(lookup.sender));
    if (((state.answers >> lane) & 1U) != 0 && state.backends[lane] != connection.backend) [[unlikely]] {
      packet.session = kNoConnection;  // another backend's word
      state.unsettled |= std::uint64_t{1} << lane;
      continue;
    }
    state.backends[lane] = connection.backend;
    const auto another_policy = static_cast<unsigned>(connection.generation ^ policy.generation);
    if ((another_policy | (connection.flags & Connection::kProxied)) != 0) [[unlikely]] {
      settle(batch, packet, policy);
      if (packet.session == kNoConnection) continue;
    }
    state.bound |= std::uint64_t{1} << lane;
    state.sourced |= std::uint64_t{connection.source != nullptr} << lane;
    if (is_syn(packet.headers)) [[unlikely]]
      begin_anew(batch, packet, policy);
  }
  state.unsettled &= ~state.related;
  state.bound &= ~state.related;
  state.proxied &= ~state.related;
}

}  // namespace millrace::load_balancer
