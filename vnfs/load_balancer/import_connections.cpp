// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "common/appliance/table_slices.h"
#include "common/core/owner.h"
#include "vnfs/load_balancer/connection_stream.h"
#include "vnfs/load_balancer/connections_of.h"
#include "vnfs/load_balancer/deltas.h"
#include "vnfs/load_balancer/transfer_connections.h"

namespace millrace::load_balancer {
namespace {

// A connection that may come in, with times still as ages.
struct Arrival {
  ConnectionEnds ends;
  Connection connection;
};

// The numbers that the names and endpoints of a stream have in this process.
class Here {
 public:
  Here(const ConnectionStream& stream, const core::Snapshot& snapshot) : policy_(policy_of(snapshot)) {
    const auto& domains = snapshot.network->domains;
    for (const std::string& name : stream.domains) {
      const auto found = std::ranges::find(domains, name, &core::Domain::name);
      domains_.push_back(found == domains.end() ? kNoId
                                                : static_cast<std::uint16_t>(found - domains.begin()));
    }
    std::map<std::string, ServiceId, std::less<>> by_name;
    for (std::size_t id = 0; id < policy_.services.size(); ++id) {
      if (policy_.services[id].present)
        by_name.emplace(policy_.services[id].name, static_cast<ServiceId>(id));
    }
    for (const std::string& name : stream.services) {
      const auto found = by_name.find(name);
      services_.push_back(found == by_name.end() ? kNoId : found->second);
    }
    for (std::size_t id = 0; id < policy_.backends.size(); ++id) {
      const Backend& backend = policy_.backends[id];
      if (backend.keeps())
        backends_.emplace(std::tuple(backend.service, backend.address, backend.port),
                          static_cast<BackendId>(id));
    }
  }

  // Nothing when this balancer would not have the connection.
  [[nodiscard]] std::optional<Arrival> arrival(const PortableConnection& from) const {
    ConnectionEnds ends = from.ends;
    ends.domain = domains_[from.ends.domain];
    const ServiceId service = services_[from.service];
    if (ends.domain == kNoId || service == kNoId || net::protocol::is_icmp(ends.protocol))
      return std::nullopt;
    // The service may have other addresses and ports by now.
    const ServiceId* asked = policy_.by_destination.find(Place::of(ends.service, ends.domain), ends.protocol,
                                                         ends.service_port.host());
    const auto backend = backends_.find(std::tuple(service, from.backend, from.backend_port));
    if (asked == nullptr || *asked != service || backend == backends_.end()) return std::nullopt;
    const Service& taker = policy_.services[service];
    if (taker.forwarding == Forwarding::kFullNat) return std::nullopt;
    const Deltas deltas = deltas_of(taker, policy_.backends[backend->second], ends.service_port);
    Connection connection{};
    connection.key = lookup_of(ends, 0).key;
    connection.bytes = from.bytes;
    connection.last_seen = from.idle;
    connection.backend = backend->second;
    connection.service = service;
    connection.ip_delta = deltas.ip;
    connection.transport_delta = deltas.transport;
    connection.generation = policy_.generation;
    connection.tcp = from.tcp;
    connection.created = from.age;
    if (taker.forwarding != Forwarding::kNat) connection.flags |= Connection::kOneWay;
    if (connection.is_closing()) connection.flags |= Connection::kOver;
    if (from.idle >= ConnectionTable::timeout_of(connection, taker.timeouts)) return std::nullopt;
    return Arrival{ends, connection};
  }

 private:
  const Policy& policy_;
  std::vector<std::uint16_t> domains_;  // by place in the stream
  std::vector<ServiceId> services_;
  std::map<std::tuple<ServiceId, net::IpAddress, std::uint16_t>, BackendId> backends_;
};

// On the worker's thread.
bool take(WorkerState& state, const Arrival& arrival, const Policy& policy) noexcept {
  ConnectionTable& connections = state.connections;
  const flow::FlowLookup lookup = lookup_of(arrival.ends, connections.flows().seed());
  if (connections.flows().find(lookup) != kNoConnection) return false;
  const Tick now = connections.now();
  Connection connection = arrival.connection;
  connection.last_seen = now - connection.last_seen;
  connection.created = now - connection.created;
  if (lookup.sender == flow::Sender::kHigh) connection.flags |= Connection::kClientHigh;
  const Service& service = policy.services[connection.service];
  const ConnectionIndex taken = connections.adopt(lookup, connection, service.timeouts, now);
  if (taken == kNoConnection) return false;
  state.limits.adopted(connections[taken], arrival.ends.client, service);
  return true;
}

}  // namespace

Result<control::Appliance::Imported> import_connections(appliance::Workers workers,
                                                        const core::Snapshot& snapshot,
                                                        std::string_view stream) {
  const auto read = read_connection_stream(stream);
  if (!read) return tl::unexpected(read.error());
  const Policy& policy = policy_of(snapshot);
  const Here here(*read, snapshot);
  const auto count = static_cast<unsigned>(workers.size());

  control::Appliance::Imported imported;
  std::vector<std::vector<Arrival>> of_owner(count);
  for (const PortableConnection& portable : read->connections) {
    if (const auto arrival = here.arrival(portable)) {
      of_owner[core::owner_of(bucket_of(arrival->ends), count)].push_back(*arrival);
    } else {
      ++imported.refused;
    }
  }
  for (unsigned w = 0; w < count; ++w) {
    WorkerState& state = state_of(*workers[w]);
    const std::vector<Arrival>& arrivals = of_owner[w];
    for (std::size_t at = 0; at < arrivals.size(); at += appliance::kSlice) {
      workers[w]->execute([&] {
        for (std::size_t i = at; i < std::min(arrivals.size(), at + appliance::kSlice); ++i)
          ++(take(state, arrivals[i], policy) ? imported.taken : imported.refused);
      });
    }
  }
  return imported;
}

}  // namespace millrace::load_balancer
