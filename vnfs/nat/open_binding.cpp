// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/open_binding.h"

#include <algorithm>

#include "common/flow/tcp.h"
#include "common/net/icmp.h"

namespace millrace::nat {
namespace {

using core::Batch;
using core::Packet;

// What of the remote end a mapping depends on.
Endpoint masked(Endpoint remote, Dependence dependence) noexcept {
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

bool goes_to_function(const Packet& packet, const core::Network& network) noexcept {
  return packet.next_hop.valid() &&
         network.next_hops[packet.next_hop.value()].kind == core::NextHop::Kind::kFunction;
}

bool is_own_address(const core::Network& network, core::InterfaceId interface,
                    const net::IpAddress& address) noexcept {
  if (!interface.valid()) return false;
  return std::ranges::any_of(network.interfaces[interface.value()].addresses,
                             [&](const net::InterfaceAddress& own) { return own.address == address; });
}

Drop drop_of(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::kPool:
      return Drop::kPoolExhausted;
    case Refusal::kSubscriber:
      return Drop::kSubscriberPorts;
    case Refusal::kTableFull:
    case Refusal::kNone:
      break;
  }
  return Drop::kSessionTableFull;
}

// The remote end as packets from outside show it: ICMP queries have one identifier, that of our side.
Endpoint seen_from_outside(Endpoint remote, Endpoint outside, std::uint8_t protocol) noexcept {
  return protocol == net::protocol::kIcmp ? Endpoint{remote.address, outside.port} : remote;
}

}  // namespace

void OpenBinding::refuse(Batch& batch, Packet& packet, const RefusedPacket& refused) noexcept {
  state.services.originator.admin_prohibited(packet, *batch.network);
  state.events.refused(refused, batch.now);
  batch.drop(packet, refused.reason);
}

// Whether the packet could begin a session, whatever the rules say.
bool OpenBinding::may_open(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.later_fragment() && !headers.has_ports) {
    batch.drop(packet, Drop::kFragmentUnmatched);
    return false;
  }
  if (!port_space(headers.protocol)) {
    batch.drop(packet, Drop::kUnsupportedProtocol);
    return false;
  }
  if (headers.protocol == net::protocol::kTcp) {
    using namespace net::tcp_flag;
    if (!flow::tcp_flags_valid(headers.tcp_flags)) {
      batch.drop(packet, Drop::kTcpInvalidFlags);
      return false;
    }
    if ((headers.tcp_flags & (kSyn | kAck | kRst | kFin)) != kSyn) {
      batch.drop(packet, Drop::kTcpNotSyn);
      return false;
    }
  } else if (headers.protocol == net::protocol::kIcmp &&
             (net::is_icmp_reply(headers) || !headers.has_ports)) {
    batch.drop(packet, Drop::kIcmpUnsolicited);
    return false;
  }
  if (policy.draining) {
    batch.drop(packet, Drop::kDraining);
    return false;
  }
  return true;
}

void OpenBinding::open_session(Batch& batch, Packet& packet, const BindingTable::NewSession& wanted,
                               const Policy& policy) noexcept {
  const SessionIndex index = state.bindings.open_session(wanted, policy.timeouts, batch.now);
  if (index == kNoIndex) {
    BindingTable& bindings = state.bindings;
    const Mapping mapping = bindings.mapping(wanted.mapping);
    const Subscriber subscriber = bindings.subscriber(mapping.subscriber);
    if (mapping.sessions == 0) bindings.close_mapping(wanted.mapping, batch.now);
    return refuse(batch, packet,
                  {.reason = Drop::kSessionTableFull,
                   .inside = subscriber.address,
                   .domain = subscriber.domain,
                   .inside_port = mapping.inside_port,
                   .protocol = mapping.protocol,
                   .subscriber = mapping.subscriber});
  }
  packet.session = index;
  state.bound |= std::uint64_t{1} << batch.lane(packet);
}

