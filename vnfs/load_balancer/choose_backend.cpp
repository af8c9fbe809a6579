// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/choose_backend.h"

#include <utility>

#include "common/core/reject.h"
#include "vnfs/load_balancer/deltas.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/full_nat.h"
#include "vnfs/load_balancer/schedule.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::Packet;

Place destination_of(const Packet& packet) noexcept {
  return packet.headers.is_ipv4()
             ? Place::of(packet.l3_as<net::Ipv4Header>().destination, packet.domain.value())
             : Place::of(packet.l3_as<net::Ipv6Header>().destination, packet.domain.value());
}

Client client_of(const Packet& packet) noexcept {
  return {.address = packet.source(),
          .port = packet.headers.source_port,
          .service_port = packet.headers.destination_port,
          .protocol = packet.headers.protocol};
}

bool goes_by_itself(const Packet& packet, const Service& service) noexcept {
  return service.per_packet && packet.headers.protocol == net::protocol::kUdp;
}

// The backend that the connection id of a QUIC packet names; kNoId of all others.
BackendId named_backend(const Packet& packet, const Service& service, const Policy& policy) noexcept {
  const net::Headers& headers = packet.headers;
  if (service.quic == nullptr || headers.protocol != net::protocol::kUdp || headers.later_fragment())
    return kNoId;
  const std::size_t end = std::min<std::size_t>(packet.mbuf->data_len, headers.end_offset);
  if (end <= headers.payload_offset) return kNoId;
  const BackendId named =
      service.quic->find(Bytes(packet.bytes() + headers.payload_offset, end - headers.payload_offset));
  return named != kNoId && policy.backend(named) != nullptr ? named : kNoId;
}

}  // namespace

// False when the packet was dropped.
bool ChooseBackend::open(Batch& batch, Packet& packet, ServiceId id, BackendId backend, const Proof& proof,
                         const Policy& policy) noexcept {
  const Service& service = policy.services[id];
  const flow::FlowLookup& lookup = state.lookups[batch.lane(packet)];
  const Tick now = batch.now;
  Connection begun{};
  begun.last_seen = now;
  begun.backend = backend;
  begun.service = id;
  begun.generation = policy.generation;
  if (service.forwarding != Forwarding::kNat && service.forwarding != Forwarding::kFullNat)
    begun.flags |= Connection::kOneWay;
  if (proof) {
    begun.flags |= Connection::kProxied | Connection::kJoining;
    begun.tcp = tcp_seen::kSynOut;
    begun.halves.cookie = proof->cookie;
    begun.halves.client_sequence = proof->initial_sequence;
    begun.halves.client_window = packet.l4_as<net::TcpHeader>().window.host();
    begun.halves.client_segment_size = proof->segment_size;
  } else if (packet.headers.protocol == net::protocol::kTcp &&
             (packet.headers.tcp_flags & net::tcp_flag::kSyn) == 0) {
    begun.tcp = tcp_seen::kAckOut;  // another instance had it, or this one before
  }
  const bool full_nat = service.forwarding == Forwarding::kFullNat;
  if (full_nat) {
    begun.key = lookup.key;
    if (const auto reason = FullNat{state}.begin(packet, service, policy.backends[backend], begun)) {
      if (*reason == Drop::kNoSourcePort) state.tallies.service(id).without_source.add(1);
      batch.drop(packet, *reason);
      return false;
    }
  } else {
    const Deltas deltas = deltas_of(service, policy.backends[backend], packet.headers.destination_port);
    begun.ip_delta = deltas.ip;
    begun.transport_delta = deltas.transport;
  }
  packet.session = state.connections.open(lookup, begun, service.timeouts, now);
  if (packet.session != kNoConnection) return true;
  if (full_nat) state.source_ports.give_back(begun);
  if (proof) return true;  // the client will be told
  state.tallies.service(id).without_record.add(1);
  if (full_nat) {
    batch.drop(packet, Drop::kNoRecord);
    return false;
  }
  state.has_overflowed = true;
  state.overflowed_at = now;
  return true;
}

