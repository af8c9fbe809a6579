// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/find_policy.h"

#include <array>

#include "common/core/owner.h"
#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/esp_datagram.h"
#include "vnfs/vpn/prefetch.h"

namespace millrace::vpn {
namespace {

using core::Batch;
using core::NextHop;
using core::Packet;

bool is_own(const Packet& packet) noexcept { return packet.made_here || packet.from_host; }

// RFC 7296 section 2: what the key exchange of our own twin says, and what is said to it, goes as it is,
// whatever the tunnels are for.
bool is_key_exchange(const Packet& packet, bool to_us) noexcept {
  if (!to_us && !packet.from_host) return false;
  const net::Headers& headers = packet.headers;
  return headers.protocol == net::protocol::kUdp && headers.has_ports &&
         is_key_exchange_port(to_us ? headers.destination_port : headers.source_port);
}

// The tunnel of the interface by which the packet is to leave; 0: it has a port. For what the twin says the
// kernel has chosen, and what the appliance says itself is routed only now.
std::uint32_t tunnel_of(const Packet& packet, const core::Network& network) noexcept {
  if (packet.from_host) return network.interfaces[packet.ingress.value()].tunnel;
  const core::NextHopId by =
      packet.made_here ? network.find_route(packet.domain, packet.destination()) : packet.next_hop;
  if (!by.valid()) return 0;
  const NextHop& hop = network.next_hops[by.value()];
  return hop.kind == NextHop::Kind::kTunnel ? network.interfaces[hop.interface.value()].tunnel : 0;
}

bool ends_here(const Packet& packet, const core::Network& network) noexcept {
  if (!packet.next_hop.valid()) return false;
  const NextHop::Kind kind = network.next_hops[packet.next_hop.value()].kind;
  return kind == NextHop::Kind::kHost || kind == NextHop::Kind::kFunction;
}

}  // namespace

// RFC 4301 section 5.2, step 3a: what should have been protected is not let in as it is.
[[gnu::always_inline]] inline bool FindPolicy::may_have_come(Batch& batch, Packet& packet,
                                                             const Associations& associations) noexcept {
  const Rule* rule = associations.find(Ends::of(packet, false));
  if (rule == nullptr || rule->action == Action::kBypass) [[likely]]
    return true;
  batch.drop(packet, rule->action == Action::kDiscard ? Drop::kDiscarded : Drop::kClearText);
  return false;
}

// Of several associations that share a tunnel's packets, the flow's: one of this worker's own where it has
// any, for the port has spread the flows over the workers before.
[[gnu::noinline]] const Outbound* FindPolicy::share_of(
    const Packet& packet, std::span<const Outbound* const> sharers) const noexcept {
  std::array<const Outbound*, kMostSharers> own;
  std::size_t count = 0;
  for (const Outbound* one : sharers) {
    if (count < own.size() && state.owns(*one)) own[count++] = one;
  }
  const std::span<const Outbound* const> choice = count != 0 ? std::span(own).first(count) : sharers;
  // The upper bits: the lower ones have chosen the worker.
  const std::uint64_t hash = core::flow_hash(packet.headers, packet.first_segment());
  return choice[hash * choice.size() >> 32];
}

[[gnu::always_inline]] inline void FindPolicy::protect(Batch& batch, Packet& packet,
                                                       const Associations& associations, const Rule& rule,
                                                       const Ends& ends) noexcept {
  const Outbound* outbound = rule.outbound;
  if (outbound == nullptr) [[unlikely]] {
    state.events.push({.kind = AssociationEvent::Kind::kAcquire,
                       .outbound = true,
                       .protocol = ends.protocol,
                       .port = ends.has_ports ? ends.remote_port : std::uint16_t{0},
                       .local_port = ends.has_ports ? ends.local_port : std::uint16_t{0},
                       .tunnel = rule.tunnel,
                       .address = ends.remote_address(),
                       .local = ends.local_address()});
    return batch.drop(packet, Drop::kNoAssociation);
  }
  if (rule.sharers != 0) [[unlikely]]
    outbound = share_of(packet, associations.sharers(rule));
  if (!state.owns(*outbound)) [[unlikely]] {
    // There it looks like one that a port has brought, so it is counted as made here.
    if (packet.from_host) state.services.counters.originated.add(1);
    return state.services.restart.send(batch, packet, packet.ingress, outbound->bucket);
  }
  const unsigned lane = batch.lane(packet);
  if (state.last_outbound != nullptr && outbound != state.last_outbound) {
    state.many_outbound = true;
    prefetch(outbound, sizeof(Outbound));
  }
  state.last_outbound = outbound;
  state.outbound[lane] = outbound;
  state.to_seal |= std::uint64_t{1} << lane;
}

// The route leads to a tunnel's own interface, which has these policies.
void FindPolicy::leave_by(Batch& batch, Packet& packet, const Associations& associations,
                          std::uint32_t tunnel, const Ends& ends) noexcept {
  const Rule* rule = associations.find(tunnel, ends);
  if (rule != nullptr && rule->action == Action::kProtect) [[likely]]
    return protect(batch, packet, associations, *rule, ends);
  if (!packet.made_here) state.services.originator.no_route(packet, *batch.network);
  batch.drop(packet, Drop::kTunnelDown);
}

// Ingress has let it come without a route, because a policy might have known one. What the appliance itself
// sends is routed later.
void FindPolicy::leave_plain(Batch& batch, Packet& packet) noexcept {
  if (packet.next_hop.valid() || is_own(packet)) [[likely]]
    return;
  state.services.originator.no_route(packet, *batch.network);
  batch.drop(packet, core::Drop::kNoRoute);
}

void FindPolicy::process(Batch& batch, const Policy& policy) noexcept {
  const Associations& associations = policy.associations();
  const core::Network& network = *batch.network;
  for (Packet& packet : batch) {
    const std::uint64_t lane = std::uint64_t{1} << batch.lane(packet);
    const bool to_us = (state.ours & lane) != 0;
    if (is_key_exchange(packet, to_us)) continue;
    const bool trusted = (state.opened & lane) != 0 || packet.restarted || is_own(packet);
    if (!trusted && !may_have_come(batch, packet, associations)) continue;
    if (to_us || ends_here(packet, network)) continue;
    const Ends ends = Ends::of(packet, true);
    const Rule* rule = associations.find(ends);
    if (rule == nullptr || rule->action == Action::kBypass) {
      const std::uint32_t tunnel = tunnel_of(packet, network);
      if (tunnel == 0) [[likely]] {
        leave_plain(batch, packet);
      } else {
        leave_by(batch, packet, associations, tunnel, ends);
      }
    } else if (rule->action == Action::kProtect) [[likely]] {
      protect(batch, packet, associations, *rule, ends);
    } else {
      batch.drop(packet, Drop::kDiscarded);
    }
  }
}

}  // namespace millrace::vpn
