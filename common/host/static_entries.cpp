// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/static_entries.h"

#include <algorithm>

namespace millrace::host {
namespace {

// The table of domain 1 is the next one: out of the way of hand-made tables.
constexpr std::uint32_t kFirstDomainTable = 1000;

template <class Entry>
bool has(const std::vector<Entry>& list, const Entry& entry) {
  return std::find(list.begin(), list.end(), entry) != list.end();
}

std::optional<Route> kernel_route(const StaticRoute& route, const LinkOf& link_of) {
  const auto link = link_of(route.interface);
  if (!link) return std::nullopt;
  return Route{.prefix = route.to,
               .table = table_of(route.domain),
               .kind = RouteKind::kUnicast,
               .metric = route.metric,
               .next_hops = {{.gateway = route.via, .link = *link}}};
}

std::optional<NeighborKey> kernel_neighbor(const StaticNeighbor& neighbor, const LinkOf& link_of) {
  const auto link = link_of(neighbor.interface);
  return link ? std::optional(NeighborKey{*link, neighbor.address}) : std::nullopt;
}

}  // namespace

RouteTable table_of(core::DomainId domain) {
  return domain.value() == 0 ? kMainTable : RouteTable(kFirstDomainTable + domain.value());
}

Result<void> change_static_entries(Netlink& netlink, const TwinPlan& before, const TwinPlan& after,
                                   const LinkOf& link_of, const std::function<void(const Error&)>& trouble) {
  for (const StaticNeighbor& old : before.neighbors) {
    const auto key = kernel_neighbor(old, link_of);
    if (!key || has(after.neighbors, old)) continue;
    if (auto done = netlink.remove_neighbor(*key); !done) trouble(done.error());
  }
  for (const StaticNeighbor& wanted : after.neighbors) {
    const auto key = kernel_neighbor(wanted, link_of);
    if (!key) continue;
    if (auto done = netlink.set_permanent_neighbor(*key, wanted.mac); !done) return done;
  }
  for (const StaticRoute& old : before.routes) {
    const auto route = kernel_route(old, link_of);
    if (!route || has(after.routes, old)) continue;
    if (auto done = netlink.remove_route(*route); !done) trouble(done.error());
  }
  for (const StaticRoute& wanted : after.routes) {
    const auto route = kernel_route(wanted, link_of);
    if (!route) continue;
    if (auto done = netlink.set_route(*route); !done) return done;
  }
  return {};
}

}  // namespace millrace::host
