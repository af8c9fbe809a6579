// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/find_binding.h"

#include <utility>

#include "common/core/embedded.h"
#include "common/net/icmp.h"
#include "common/net/translate_header.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/pptp_alg.h"

namespace millrace::nat {
namespace {

using core::Batch;
using core::Packet;

// Whether a translation is asked for: from inside always, from outside when it is to an address of ours.
bool is_asked(const Packet& packet, Role side, const core::Network& network) noexcept {
  if (!packet.headers.is_ipv4()) return false;
  if (side == Role::kInside) return true;
  if (side != Role::kOutside) return false;
  return network.next_hops[packet.next_hop.value()].kind == core::NextHop::Kind::kFunction;
}

// A packet from an IPv6 host inside to an IPv4 host outside.
bool goes_to_ipv4(const Packet& packet, Role side, const Policy& policy,
                  const core::Network& network) noexcept {
  return packet.headers.is_ipv6() && policy.nat64 && side == Role::kInside && packet.next_hop.valid() &&
         network.next_hops[packet.next_hop.value()].kind == core::NextHop::Kind::kFunction &&
         policy.nat64->prefix.contains(packet.l3_as<net::Ipv6Header>().destination);
}

}  // namespace

// The tuple of such a packet, or of those that go the way of an error; none when its host is no subscriber
// yet. False, and the packet dropped, when it can not be read or means nothing in IPv4.
bool FindBinding::look_through(Batch& batch, Packet& packet, Lookup& lookup, const Policy& policy) noexcept {
  const net::TranslationPrefix& prefix = policy.nat64->prefix;
  net::Headers seen = packet.headers;
  net::Ipv6Ends ends = net::Ipv6Ends::of(packet.l3_as<net::Ipv6Header>());
  if (net::is_icmp_error(packet.headers)) {
    seen = {};
    if (!core::read_embedded(packet, seen)) {
      batch.drop(packet, Drop::kIcmpBadEmbedded);
      return false;
    }
    const auto& ip = *reinterpret_cast<const net::Ipv6Header*>(packet.bytes() + seen.l3_offset);
    ends = {.source = ip.destination, .destination = ip.source};
    std::swap(seen.source_port, seen.destination_port);
  }
  // RFC 6146 section 3.5: a source in the prefix would come round again. RFC 6052 section 3.1.
  if (!prefix.contains(ends.destination) || prefix.contains(ends.source) ||
      !prefix.may_embed(prefix.extract(ends.destination))) {
    // RFC 7915 section 5.4; nobody is to be told at an address of the prefix.
    if (!prefix.contains(ends.source)) state.services.originator.admin_prohibited(packet, *batch.network);
    batch.drop(packet, Drop::kUntranslatable);
    return false;
  }
  const SubscriberIndex subscriber = state.bindings.find_subscriber(ends.source, packet.domain.value());
  const std::uint8_t protocol =
      seen.protocol == net::protocol::kIcmpv6 ? net::protocol::kIcmp : seen.protocol;
  lookup.tuple = subscriber == kNoIndex
                     ? Tuple::nobody()
                     : Tuple::of({subscriber, seen.source_port.wire()},
                                 Endpoint::of(prefix.extract(ends.destination), seen.destination_port),
                                 protocol, packet.domain.value(), Tuple::kSubscriber);
  return true;
}

// What the error is about went the other way: its tuple, turned round, is that of the packets that go the
// error's way. False, and the packet dropped, when it can not be read.
bool FindBinding::look_inside(Batch& batch, Packet& packet, Lookup& lookup) noexcept {
  net::Headers inner;
  if (!core::read_embedded(packet, inner)) {
    batch.drop(packet, Drop::kIcmpBadEmbedded);
    return false;
  }
  const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(packet.bytes() + inner.l3_offset);
  lookup.tuple = Tuple::of(Endpoint::of(ip.destination, inner.destination_port),
                           Endpoint::of(ip.source, inner.source_port), inner.protocol, packet.domain.value());
  return true;
}

// A packet of a call's tunnel shows its receiver's id, in each direction another.
void FindBinding::look_for_call(const Packet& packet, Lookup& lookup) noexcept {
  const pptp::TunnelHeader* header = tunnel_header(packet);
  if (header == nullptr) return;
  const Tuple& plain = lookup.tuple;
  const Tuple call = Tuple::of(plain.source(), {plain.destination().address, header->call_id.wire()},
                               plain.protocol(), plain.domain());
  if (state.bindings.find(call).session != kNoIndex) lookup.tuple = call;
}

void FindBinding::process(Batch& batch, const Policy& policy) noexcept {
  const BindingTable& bindings = state.bindings;
  const core::Network& network = *batch.network;
  state.unsettled = state.related = state.bound = state.mixed = state.watched = 0;
  std::uint64_t wanted = 0;
  for (std::uint64_t lanes = batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    Packet& packet = batch[lane];
    const Role side = policy.side(packet);
    const bool to_ipv4 = goes_to_ipv4(packet, side, policy, network);
    if (!to_ipv4 && !is_asked(packet, side, network)) [[unlikely]] {
      if (side == Role::kOutside && packet.headers.is_ipv4() && policy.role(packet.egress) == Role::kInside)
        state.unsettled |= std::uint64_t{1} << lane;
      continue;
    }
    const net::Headers& headers = packet.headers;
    Lookup& lookup = state.lookups[lane];
    if (to_ipv4) [[unlikely]] {
      if (!look_through(batch, packet, lookup, policy)) continue;
      if (net::is_icmp_error(headers)) state.related |= std::uint64_t{1} << lane;
    } else if (!headers.has_ports && net::is_icmp_error(headers)) [[unlikely]] {
      if (!look_inside(batch, packet, lookup)) continue;
      state.related |= std::uint64_t{1} << lane;
    } else {
      const auto& ip = packet.l3_as<net::Ipv4Header>();
      lookup.tuple = Tuple::of(Endpoint::of(ip.source, headers.source_port),
                               Endpoint::of(ip.destination, headers.destination_port), headers.protocol,
                               packet.domain.value());
      if (!headers.has_ports && policy.algs.has(AlgKind::kPptp)) [[unlikely]]
        look_for_call(packet, lookup);
    }
    packet.direction =
        static_cast<std::uint8_t>(side == Role::kInside ? Direction::kForward : Direction::kReverse);
    lookup.hash = lookup.tuple.hash(bindings.seed());
    bindings.prefetch_bucket(lookup.hash);
    wanted |= std::uint64_t{1} << lane;
  }

  std::array<std::uint32_t, Batch::kMaxSize> guesses;
  for (std::uint64_t lanes = wanted; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    guesses[lane] = bindings.prefetch_session(state.lookups[lane].hash);
  }

  for (std::uint64_t lanes = wanted; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    Packet& packet = batch[lane];
    const Found found = bindings.find(state.lookups[lane], guesses[lane]);
    packet.session = found.session;
    if (found.session == kNoIndex) [[unlikely]] {
      state.unsettled |= std::uint64_t{1} << lane;
      continue;
    }
    if (static_cast<std::uint8_t>(found.direction) != packet.direction) [[unlikely]] {
      batch.drop(packet, Drop::kSpoofed);
      continue;
    }
    const Session& session = bindings.session(found.session);
    state.bound |= std::uint64_t{1} << lane;
    if ((session.flags & (Session::kMixed | Session::kAlg)) != 0) [[unlikely]] {
      if (policy.nat64 && session.has(Session::kMixed)) state.mixed |= std::uint64_t{1} << lane;
      if (session.has(Session::kAlg)) state.watched |= std::uint64_t{1} << lane;
    }
    if (session.generation != policy.generation) [[unlikely]]
      state.unsettled |= std::uint64_t{1} << lane;
  }
  state.unsettled &= ~state.related;
  state.bound &= ~(state.related | state.mixed);
  state.watched &= ~state.related;
}

}  // namespace millrace::nat
