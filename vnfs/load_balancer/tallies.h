// SPDX-License-Identifier: BSD-3-Clause
// What a worker counts for each service and backend. Written by that worker alone, read by anyone.
#pragma once

#include <array>
#include <memory>

#include "common/base/counter.h"
#include "vnfs/load_balancer/connection_table.h"

namespace millrace::load_balancer {

struct alignas(64) BackendTally {
  Counter connections;             // begun
  Counter open;                    // of those, now
  std::array<Counter, 2> packets;  // by Direction
  std::array<Counter, 2> bytes;
  Counter failed;           // handshakes that it refused or left without an answer
  Counter failed_in_a_row;  // since it last answered one

  void count(Direction direction, unsigned length) noexcept {
    packets[static_cast<std::size_t>(direction)].add(1);
    bytes[static_cast<std::size_t>(direction)].add(length);
  }
};
static_assert(sizeof(BackendTally) == 64);

struct ServiceTally {
  Counter connections;
  Counter open;
  Counter without_record;  // begun, or gone on, for want of room in the table
  Counter refused;         // no backend was up
  // By what limit clients began no more of them.
  Counter over_client_connections;
  Counter over_client_rate;
  Counter over_connections;
  Counter without_source;  // not begun, because no source port was free
  Counter toa_left_out;    // segments that had no room for the client's address
  std::uint32_t turn = 0;  // of schedulers that go round
};

class Tallies final : public ConnectionObserver {
 public:
  explicit Tallies(std::uint32_t first_turn) {
    for (ServiceTally& service : *services_) service.turn = first_turn;
  }

  [[nodiscard]] BackendTally& backend(BackendId id) noexcept { return (*backends_)[id]; }
  [[nodiscard]] const BackendTally& backend(BackendId id) const noexcept { return (*backends_)[id]; }
  [[nodiscard]] ServiceTally& service(ServiceId id) noexcept { return (*services_)[id]; }
  [[nodiscard]] const ServiceTally& service(ServiceId id) const noexcept { return (*services_)[id]; }

  // It lingers for what still comes, and is no load any more.
  void connection_over(const Connection& connection) noexcept {
    backend(connection.backend).open.set(backend(connection.backend).open.read() - 1);
    service(connection.service).open.set(service(connection.service).open.read() - 1);
  }
  void handshake_answered(BackendId id) noexcept { backend(id).failed_in_a_row.set(0); }
  void handshake_failed(BackendId id) noexcept {
    BackendTally& tally = backend(id);
    tally.failed.add(1);
    tally.failed_in_a_row.add(1);
    failures_.add(1);
  }
  // Of all backends: whether it is worth to look at each.
  [[nodiscard]] std::uint64_t handshakes_failed() const noexcept { return failures_.read(); }

  // Adds what another worker, which stopped, has counted; but for what is open: that is counted as it moves.
  void take_over(const Tallies& from) noexcept;

  void connection_opened(const Connection& connection) noexcept override {
    backend(connection.backend).connections.add(1);
    service(connection.service).connections.add(1);
    connection_adopted(connection);
  }
  void connection_adopted(const Connection& connection) noexcept override {
    if (connection.has(Connection::kOver)) return;
    backend(connection.backend).open.add(1);
    service(connection.service).open.add(1);
  }
  void connection_ended(const Connection& connection, ConnectionEnd why) noexcept override {
    if (why == ConnectionEnd::kTimeout && connection.waits_for_backend())
      handshake_failed(connection.backend);
    if (!connection.has(Connection::kOver)) connection_over(connection);
  }

 private:
  Counter failures_;
  std::unique_ptr<std::array<BackendTally, kMostBackends>> backends_ =
      std::make_unique<std::array<BackendTally, kMostBackends>>();
  std::unique_ptr<std::array<ServiceTally, kMostServices>> services_ =
      std::make_unique<std::array<ServiceTally, kMostServices>>();
};

inline void Tallies::take_over(const Tallies& from) noexcept {
  for (std::size_t id = 0; id < kMostBackends; ++id) {
    const BackendTally& counted = (*from.backends_)[id];
    BackendTally& tally = (*backends_)[id];
    tally.connections.add(counted.connections.read());
    tally.failed.add(counted.failed.read());
    for (std::size_t way = 0; way < 2; ++way) {
      tally.packets[way].add(counted.packets[way].read());
      tally.bytes[way].add(counted.bytes[way].read());
    }
  }
  for (std::size_t id = 0; id < kMostServices; ++id) {
    const ServiceTally& counted = (*from.services_)[id];
    ServiceTally& tally = (*services_)[id];
    tally.connections.add(counted.connections.read());
    tally.without_record.add(counted.without_record.read());
    tally.refused.add(counted.refused.read());
    tally.over_client_connections.add(counted.over_client_connections.read());
    tally.over_client_rate.add(counted.over_client_rate.read());
    tally.over_connections.add(counted.over_connections.read());
    tally.without_source.add(counted.without_source.read());
    tally.toa_left_out.add(counted.toa_left_out.read());
  }
}

}  // namespace millrace::load_balancer
