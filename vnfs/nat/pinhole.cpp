// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/pinhole.h"

#include <algorithm>

namespace millrace::nat {
namespace {

// One that the record has for this port, or a free place; null when all are in force.
AlgRecord::Pinhole* place_for(AlgRecord& record, const PinholeRequest& request, Tick now) noexcept {
  AlgRecord::Pinhole* free = nullptr;
  for (AlgRecord::Pinhole& one : record.pinholes) {
    if (one.protocol == 0 || !tick_after(one.until, now)) {
      free = &one;
    } else if (one.protocol == request.protocol && one.inside_port == request.inside_port) {
      return &one;
    }
  }
  return free;
}

// A new mapping at the session's outside address.
MappingIndex open_at_own_address(const AlgContext& context, SubscriberIndex subscriber,
                                 const PinholeRequest& request, const Pool& pool) noexcept {
  if (context.policy.draining) return kNoIndex;
  return context.bindings
      .open_mapping({.subscriber = subscriber,
                     .inside_port = request.inside_port,
                     .protocol = request.protocol,
                     .flags = Mapping::filtering_flags(Dependence::kAddressAndPort),
                     .remote = {},
                     .suggested = {context.outside().address, request.suggested},
                     .fixed_address = true,
                     .even_port = request.even},
                    pool, context.now)
      .mapping;
}

void let_in(Lease& lease, Endpoint remote) noexcept {
  const Lease::Remote one{.address = remote.address, .mask = 0xffffffff, .port = remote.port};
  const auto end = lease.remotes.begin() + lease.remote_count;
  if (std::find(lease.remotes.begin(), end, one) != end) return;
  if (lease.remote_count == Lease::kMostRemotes) {  // the one before longest ago gives way
    std::move(lease.remotes.begin() + 1, lease.remotes.end(), lease.remotes.begin());
    --lease.remote_count;
  }
  lease.remotes[lease.remote_count++] = one;
}

// Whether the mapping lets the remote end in from now on.
bool keep_open(const AlgContext& context, MappingIndex mapping, bool made,
               const PinholeRequest& request) noexcept {
  BindingTable& bindings = context.bindings;
  LeaseIndex index = bindings.leases().find(Lease::Kind::kMapping, mapping);
  // What the host asked for by PCP stays as it is.
  if (index != kNoIndex && !bindings.leases()[index].pinhole)
    return bindings.leases()[index].lets_in(request.remote);
  const bool known = index != kNoIndex;
  index =
      bindings.lease(Lease::Kind::kMapping, mapping, bindings.algs().nonce(), request.lifetime, context.now);
  if (index == kNoIndex) return false;
  Lease& lease = bindings.leases()[index];
  lease.pinhole = true;
  // A port that lets everyone in goes on doing so: its lease names nobody.
  const bool open_to_all = known ? lease.remote_count == 0
                                 : !made && bindings.mapping(mapping).filtering() == Dependence::kEndpoint;
  if (!open_to_all) let_in(lease, request.remote);
  return true;
}

}  // namespace

std::optional<Endpoint> open_pinhole(const AlgContext& context, const PinholeRequest& request) noexcept {
  BindingTable& bindings = context.bindings;
  const Policy& policy = context.policy;
  const Mapping& own = bindings.mapping(context.about().mapping);
  const SubscriberIndex number = own.subscriber;
  const Endpoint inside{context.inside().address, request.inside_port};
  const std::uint16_t domain = own.domain;
  const auto given = policy.statics.outside_of(inside, request.protocol, context.about().tuple[0].domain());
  if (given) {
    const bool same = given->end.address == context.outside().address && given->domain == domain;
    return same ? std::optional(given->end) : std::nullopt;
  }
  const Policy::Place* place = policy.find(context.outside().ipv4(), domain);
  if (place == nullptr || !policy.gives(bindings.subscriber(number).address, place->pool))
    return std::nullopt;
  AlgRecord::Pinhole* slot = place_for(context.record, request, context.now);
  if (slot == nullptr) return std::nullopt;
  MappingIndex mapping = bindings.find_mapping(number, request.inside_port, request.protocol, {});
  const bool made = mapping == kNoIndex;
  if (made) mapping = open_at_own_address(context, number, request, policy.pools[place->pool]);
  if (mapping == kNoIndex) return std::nullopt;
  const Endpoint outside = bindings.mapping(mapping).outside();
  const bool fits =
      outside.address == context.outside().address && !bindings.mapping(mapping).has(Mapping::kStatic);
  if (!fits || !keep_open(context, mapping, made, request)) {
    if (made) bindings.close_unused(mapping, context.now);
    return std::nullopt;
  }
  *slot = {.inside_port = request.inside_port,
           .protocol = request.protocol,
           .until = context.now + request.lifetime};
  return outside;
}

}  // namespace millrace::nat
