// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/connection_listing.h"

#include <algorithm>
#include <boost/json.hpp>

#include "common/appliance/table_slices.h"
#include "common/control/profile/text.h"
#include "vnfs/load_balancer/connection_ends.h"
#include "vnfs/load_balancer/connection_json.h"
#include "vnfs/load_balancer/connections_of.h"

namespace millrace::load_balancer {
namespace {

constexpr unsigned kMostPerPage = 10'000;

// Which connections an operator means.
class Filter {
 public:
  [[nodiscard]] static Result<Filter> of(const control::PacketMatch& match, const Policy& policy) {
    const auto unknown = [](std::string parameter) {
      return failure("select sessions", "the load balancer's connections are not kept by it",
                     std::move(parameter));
    };
    if (match.interface) return unknown("interface");
    if (match.vlan) return unknown("vlan");
    if (match.outer_vlan) return unknown("outer_vlan");
    if (match.rule) return unknown("rule");
    return Filter(match, policy);
  }

  [[nodiscard]] bool matches(const Connection& connection) const noexcept {
    if (match_.protocol && *match_.protocol != connection.protocol()) return false;
    const ConnectionEnds ends = ends_of(connection);
    const Backend* backend = policy_.backend(connection.backend);
    const auto clients = [&](const std::optional<net::Prefix>& prefix) {
      return !prefix || prefix->contains(ends.client);
    };
    const auto ours = [&](const std::optional<net::Prefix>& prefix) {
      return !prefix || prefix->contains(ends.service) ||
             (backend != nullptr && prefix->contains(backend->address));
    };
    const bool addresses = (clients(match_.source) && ours(match_.destination)) ||
                           (ours(match_.source) && clients(match_.destination));
    return addresses && (!match_.port || ends.client_port.host() == *match_.port ||
                         ends.service_port.host() == *match_.port);
  }

 private:
  Filter(const control::PacketMatch& match, const Policy& policy) : match_(match), policy_(policy) {}
  control::PacketMatch match_;
  const Policy& policy_;
};

}  // namespace

std::uint64_t count_connections(appliance::Workers workers) {
  std::uint64_t count = 0;
  for (core::Worker* worker : workers) count += connections_of(*worker).open_now();
  return count;
}

Result<control::SessionPage> list_connections(appliance::Workers workers, const core::Snapshot& snapshot,
                                              const control::PacketMatch& match, std::string_view cursor,
                                              unsigned most) {
  const Policy& policy = policy_of(snapshot);
  const auto filter = Filter::of(match, policy);
  if (!filter) return tl::unexpected(filter.error());
  auto at = appliance::ListingCursor::parse(cursor);
  if (!at || (at->worker != 0 && at->worker >= workers.size())) {
    return failure("list the sessions",
                   control::quote(cursor) + " is not the cursor of a page; begin again without one",
                   "cursor");
  }
  control::SessionPage page;
  std::vector<Connection> found;
  std::size_t left = std::clamp(most, 1U, kMostPerPage);
  found.reserve(left);
  for (; at->worker < workers.size() && left > 0; ++at->worker, at->place = 0) {
    core::Worker& worker = *workers[at->worker];
    const ConnectionTable& connections = connections_of(worker);
    const std::uint32_t capacity = connections.flows().capacity();
    found.clear();
    at->place = appliance::visit_slices(worker, at->place, capacity, [&](ConnectionIndex index) {
      if (connections.flows().in_use(index) && filter->matches(connections[index]))
        found.push_back(connections[index]);
      return found.size() < left;
    });
    for (const Connection& connection : found)
      page.sessions.emplace_back(
          to_json(connection, connections.now(), at->worker, policy, *snapshot.network));
    left -= found.size();
    if (at->place < capacity) break;
  }
  if (at->worker < workers.size()) page.next = at->to_string();
  return page;
}

Result<std::uint64_t> flush_connections(appliance::Workers workers, const core::Snapshot& snapshot,
                                        const control::PacketMatch& match) {
  const auto filter = Filter::of(match, policy_of(snapshot));
  if (!filter) return tl::unexpected(filter.error());
  std::uint64_t flushed = 0;
  for (core::Worker* worker : workers) {
    ConnectionTable& connections = connections_of(*worker);
    appliance::visit_slices(*worker, 0, connections.flows().capacity(), [&](ConnectionIndex index) {
      if (!connections.flows().in_use(index) || !filter->matches(connections[index])) return true;
      connections.close(index, ConnectionEnd::kFlushed);
      ++flushed;
      return true;
    });
  }
  return flushed;
}

}  // namespace millrace::load_balancer
