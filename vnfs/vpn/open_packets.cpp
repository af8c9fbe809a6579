// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/open_packets.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "common/core/address_checks.h"
#include "common/core/receive_marks.h"
#include "vnfs/vpn/decapsulate.h"
#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/prefetch.h"

namespace millrace::vpn {
namespace {

using core::Batch;
using core::Packet;

Drop reason_of(EspFault fault) noexcept {
  switch (fault) {
    case EspFault::kReplayed:
      return Drop::kReplayed;
    case EspFault::kPadding:
      return Drop::kEspPadding;
    case EspFault::kTruncated:
    case EspFault::kNone:
      break;
  }
  return Drop::kEspTruncated;
}

void refuse(Batch& batch, Packet& packet, EspFault fault, InboundFaults& faults) noexcept {
  (fault == EspFault::kReplayed ? faults.replayed : faults.malformed).add(1);
  batch.drop(packet, reason_of(fault));
}

bool is_meant(const Packet& packet, const Inbound& association) noexcept {
  if (association.selectors.empty()) return true;
  const Ends ends = Ends::of(packet, false);
  return std::ranges::any_of(association.selectors,
                             [&](const SelectorMatch& selector) { return selector.matches(ends); });
}

}  // namespace

// First what says where the keys are, then the keys and the words of the replay windows.
void OpenPackets::prefetch_all() noexcept {
  each_lane(state.to_open, [&](unsigned lane) {
    const InboundState* inbound = state.inbound[lane]->state;
    prefetch(inbound, offsetof(InboundSa, window) + sizeof(std::uint64_t));
    prefetch(&inbound->lifetime, sizeof inbound->lifetime + sizeof inbound->use);
  });
  each_lane(state.to_open, [&](unsigned lane) {
    const InboundSa& sa = state.inbound[lane]->state->esp;
    __builtin_prefetch(sa.key);
    prefetch(sa.key_material.data(), sa.key_material.size());
    be32 number;
    std::memcpy(&number, state.esp[lane].esp + sizeof(be32), sizeof number);
    sa.window.prefetch(number.host());
  });
}

unsigned OpenPackets::prepare(Batch& batch) noexcept {
  unsigned count = 0;
  for (std::uint64_t lanes = state.to_open; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    InboundState& inbound = *state.inbound[lane]->state;
    if (inbound.lifetime.is_over()) [[unlikely]] {
      batch.drop(batch[lane], Drop::kLifetimeOver);
      continue;
    }
    const EspFault fault =
        prepare_open(inbound.esp, state.esp[lane], state.scratch[count], state.operations[count]);
    if (fault != EspFault::kNone) [[unlikely]] {
      refuse(batch, batch[lane], fault, inbound.faults);
      continue;
    }
    state.lanes[count++] = static_cast<std::uint8_t>(lane);
  }
  return count;
}

// What has come by the association, and whether that was all it may carry.
[[gnu::always_inline]] inline void OpenPackets::watch(const Inbound& association, unsigned bytes,
                                                      Tick now) noexcept {
  const Lifetime::Passed passed = count(*association.state, bytes, now);
  if (passed == Lifetime::Passed::kNothing) [[likely]]
    return;
  state.events.push({.kind = event_of(passed),
                     .outbound = false,
                     .slot = association.slot,
                     .spi = association.spi,
                     .tunnel = association.tunnel,
                     .address = {},
                     .local = {}});
}

// A NAT on the way has changed its mind, or the peer has moved: RFC 7296 section 2.23. Told once, until key
// exchange has said where packets go from now on.
void OpenPackets::watch_ends(const Packet& packet, const Inbound& association) noexcept {
  InboundState& inbound = *association.state;
  const net::IpAddress source = packet.source();
  const std::uint16_t port = packet.headers.source_port.host();
  const bool same = source == association.remote && port == association.udp->remote;
  if (same == !inbound.told_other_ends) return;
  inbound.told_other_ends = !same;
  if (same) return;
  state.events.push({.kind = AssociationEvent::Kind::kOtherEnds,
                     .outbound = false,
                     .port = port,
                     .slot = association.slot,
                     .spi = association.spi,
                     .tunnel = association.tunnel,
                     .address = source,
                     .local = {}});
}

[[gnu::always_inline]] inline void OpenPackets::finish(Batch& batch, Packet& packet) noexcept {
  const unsigned lane = batch.lane(packet);
  const Inbound& association = *state.inbound[lane];
  InboundState& inbound = *association.state;
  const EspPayload payload = finish_open(inbound.esp, state.esp[lane]);
  if (payload.fault != EspFault::kNone) [[unlikely]]
    return refuse(batch, packet, payload.fault, inbound.faults);
  if (association.udp && packet.headers.protocol == net::protocol::kUdp) watch_ends(packet, association);
  watch(association, payload.bytes, batch.now);
  core::mark_checksum_good(*packet.mbuf);
  const bool taken_out = association.mode == Mode::kTunnel ? take_from_tunnel(batch, packet, payload)
                                                           : take_from_transport(batch, packet, payload);
  if (!taken_out) [[unlikely]] {
    if (payload.next_header != net::protocol::kIpv6NoNext) inbound.faults.malformed.add(1);
    return;
  }
  if (!is_meant(packet, association)) [[unlikely]] {
    inbound.faults.refused.add(1);
    return batch.drop(packet, Drop::kInnerRefused);
  }
  const core::Network& network = *batch.network;
  packet.ingress = state.arrivals.of(association, packet.ingress, network);
  packet.domain = network.interfaces[packet.ingress.value()].domain;
  packet.next_hop = network.find_route(packet.domain, packet.destination());
  if (packet.next_hop.valid()) packet.egress = network.next_hops[packet.next_hop.value()].interface;
  state.opened |= std::uint64_t{1} << lane;
  if (!core::ordinary_addresses(packet)) [[unlikely]]
    judge_addresses(batch, packet, association);
}

// As ingress does with what comes by a port: core/ingress.cpp. What goes no further than its link is the
// twin's where the tunnel is a link.
void OpenPackets::judge_addresses(Batch& batch, Packet& packet, const Inbound& association) noexcept {
  core::AddressVerdict verdict = core::judge_addresses(packet);
  const bool has_link = association.interface != 0 && batch.network->to_host.valid();
  if (verdict.to_host && !has_link) verdict.reason = core::Drop::kMulticast;
  if (verdict.reason == core::Drop::kNone && !verdict.to_host && core::has_link_scope_source(packet))
    verdict.reason = core::Drop::kMartianSource;
  if (verdict.reason != core::Drop::kNone) {
    association.state->faults.refused.add(1);
    return batch.drop(packet, verdict.reason);
  }
  if (verdict.to_host) packet.next_hop = batch.network->to_host;
}

void OpenPackets::process(Batch& batch, const Policy& policy) noexcept {
  state.arrivals.begin(*batch.network, policy.associations());
  if (state.many_inbound) prefetch_all();
  const unsigned count = prepare(batch);
  const std::uint64_t genuine = state.engine->open({state.operations.data(), count});
  for (unsigned i = 0; i < count; ++i) {
    Packet& packet = batch[state.lanes[i]];
    if ((genuine >> i & 1U) == 0) [[unlikely]] {
      state.inbound[state.lanes[i]]->state->faults.forged.add(1);
      batch.drop(packet, Drop::kForged);
      continue;
    }
    finish(batch, packet);
  }
}

}  // namespace millrace::vpn
