// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/open_binding.h"

#include <algorithm>

#include "common/flow/tcp.h"
#include "common/net/icmp.h"
#include "common/net/translate_header.h"
#include "vnfs/nat/alg.h"
#include "vnfs/nat/allowance.h"

namespace millrace::nat {
namespace {

using core::Batch;
using core::Packet;

bool goes_to_function(const Packet& packet, const core::Network& network) noexcept {
  return packet.next_hop.valid() &&
         network.next_hops[packet.next_hop.value()].kind == core::NextHop::Kind::kFunction;
}

bool is_own_address(const core::Network& network, core::InterfaceId interface,
                    const net::IpAddress& address) noexcept {
  return interface.valid() && network.interfaces[interface.value()].has(address);
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
bool OpenBinding::may_open(Batch& batch, Packet& packet, bool is_static, const Policy& policy) noexcept {
  const net::Headers& headers = packet.headers;
  const std::uint8_t protocol = headers.protocol == net::protocol::kIcmpv6 && headers.is_ipv6()
                                    ? net::protocol::kIcmp
                                    : headers.protocol;
  if (headers.later_fragment() && !headers.has_ports) {
    batch.drop(packet, Drop::kFragmentUnmatched);
    return false;
  }
  if (!is_static && !port_space(protocol)) {
    // RFC 6146 section 3.4: who is inside hears of it.
    if (policy.side(packet) == Role::kInside) {
      state.services.originator.icmp_error(packet, *batch.network,
                                           {net::icmp::kUnreachable, net::icmp::kCodeProtocolUnreachable},
                                           {net::icmpv6::kUnreachable, net::icmpv6::kCodePortUnreachable});
    }
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
  } else if (protocol == net::protocol::kIcmp && (net::is_icmp_reply(headers) || !headers.has_ports)) {
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
    bindings.close_unused(wanted.mapping, batch.now);
    return refuse(batch, packet,
                  {.reason = Drop::kSessionTableFull,
                   .inside = subscriber.address,
                   .domain = subscriber.domain,
                   .inside_port = mapping.inside_port,
                   .protocol = mapping.protocol,
                   .subscriber = mapping.subscriber});
  }
  packet.session = index;
  attach_alg(state.bindings, index, policy);
  bind(packet, batch.lane(packet));
}

// The packet is its session's from here on.
void OpenBinding::bind(const Packet& packet, unsigned lane) noexcept {
  const Session& session = state.bindings.session(packet.session);
  const std::uint64_t bit = std::uint64_t{1} << lane;
  (session.has(Session::kMixed) ? state.mixed : state.bound) |= bit;
  if (session.has(Session::kAlg)) state.watched |= bit;
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
  const MappingIndex known = bindings.find_outward(number, tuple.source().port, tuple.protocol(), remote);
  if (known != kNoIndex) return known;
  const auto opened = bindings.open_mapping({.subscriber = number,
                                             .inside_port = tuple.source().port,
                                             .protocol = tuple.protocol(),
                                             .flags = Mapping::filtering_flags(rule.filtering),
                                             .remote = remote,
                                             .peer = tuple.destination()},
                                            pool, batch.now);
  if (opened.mapping == kNoIndex) return refuse_for(drop_of(opened.refusal));
  return opened.mapping;
}

// From an IPv6 host to an IPv4 host (RFC 6146 section 3.5).
void OpenBinding::open_through(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const unsigned lane = batch.lane(packet);
  const net::Headers& headers = packet.headers;
  if (!may_open(batch, packet, false, policy)) return;
  const net::Ipv6Ends ends = net::Ipv6Ends::of(packet.l3_as<net::Ipv6Header>());
  const SubscriberIndex number = state.bindings.open_subscriber(ends.source, packet.domain.value(),
                                                                bucket_of_inside(ends.source), batch.now);
  if (number == kNoIndex) {
    return refuse(batch, packet,
                  {.reason = Drop::kSubscriberTableFull,
                   .inside = ends.source,
                   .domain = packet.domain.value(),
                   .inside_port = headers.source_port.wire(),
                   .protocol = headers.protocol});
  }
  const std::uint8_t protocol =
      headers.protocol == net::protocol::kIcmpv6 ? net::protocol::kIcmp : headers.protocol;
  Lookup& lookup = state.lookups[lane];
  lookup.tuple =
      Tuple::of({number, headers.source_port.wire()},
                Endpoint::of(policy.nat64->prefix.extract(ends.destination), headers.destination_port),
                protocol, packet.domain.value(), Tuple::kSubscriber);
  lookup.hash = lookup.tuple.hash(state.bindings.seed());
  if (const Found found = state.bindings.find(lookup); found.session != kNoIndex) {
    packet.session = found.session;
    return bind(packet, lane);
  }
  const MappingIndex index = mapping_for(batch, packet, policy.nat64->rule, policy);
  if (index == kNoIndex) return;
  const Mapping& mapping = state.bindings.mapping(index);
  const Endpoint remote = seen_from_outside(lookup.tuple.destination(), mapping.outside(), protocol);
  open_session(batch, packet,
               {.mapping = index,
                .outward = lookup.tuple,
                .inward = Tuple::of(remote, mapping.outside(), protocol, mapping.domain),
                .first = Direction::kForward,
                .list_remote = mapping.filters_by_address(),
                .generation = policy.generation,
                .inside_addresses = net::sum_object(ends)},
               policy);
}

// The mapping that the profile makes for an inside end, known or new; kNoIndex when there is no room, and the
// packet dropped.
MappingIndex OpenBinding::static_mapping(Batch& batch, Packet& packet, Endpoint inside, std::uint16_t domain,
                                         const StaticMap::Other& outside, std::uint8_t protocol) noexcept {
  BindingTable& bindings = state.bindings;
  const net::IpAddress address = inside.ipv4();
  const SubscriberIndex number =
      bindings.open_subscriber(address, domain, bucket_of_inside(address), batch.now);
  const auto refuse_for = [&](Drop reason) {
    refuse(batch, packet,
           {.reason = reason,
            .inside = address,
            .domain = domain,
            .inside_port = inside.port,
            .protocol = protocol,
            .subscriber = number});
    return kNoIndex;
  };
  if (number == kNoIndex) return refuse_for(Drop::kSubscriberTableFull);
  // By its outside end: the inside one may have had a mapping of a pool before.
  const MappingIndex known = bindings.find_mapping(outside.end, protocol, outside.domain);
  if (known != kNoIndex) return known;
  const auto opened = bindings.open_static({.subscriber = number,
                                            .inside_port = inside.port,
                                            .protocol = protocol,
                                            .flags = Mapping::filtering_flags(Dependence::kEndpoint),
                                            .remote = {}},
                                           outside.end, outside.domain, batch.now);
  if (opened.mapping == kNoIndex) return refuse_for(drop_of(opened.refusal));
  return opened.mapping;
}

void OpenBinding::open_outward(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const core::Network& network = *batch.network;
  const Tuple& tuple = state.lookups[batch.lane(packet)].tuple;
  // An earlier packet of this batch may have opened the session.
  if (const Found found = state.bindings.find(state.lookups[batch.lane(packet)]); found.session != kNoIndex) {
    packet.session = found.session;
    return bind(packet, batch.lane(packet));
  }
  const bool hairpin = goes_to_function(packet, network);
  if (hairpin && !policy.owner_of_outside(tuple.destination(), tuple.protocol(), tuple.domain())) {
    return;  // nobody's port: the address may be the appliance's own
  }
  if (!hairpin && packet.next_hop.valid() && policy.role(packet.egress) != Role::kOutside) return;
  const auto outside = policy.statics.outside_of(tuple.source(), tuple.protocol(), tuple.domain());
  const Rule* rule = nullptr;
  if (!outside) {
    rule = policy.match(packet.ingress, packet.source(), packet.destination());
    if (rule == nullptr) return batch.drop(packet, Drop::kNoRule);
    if (!rule->pool) return;
  }
  if (hairpin && !policy.hairpin) return batch.drop(packet, Drop::kHairpinOff);
  if (!may_open(batch, packet, outside.has_value(), policy)) return;
  const MappingIndex number =
      outside ? static_mapping(batch, packet, tuple.source(), tuple.domain(), *outside, tuple.protocol())
              : mapping_for(batch, packet, *rule, policy);
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

// From outside, and nobody inside asked for it.
void OpenBinding::turn_away(Batch& batch, Packet& packet, Drop reason, const Policy& policy) noexcept {
  using namespace net::tcp_flag;
  const net::Headers& headers = packet.headers;
  if (headers.protocol == net::protocol::kTcp && !headers.later_fragment() && !packet.restarted &&
      (headers.tcp_flags & (kSyn | kAck | kRst | kFin)) == kSyn) {
    state.waiting_syns.remember(packet, state.lookups[batch.lane(packet)].tuple, policy.timeouts.tcp_syn,
                                batch.now);
  }
  batch.drop(packet, reason);
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
    return bind(packet, batch.lane(packet));
  }
  const Tuple& tuple = lookup.tuple;
  const Endpoint outside = tuple.destination();
  MappingIndex number = bindings.find_mapping(outside, tuple.protocol(), tuple.domain());
  if (number == kNoIndex) {
    if (const auto inside = policy.statics.inside_of(outside, tuple.protocol(), tuple.domain())) {
      if (!packet.restarted && policy.is_ours(packet.source(), packet.domain, network))
        return batch.drop(packet, Drop::kSpoofed);
      if (!may_open(batch, packet, true, policy)) return;
      number = static_mapping(batch, packet, inside->end, inside->domain,
                              {.end = outside, .domain = tuple.domain()}, tuple.protocol());
      if (number == kNoIndex) return;
    }
  }
  if (number == kNoIndex || bindings.mapping(number).has(Mapping::kQuarantined)) {
    const core::NextHop& hop = network.next_hops[packet.next_hop.value()];
    if (is_own_address(network, hop.interface, packet.destination())) return;  // the twin's
    return turn_away(batch, packet, Drop::kNoBinding, policy);
  }
  const Mapping& mapping = bindings.mapping(number);
  if (!bindings.lets_in(number, tuple.source())) return turn_away(batch, packet, Drop::kFiltered, policy);
  if (!packet.restarted && policy.is_ours(packet.source(), packet.domain, network))
    return batch.drop(packet, Drop::kSpoofed);
  if (!may_open(batch, packet, mapping.has(Mapping::kStatic), policy)) return;
  const Subscriber& subscriber = bindings.subscriber(mapping.subscriber);
  // RFC 6888 REQ-5: who sends to an open port takes the subscriber's share and no more.
  const Policy::Place* place = policy.find(outside.ipv4(), tuple.domain());
  if (place != nullptr && subscriber.sessions >= policy.pools[place->pool].sessions_per_subscriber)
    return batch.drop(packet, Drop::kSubscriberSessions);
  const bool mixed = !subscriber.address.is_v4();
  if (mixed && !policy.nat64) return batch.drop(packet, Drop::kNoBinding);
  const Endpoint inside = mixed ? Endpoint{mapping.subscriber, mapping.inside_port}
                                : Endpoint{subscriber.address.v4().value.wire(), mapping.inside_port};
  std::optional<net::ChecksumSum> inside_addresses;
  if (mixed) {
    inside_addresses = net::sum_object(net::Ipv6Ends{
        .source = subscriber.address.v6(), .destination = policy.nat64->prefix.embed(tuple.source().ipv4())});
  }
  const Endpoint remote = tuple.protocol() == net::protocol::kIcmp
                              ? Endpoint{tuple.source().address, mapping.inside_port}
                              : tuple.source();
  open_session(batch, packet,
               {.mapping = number,
                .outward = Tuple::of(inside, remote, tuple.protocol(), subscriber.domain,
                                     mixed ? Tuple::kSubscriber : Tuple::kIpv4),
                .inward = tuple,
                .first = Direction::kReverse,
                .list_remote = mapping.filters_by_address(),
                .generation = policy.generation,
                .inside_addresses = inside_addresses},
               policy);
}

void OpenBinding::settle(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  Session& session = state.bindings.session(packet.session);
  if (session.tuple[packet.direction] != state.lookups[batch.lane(packet)].tuple)
    return;  // Translate drops it
  const bool outward = static_cast<Direction>(packet.direction) == Direction::kForward;
  const auto arrival = outward ? packet.ingress : core::InterfaceId::none();
  if (is_allowed(session, arrival, state.bindings, policy)) {
    session.generation = policy.generation;
    return;
  }
  state.bindings.close_session(packet.session, SessionEnd::kPolicy, 0, batch.now);
  batch.drop(packet, Drop::kPolicyChanged);
}

void OpenBinding::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.unsettled & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (((state.bound | state.mixed) & lanes & -lanes) != 0) {
      settle(batch, packet, policy);
    } else if (packet.headers.is_ipv6()) {
      open_through(batch, packet, policy);
    } else if (policy.side(packet) == Role::kInside) {
      open_outward(batch, packet, policy);
    } else {
      open_inward(batch, packet, policy);
    }
  }
}

}  // namespace millrace::nat