// The ACK that brought a cookie back becomes the SYN it stands for.
void ChooseBackend::ask_backend(Batch& batch, Packet& packet, const core::SynProxy::Proof& proof) noexcept {
  if (packet.session == kNoConnection) {
    core::send_refusal(packet, *batch.network, state.services.originator);
    return batch.drop(packet, Drop::kTableFull);
  }
  const std::uint16_t window = state.connections[packet.session].halves.client_window;
  if (core::rewrite_tcp(packet, core::opening_of(proof.initial_sequence, window, proof.segment_size))) return;
  state.connections.close(std::exchange(packet.session, kNoConnection), ConnectionEnd::kClosed);
  batch.drop(packet, core::Drop::kNoMemory);
}

void ChooseBackend::refuse(Batch& batch, Packet& packet, const Service& service, Drop why) noexcept {
  // Who comes too fast gets no answer: the client's next try, a second later, may do. But with a cookie there
  // is none: it believes that it is connected.
  const bool tries_again = why == Drop::kClientRate && begins(packet.headers);
  if (service.all_down == AllDown::kReject && !tries_again)
    core::send_refusal(packet, *batch.network, state.services.originator);
  batch.drop(packet, why);
}

bool ChooseBackend::over_limit(Batch& batch, Packet& packet, ServiceId id, const Service& service,
                               flow::SourceIndex& entry) noexcept {
  const auto why = state.limits.refuse(packet.source(), id, service, batch.now, entry);
  if (!why) return false;
  ServiceTally& tally = state.tallies.service(id);
  Counter& counter = *why == Drop::kClientRate          ? tally.over_client_rate
                     : *why == Drop::kClientConnections ? tally.over_client_connections
                                                        : tally.over_connections;
  counter.add(1);
  refuse(batch, packet, service, *why);
  return true;
}

// Whether a packet of no known connection may begin one, or go on here; otherwise it was dropped.
bool ChooseBackend::admit(Batch& batch, Packet& packet, ServiceId id, const Policy& policy,
                          Beginning& beginning) noexcept {
  const Service& service = policy.services[id];
  const bool tcp = packet.headers.protocol == net::protocol::kTcp;
  const flow::FlowLookup& lookup = state.lookups[batch.lane(packet)];
  core::Originator& originator = state.services.originator;
  if (tcp && !beginning.fresh && state.syn_guard.asks_for_cookie(service.protection)) [[unlikely]] {
    beginning.proof = state.syn_guard.redeem(batch, packet, lookup);
    if (!beginning.proof) return false;
    beginning.fresh = true;
  }
  if (!beginning.fresh) return true;
  if (policy.draining) {
    // A client whose cookie came back believes that it is connected.
    if (beginning.proof) core::send_refusal(packet, *batch.network, originator);
    batch.drop(packet, Drop::kDraining);
    return false;
  }
  if (!tcp) return true;
  // Where no backend is up the client is told at once, as the service has it.
  if (!beginning.proof && !service.choices.empty() &&
      state.syn_guard.answer(batch, packet, lookup, id, service.protection, originator))
    return false;
  return !service.protection.limits() || !over_limit(batch, packet, id, service, beginning.client);
}

// A connection that was just opened.
void ChooseBackend::count(const Packet& packet, const Beginning& beginning, const Service& service) noexcept {
  Connection& connection = state.connections[packet.session];
  if (beginning.fresh) {
    state.limits.opened(connection, beginning.client);
  } else {
    state.limits.adopted(connection, packet.source(), service);
  }
}

// An answer to a packet that was balanced by itself, or to a client whose packets were balanced by their hash
// alone: that tells whether it is one.
void ChooseBackend::answer_without_record(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const unsigned lane = batch.lane(packet);
  const BackendId from = state.backends[lane];
  const ServiceId id = policy.backends[from].service;
  const Service& service = policy.services[id];
  const bool by_itself = goes_by_itself(packet, service);
  if (!by_itself && !(state.overflowed(batch.now) && service.is_consistent())) return;
  const Client client{.address = packet.destination(),
                      .port = packet.headers.destination_port,
                      .service_port = policy.backends[from].outward(packet.headers.source_port),
                      .protocol = packet.headers.protocol};
  if (!by_itself && choose_by_hash(service, hash_of(client, service, policy.hash_seed)) != from) return;
  packet.direction = static_cast<std::uint8_t>(Direction::kReverse);
  state.bound |= std::uint64_t{1} << lane;
}

