// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/connection_limits.h"

namespace millrace::load_balancer {

flow::SourceIndex ConnectionLimits::entry_of(const net::IpAddress& client, ServiceId id,
                                             const Service& service) noexcept {
  if (!service.protection.limits_clients()) return flow::kNoSource;
  return clients_.find_or_add({client, flow::Segment::domain(service.domain), id + std::uint32_t{1}});
}

std::optional<Drop> ConnectionLimits::refuse(const net::IpAddress& client, ServiceId id,
                                             const Service& service, Tick now,
                                             flow::SourceIndex& entry) noexcept {
  const Protection& limits = service.protection;
  if (limits.connections != 0 && open_[id] >= share(limits.connections)) return Drop::kServiceConnections;
  entry = entry_of(client, id, service);
  if (entry == flow::kNoSource) return std::nullopt;
  if (limits.connections_per_client != 0 &&
      clients_.open_sessions(entry) >= share(limits.connections_per_client))
    return Drop::kClientConnections;
  if (limits.new_per_client == 0) return std::nullopt;
  const Pace pace = Pace(limits.new_per_client).share(workers_);
  RateBucket& rate = clients_.rate(entry);
  if (!rate.ready(pace, share(limits.new_per_client), now)) return Drop::kClientRate;
  rate.take(pace);
  return std::nullopt;
}

void ConnectionLimits::opened(Connection& connection, flow::SourceIndex entry) noexcept {
  connection.flags |= Connection::kCounted;
  connection.client_entry = entry;
  ++open_[connection.service];
  clients_.opened(entry);
}

void ConnectionLimits::adopted(Connection& connection, const net::IpAddress& client,
                               const Service& service) noexcept {
  if (connection.protocol() != net::protocol::kTcp || connection.ended_by_backend()) return;
  opened(connection, entry_of(client, connection.service, service));
}

void ConnectionLimits::over(Connection& connection) noexcept {
  connection_ended(connection, ConnectionEnd::kClosed);
  connection.flags &= static_cast<std::uint8_t>(~Connection::kCounted);
  connection.client_entry = flow::kNoSource;
}

void ConnectionLimits::connection_ended(const Connection& connection, ConnectionEnd /*why*/) noexcept {
  if (!connection.has(Connection::kCounted)) return;
  --open_[connection.service];
  clients_.ended(connection.client_entry);
}

}  // namespace millrace::load_balancer