// The mapping for a packet from inside, known or new; kNoIndex when there is none, and the packet dropped.
MappingIndex OpenBinding::mapping_for(Batch& batch, Packet& packet, const Rule& rule,
                                      const Policy& policy) noexcept {
  BindingTable& bindings = state.bindings;
  const Pool& pool = policy.pools[*rule.pool];
  const net::IpAddress source = packet.source();
  const SubscriberIndex number =
      bindings.open_subscriber(source, packet.domain.value(), bucket_of_inside(source), batch.now);
  const Tuple& tuple = state.lookups[batch.lane(packet)].tuple;
  const auto refuse_for = [&](Drop reason) {
    refuse(batch, packet,
           {.reason = reason,
            .inside = source,
            .domain = packet.domain.value(),
            .inside_port = tuple.source().port,
            .protocol = tuple.protocol(),
            .subscriber = number,
            .pool = &pool});
    return kNoIndex;
  };
  if (number == kNoIndex) return refuse_for(Drop::kSubscriberTableFull);
  if (bindings.subscriber(number).sessions >= pool.sessions_per_subscriber)
    return refuse_for(Drop::kSubscriberSessions);
  const Endpoint remote = masked(tuple.destination(), rule.mapping);
  const MappingIndex known = bindings.find_mapping(number, tuple.source().port, tuple.protocol(), remote);
  if (known != kNoIndex) return known;
  const auto opened = bindings.open_mapping({.subscriber = number,
                                             .inside_port = tuple.source().port,
                                             .protocol = tuple.protocol(),
                                             .flags = Mapping::filtering_flags(rule.filtering),
                                             .remote = remote},
                                            pool, batch.now);
  if (opened.mapping == kNoIndex) return refuse_for(drop_of(opened.refusal));
  return opened.mapping;
}

void OpenBinding::open_outward(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const core::Network& network = *batch.network;
  const Tuple& tuple = state.lookups[batch.lane(packet)].tuple;
  // An earlier packet of this batch may have opened the session.
  if (const Found found = state.bindings.find(state.lookups[batch.lane(packet)]); found.session != kNoIndex) {
    packet.session = found.session;
    state.bound |= std::uint64_t{1} << batch.lane(packet);
    return;
  }
  const bool hairpin = goes_to_function(packet, network);
  if (hairpin &&
      !policy.owner_of_outside(tuple.destination().ipv4(), tuple.destination().wire_port(), tuple.domain())) {
    return;  // nobody's port: the address may be the appliance's own
  }
  if (!hairpin && packet.next_hop.valid() && policy.role(packet.egress) != Role::kOutside) return;
  const Rule* rule = policy.match(packet.ingress, packet.source(), packet.destination());
  if (rule == nullptr) return batch.drop(packet, Drop::kNoRule);
  if (!rule->pool) return;
  if (hairpin && !policy.hairpin) return batch.drop(packet, Drop::kHairpinOff);
  if (!may_open(batch, packet, policy)) return;
  const MappingIndex number = mapping_for(batch, packet, *rule, policy);
  if (number == kNoIndex) return;
  const Mapping& mapping = state.bindings.mapping(number);
  const Endpoint remote = seen_from_outside(tuple.destination(), mapping.outside(), tuple.protocol());
  open_session(batch, packet,
               {.mapping = number,
                .outward = tuple,
                .inward = Tuple::of(remote, mapping.outside(), tuple.protocol(), mapping.domain),
                .first = Direction::kForward,
                .list_remote = mapping.filters_by_address(),
                .generation = policy.generation},
               policy);
}

