// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/allowance.h"

#include <algorithm>

namespace millrace::nat {

bool is_allowed(const Session& session, core::InterfaceId arrival, const BindingTable& bindings,
                const Policy& policy) noexcept {
  const Mapping& mapping = bindings.mapping(session.mapping);
  const auto statically =
      policy.statics.outside_of(session.tuple[0].source(), session.protocol(), session.tuple[0].domain());
  if (mapping.has(Mapping::kStatic))
    return statically && statically->end == mapping.outside() && statically->domain == mapping.domain;
  if (statically) return false;
  // A call's tunnel lives with its control connection, which is judged by itself.
  if (session.protocol() == net::protocol::kGre) return policy.algs.has(AlgKind::kPptp);
  const Policy::Place* place = policy.find(session.outside().ipv4(), mapping.domain);
  if (place == nullptr || !policy.pools[place->pool].has_port(mapping.outside_port_host())) return false;
  if (session.tuple[0].from_ipv6()) return policy.nat64 && policy.nat64->rule.pool == place->pool;
  const Subscriber& subscriber = bindings.subscriber(mapping.subscriber);
  const net::IpAddress remote = session.remote().ipv4();
  return std::ranges::any_of(policy.rules, [&](const Rule& rule) {
    const bool here = !arrival.valid() || rule.matches(arrival, subscriber.address, remote);
    return here && rule.pool == place->pool;
  });
}

}  // namespace millrace::nat