BackendId ChooseBackend::choose_new(const Packet& packet, ServiceId id, const Policy& policy) noexcept {
  const Service& service = policy.services[id];
  // Fragments of one datagram must meet.
  if (service.is_consistent() || (goes_by_itself(packet, service) && packet.headers.is_fragment))
    return choose_by_hash(service, hash_of(client_of(packet), service, policy.hash_seed));
  if (service.scheduler == Scheduler::kLeastConnections && !service.per_packet)
    return choose_least(service, state.tallies);
  return choose_in_turn(service, state.tallies.service(id).turn);
}

void ChooseBackend::choose(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const unsigned lane = batch.lane(packet);
  if (((state.answers >> lane) & 1U) != 0) return answer_without_record(batch, packet, policy);
  const net::Headers& headers = packet.headers;
  if (headers.protocol == net::protocol::kIcmp || headers.protocol == net::protocol::kIcmpv6)
    return;  // the twin answers for the address
  const Place place = destination_of(packet);
  if (headers.later_fragment() && !headers.has_ports) {
    if (policy.by_destination.knows(place)) batch.drop(packet, Drop::kFragmentUnmatched);
    return;
  }
  const ServiceId* found =
      policy.by_destination.find(place, headers.protocol, headers.destination_port.host());
  if (found == nullptr) return;
  const ServiceId id = *found;
  const Service& service = policy.services[id];
  // An earlier packet of this batch may have opened the connection.
  const ConnectionIndex known = state.connections.flows().find(state.lookups[lane]);
  if (known != kNoConnection) {
    packet.session = known;
    state.backends[lane] = state.connections[known].backend;
    if (state.connections[known].has(Connection::kProxied)) state.proxied |= std::uint64_t{1} << lane;
  } else {
    Beginning beginning{.fresh = begins(headers)};
    if (!admit(batch, packet, id, policy, beginning)) return;
    // Of full_nat its backend knows it from a source that nobody remembers.
    if (service.forwarding == Forwarding::kFullNat && !beginning.fresh)
      return batch.drop(packet, Drop::kUnknownConnection);
    const BackendId named = named_backend(packet, service, policy);
    if (named == kNoId && !beginning.fresh && !service.is_consistent())
      return batch.drop(packet, Drop::kUnknownConnection);
    const BackendId chosen = named != kNoId ? named : choose_new(packet, id, policy);
    if (chosen == kNoId) {
      state.tallies.service(id).refused.add(1);
      return refuse(batch, packet, service, Drop::kNoBackend);
    }
    state.backends[lane] = chosen;
    if (goes_by_itself(packet, service)) {
      state.tallies.service(id).connections.add(1);
      state.tallies.backend(chosen).connections.add(1);
    } else {
      if (!open(batch, packet, id, chosen, beginning.proof, policy)) return;
      if (headers.protocol == net::protocol::kTcp && packet.session != kNoConnection)
        count(packet, beginning, service);
      if (beginning.proof) ask_backend(batch, packet, *beginning.proof);
    }
  }
  packet.direction = static_cast<std::uint8_t>(Direction::kForward);
  state.bound |= std::uint64_t{1} << lane;
  if (packet.session != kNoConnection && state.connections[packet.session].source != nullptr)
    state.sourced |= std::uint64_t{1} << lane;
}

void ChooseBackend::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.unsettled & batch.live_mask(); lanes != 0; lanes &= lanes - 1)
    choose(batch, batch[static_cast<unsigned>(std::countr_zero(lanes))], policy);
}

}  // namespace millrace::load_balancer