void OpenBinding::open_inward(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const core::Network& network = *batch.network;
  BindingTable& bindings = state.bindings;
  if (!goes_to_function(packet, network)) {
    // To an inside address as it is: only as the answer to what leaves as it is (RFC 6888 REQ-6).
    const Rule* rule = policy.match(packet.egress, packet.destination(), packet.source());
    if (rule == nullptr || rule->pool) batch.drop(packet, Drop::kNotTranslated);
    return;
  }
  const Lookup& lookup = state.lookups[batch.lane(packet)];
  if (const Found found = bindings.find(lookup); found.session != kNoIndex) {
    packet.session = found.session;
    state.bound |= std::uint64_t{1} << batch.lane(packet);
    return;
  }
  const Tuple& tuple = lookup.tuple;
  const Endpoint outside = tuple.destination();
  const MappingIndex number = bindings.find_mapping(outside, tuple.protocol(), tuple.domain());
  if (number == kNoIndex || bindings.mapping(number).has(Mapping::kQuarantined)) {
    const core::NextHop& hop = network.next_hops[packet.next_hop.value()];
    if (is_own_address(network, hop.interface, packet.destination())) return;  // the twin's
    return batch.drop(packet, Drop::kNoBinding);
  }
  const Mapping& mapping = bindings.mapping(number);
  if (!lets_in(mapping, tuple.source())) return batch.drop(packet, Drop::kFiltered);
  if (!may_open(batch, packet, policy)) return;
  const Subscriber& subscriber = bindings.subscriber(mapping.subscriber);
  const Endpoint inside{subscriber.address.v4().value.wire(), mapping.inside_port};
  const Endpoint remote = tuple.protocol() == net::protocol::kIcmp
                              ? Endpoint{tuple.source().address, mapping.inside_port}
                              : tuple.source();
  open_session(batch, packet,
               {.mapping = number,
                .outward = Tuple::of(inside, remote, tuple.protocol(), subscriber.domain),
                .inward = tuple,
                .first = Direction::kReverse,
                .list_remote = mapping.filters_by_address(),
                .generation = policy.generation},
               policy);
}

// RFC 4787 section 5.
bool OpenBinding::lets_in(const Mapping& mapping, Endpoint remote) const noexcept {
  if (mapping.remote_address != 0 && mapping.remote_address != remote.address) return false;
  if (mapping.remote_port != 0 && mapping.remote_port != remote.port) return false;
  switch (mapping.filtering()) {
    case Dependence::kEndpoint:
      return true;
    case Dependence::kAddress:
      return state.bindings.has_remote(mapping, remote.address);
    case Dependence::kAddressAndPort:
      break;
  }
  return false;  // a session would be known
}

// A session of another policy goes on when this one would give it the same pool.
bool OpenBinding::still_allowed(const Packet& packet, const Session& session,
                                const Policy& policy) const noexcept {
  const Mapping& mapping = state.bindings.mapping(session.mapping);
  const Policy::Place* place = policy.find(session.outside().ipv4(), mapping.domain);
  if (place == nullptr || !policy.pools[place->pool].has_port(mapping.outside_port_host())) return false;
  const Subscriber& subscriber = state.bindings.subscriber(mapping.subscriber);
  const bool outward = static_cast<Direction>(packet.direction) == Direction::kForward;
  // From outside it is not known by which interface the session's packets come in: any will do.
  const net::IpAddress remote = session.remote().ipv4();
  return std::ranges::any_of(policy.rules, [&](const Rule& rule) {
    const bool here = !outward || rule.matches(packet.ingress, subscriber.address, remote);
    return here && rule.pool == place->pool;
  });
}

void OpenBinding::settle(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  Session& session = state.bindings.session(packet.session);
  if (session.tuple[packet.direction] != state.lookups[batch.lane(packet)].tuple)
    return;  // Translate drops it
  if (still_allowed(packet, session, policy)) {
    session.generation = policy.generation;
    return;
  }
  state.bindings.close_session(packet.session, SessionEnd::kPolicy, 0, batch.now);
  state.bound &= ~(std::uint64_t{1} << batch.lane(packet));
  batch.drop(packet, Drop::kPolicyChanged);
}

void OpenBinding::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.unsettled & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if ((state.bound & lanes & -lanes) != 0) {
      settle(batch, packet, policy);
    } else if (policy.side(packet) == Role::kInside) {
      open_outward(batch, packet, policy);
    } else {
      open_inward(batch, packet, policy);
    }
  }
}

}  // namespace millrace::nat
