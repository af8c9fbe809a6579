// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/connection_listing.h"

#include <boost/json.hpp>

#include "common/appliance/session_page.h"
#include "vnfs/load_balancer/connection_ends.h"
#include "vnfs/load_balancer/connection_json.h"
#include "vnfs/load_balancer/connections_of.h"

namespace millrace::load_balancer {
namespace {

// Which connections an operator means.
class Filter {
 public:
  [[nodiscard]] static Result<Filter> of(const control::PacketMatch& match, const Policy& policy) {
    auto selected = appliance::select_by_addresses_only(match, "the load balancer's connections");
    if (!selected) return tl::unexpected(std::move(selected.error()));
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

// For appliance::list_page().
struct Listed {
  struct Row {
    Connection connection;
    Tick now;
  };
  const Filter& filter;
  const core::Snapshot& snapshot;

  [[nodiscard]] static std::uint32_t capacity(core::Worker& worker) {
    return connections_of(worker).flows().capacity();
  }
  [[nodiscard]] std::optional<Row> row(core::Worker& worker, ConnectionIndex index) const noexcept {
    const ConnectionTable& connections = connections_of(worker);
    if (!connections.flows().in_use(index) || !filter.matches(connections[index])) return std::nullopt;
    return Row{connections[index], connections.now()};
  }
  [[nodiscard]] boost::json::object to_json(const Row& row, unsigned worker) const {
    return load_balancer::to_json(row.connection, row.now, worker, policy_of(snapshot), *snapshot.network);
  }
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
  const auto filter = Filter::of(match, policy_of(snapshot));
  if (!filter) return tl::unexpected(filter.error());
  return appliance::list_page(workers, cursor, most, Listed{*filter, snapshot});
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
