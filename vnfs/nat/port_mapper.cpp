// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/port_mapper.h"

#include <algorithm>

#include "vnfs/nat/alg.h"

namespace millrace::nat {
namespace {

using pcp::Request;
using pcp::Result;

Result result_of(Refusal refusal) noexcept {
  return refusal == Refusal::kSubscriber ? Result::kUserQuota : Result::kNoResources;
}

Endpoint suggested_end(const Request& request) noexcept {
  const bool v4 = request.suggested_address.is_v4();
  return Endpoint::of(v4 ? request.suggested_address.v4() : net::Ipv4Address{}, be16(request.suggested_port));
}

// RFC 6887 section 13.2: as far as something was suggested.
bool as_suggested(Endpoint outside, const Request& request) noexcept {
  const Endpoint wish = suggested_end(request);
  return (wish.port == 0 || wish.port == outside.port) &&
         (wish.address == 0 || wish.address == outside.address);
}

bool choosable(std::uint8_t protocol) noexcept {
  return protocol == net::protocol::kTcp || protocol == net::protocol::kUdp;
}

// RFC 6887 section 13.3: filters add to those from before.
Result add_filters(Lease& lease, const Request& request) noexcept {
  if (request.clears_filters) lease.remote_count = 0;
  for (const pcp::Filter& filter : request.new_filters()) {
    if (!filter.remote.address.is_v4())
      return Result::kMalformedOption;  // nobody outside has such an address
    const unsigned length = filter.remote.length;
    const Lease::Remote remote{.address = filter.remote.address.v4().value.wire(),
                               .mask = be32(length == 0 ? 0 : ~std::uint32_t{0} << (32 - length)).wire(),
                               .port = be16(filter.port).wire()};
    const auto end = lease.remotes.begin() + lease.remote_count;
    if (std::find(lease.remotes.begin(), end, remote) != end) continue;
    if (lease.remote_count == Lease::kMostRemotes) return Result::kExcessiveRemotePeers;
    lease.remotes[lease.remote_count++] = remote;
  }
  return Result::kSuccess;
}

}  // namespace

// Null when the host is not translated.
const Rule* PortMapper::rule_for(const net::IpAddress& remote) const noexcept {
  if (!host_.address.is_v4()) return nullptr;
  const Rule* rule = policy_.match(host_.interface, host_.address, remote);
  return rule == nullptr || !rule->pool ? nullptr : rule;
}

Result PortMapper::open_subscriber(const Pool& pool, SubscriberIndex& number) noexcept {
  if (policy_.draining) return Result::kNoResources;
  number =
      bindings_.open_subscriber(host_.address, host_.domain.value(), bucket_of_inside(host_.address), now_);
  if (number == kNoIndex) return Result::kNoResources;
  return bindings_.subscriber(number).sessions >= pool.sessions_per_subscriber ? Result::kUserQuota
                                                                               : Result::kSuccess;
}

PortMapper::Outcome PortMapper::open_mapping(SubscriberIndex number, const Request& request, const Rule& rule,
                                             Endpoint remote, MappingIndex& mapping) noexcept {
  const auto opened = bindings_.open_mapping({.subscriber = number,
                                              .inside_port = be16(request.internal_port).wire(),
                                              .protocol = request.protocol,
                                              .flags = Mapping::filtering_flags(rule.filtering),
                                              .remote = remote,
                                              .suggested = suggested_end(request)},
                                             policy_.pools[*rule.pool], now_);
  mapping = opened.mapping;
  if (mapping == kNoIndex) return {.result = result_of(opened.refusal)};
  if (request.prefer_failure && !as_suggested(bindings_.mapping(mapping).outside(), request)) {
    bindings_.close_mapping(mapping, now_);
    return {.result = Result::kCannotProvideExternal};
  }
  return {};
}

std::uint32_t PortMapper::left(LeaseIndex lease) const noexcept {
  const Tick expires = bindings_.leases()[lease].expires;
  return tick_after(expires, now_) ? (expires - now_ + 999) / 1000 : 0;
}

void PortMapper::end(LeaseIndex lease) noexcept {
  const Mapping& mapping = bindings_.mapping(bindings_.mapping_of(bindings_.leases()[lease]));
  const Policy::Place* place = policy_.find(mapping.outside().ipv4(), mapping.domain);
  bindings_.end_lease(lease, policy_.quarantine_of(place), now_);
}

// Gives the binding a lease, or longer the one it has.
PortMapper::Outcome PortMapper::keep(Lease::Kind kind, std::uint32_t binding,
                                     const Request& request) noexcept {
  const PortControl& control = *policy_.port_control;
  const LeaseIndex known = bindings_.leases().find(kind, binding);
  const MappingIndex mapping = kind == Lease::Kind::kMapping ? binding : bindings_.session(binding).mapping;
  const Subscriber& subscriber = bindings_.subscriber(bindings_.mapping(mapping).subscriber);
  if (known == kNoIndex && subscriber.leases >= control.mappings_per_subscriber)
    return {.result = Result::kUserQuota};
  Lease filtered = known == kNoIndex ? Lease{} : bindings_.leases()[known];
  if (const Result result = add_filters(filtered, request); result != Result::kSuccess)
    return {.result = result};
  // RFC 6887 section 15: the server's limits bound what is asked for.
  const std::uint32_t lifetime = std::clamp(request.lifetime, control.shortest, control.longest);
  const LeaseIndex index = bindings_.lease(kind, binding, request.nonce, Tick{lifetime * 1000}, now_);
  if (index == kNoIndex) return {.result = Result::kNoResources};
  Lease& lease = bindings_.leases()[index];
  lease.remotes = filtered.remotes;
  lease.remote_count = filtered.remote_count;
  return {.lifetime = lifetime, .outside = bindings_.mapping(mapping).outside()};
}

PortMapper::Outcome PortMapper::map(const Request& request) noexcept {
  if (request.lifetime == 0) return unmap(request);
  // RFC 6887 section 11.1: all protocols, or all ports of one, need an address that is not shared.
  if (!choosable(request.protocol) || request.internal_port == 0)
    return {.result = Result::kUnsupportedProtocol};
  const Rule* rule = rule_for(net::Ipv4Address{});
  if (rule == nullptr) return {.result = Result::kNotAuthorized};
  const std::uint16_t port = be16(request.internal_port).wire();
  SubscriberIndex number = bindings_.find_subscriber(host_.address, host_.domain.value());
  MappingIndex mapping =
      number == kNoIndex ? kNoIndex : bindings_.find_mapping(number, port, request.protocol, {});
  if (mapping != kNoIndex) {
    const Mapping& known = bindings_.mapping(mapping);
    if (known.has(Mapping::kStatic))
      return {.lifetime = policy_.port_control->longest, .outside = known.outside()};
    // RFC 6887 section 11.3: another's mapping, and for how long.
    if (known.has(Mapping::kKept)) {
      const LeaseIndex lease = bindings_.leases().find(Lease::Kind::kMapping, mapping);
      if (bindings_.leases()[lease].nonce != request.nonce)
        return {.result = Result::kNotAuthorized, .lifetime = left(lease)};
    }
    const bool fits = as_suggested(known.outside(), request);
    if (!fits && known.has(Mapping::kQuarantined)) {
      bindings_.close_mapping(mapping, now_);
      mapping = kNoIndex;
    } else if (!fits && request.prefer_failure) {
      return {.result = Result::kCannotProvideExternal};
    }
  }
  const bool made = mapping == kNoIndex;
  if (made) {
    const Pool& pool = policy_.pools[*rule->pool];
    if (const Result result = open_subscriber(pool, number); result != Result::kSuccess)
      return {.result = result};
    const Outcome opened = open_mapping(number, request, *rule, {}, mapping);
    if (opened.result != Result::kSuccess) return opened;
  }
  const Outcome kept = keep(Lease::Kind::kMapping, mapping, request);
  if (kept.result != Result::kSuccess && made) bindings_.close_unused(mapping, now_);
  return kept;
}

// RFC 6887 section 15.
PortMapper::Outcome PortMapper::unmap(const Request& request) noexcept {
  const Outcome done{.outside = suggested_end(request)};
  const SubscriberIndex number = bindings_.find_subscriber(host_.address, host_.domain.value());
  if (number == kNoIndex) return done;
  if (request.internal_port == 0) return unmap_all(number, request);
  const std::uint16_t port = be16(request.internal_port).wire();
  const MappingIndex mapping = bindings_.find_mapping(number, port, request.protocol, {});
  if (mapping == kNoIndex) return done;
  const Endpoint outside = bindings_.mapping(mapping).outside();
  if (bindings_.mapping(mapping).has(Mapping::kStatic)) return {.result = Result::kNotAuthorized};
  const LeaseIndex lease = bindings_.leases().find(Lease::Kind::kMapping, mapping);
  if (lease == kNoIndex) return done;
  if (bindings_.leases()[lease].nonce != request.nonce)
    return {.result = Result::kNotAuthorized, .lifetime = left(lease)};
  end(lease);
  return {.outside = outside};
}

// Those of the protocol, or of all; others' nonces keep theirs.
PortMapper::Outcome PortMapper::unmap_all(SubscriberIndex number, const Request& request) noexcept {
  bool foreign = false;
  bool own = false;
  for (LeaseIndex at = bindings_.subscriber(number).first_lease; at != kNoIndex;) {
    const Lease& lease = bindings_.leases()[at];
    const LeaseIndex next = lease.next;
    const bool meant =
        lease.kind == Lease::Kind::kMapping && !lease.pinhole &&
        (request.protocol == 0 || bindings_.mapping(lease.binding).protocol == request.protocol);
    if (meant && lease.nonce == request.nonce) {
      own = true;
      end(at);
    } else {
      foreign |= meant;
    }
    at = next;
  }
  if (foreign && !own) return {.result = Result::kNotAuthorized};
  return {.outside = suggested_end(request)};
}

// As if the host had sent the packet: RFC 6887 section 12.3.
PortMapper::Outcome PortMapper::open_session(const Request& request, const Rule& rule, const Tuple& outward,
                                             SessionIndex& session) noexcept {
  SubscriberIndex number = kNoIndex;
  if (const Result result = open_subscriber(policy_.pools[*rule.pool], number); result != Result::kSuccess)
    return {.result = result};
  if (bindings_.subscriber(number).leases >= policy_.port_control->mappings_per_subscriber)
    return {.result = Result::kUserQuota};
  const Endpoint remote = masked(outward.destination(), rule.mapping);
  MappingIndex mapping = bindings_.find_outward(number, outward.source().port, outward.protocol(), remote);
  if (mapping == kNoIndex) {
    const Outcome opened = open_mapping(number, request, rule, remote, mapping);
    if (opened.result != Result::kSuccess) return opened;
  }
  const Mapping& made = bindings_.mapping(mapping);
  session = bindings_.open_session(
      {.mapping = mapping,
       .outward = outward,
       .inward = Tuple::of(outward.destination(), made.outside(), outward.protocol(), made.domain),
       .first = Direction::kForward,
       .list_remote = made.filters_by_address(),
       .generation = policy_.generation},
      policy_.timeouts, now_);
  if (session != kNoIndex) {
    attach_alg(bindings_, session, policy_);
    return {};
  }
  bindings_.close_unused(mapping, now_);
  return {.result = Result::kNoResources};
}

PortMapper::Outcome PortMapper::peer(const Request& request) noexcept {
  if (!choosable(request.protocol)) return {.result = Result::kUnsupportedProtocol};
  const Rule* rule = request.remote_address.is_v4() ? rule_for(request.remote_address) : nullptr;
  if (rule == nullptr) return {.result = Result::kNotAuthorized};
  const core::NextHopId way = network_.find_route(host_.domain, request.remote_address);
  if (way.valid()) {
    const core::NextHop& hop = network_.next_hops[way.value()];
    const bool allowed = hop.kind == core::NextHop::Kind::kFunction
                             ? policy_.hairpin
                             : policy_.role(hop.interface) == Role::kOutside;
    if (!allowed) return {.result = Result::kNotAuthorized};
  } else if (!network_.interfaces[host_.interface.value()].function_routes) {
    return {.result = Result::kNetworkFailure};
  }
  const Tuple outward = Tuple::of(Endpoint::of(host_.address.v4(), be16(request.internal_port)),
                                  Endpoint::of(request.remote_address.v4(), be16(request.remote_port)),
                                  request.protocol, host_.domain.value());
  const Found found = bindings_.find(outward);
  SessionIndex session = found.session;
  if (session != kNoIndex && found.direction != Direction::kForward)
    return {.result = Result::kNotAuthorized};
  const LeaseIndex lease =
      session == kNoIndex ? kNoIndex : bindings_.leases().find(Lease::Kind::kSession, session);
  if (lease != kNoIndex && bindings_.leases()[lease].nonce != request.nonce)
    return {.result = Result::kNotAuthorized, .lifetime = left(lease)};
  if (request.lifetime == 0) {
    if (session == kNoIndex) return {.outside = suggested_end(request)};
    const Endpoint outside = bindings_.session(session).outside();
    if (lease != kNoIndex) end(lease);
    return {.lifetime = bindings_.idle_left(session, policy_.timeouts, now_) / 1000, .outside = outside};
  }
  const bool made = session == kNoIndex;
  if (made) {
    const Outcome opened = open_session(request, *rule, outward, session);
    if (opened.result != Result::kSuccess) return opened;
  }
  const Outcome kept = keep(Lease::Kind::kSession, session, request);
  if (kept.result != Result::kSuccess && made) bindings_.close_session(session, SessionEnd::kPolicy, 0, now_);
  return kept;
}

PortMapper::Outcome PortMapper::address() noexcept {
  const Rule* rule = rule_for(net::Ipv4Address{});
  if (rule == nullptr) return {.result = Result::kNotAuthorized};
  const OutsideAddress* address =
      bindings_.outside_address(host_.address, host_.domain.value(), policy_.pools[*rule->pool]);
  if (address == nullptr) return {.result = Result::kNetworkFailure};
  return {.outside = Endpoint::of(address->address(), be16{})};
}

}  // namespace millrace::nat
