// SPDX-License-Identifier: BSD-3-Clause
// How many TCP connections of a service there may be: of one client at a time and by the second, and of all
// clients at a time.
//
// The limits are the appliance's; each worker holds to its share, the limit divided by the number of workers,
// rounded up. The connections of one client spread over the workers by their hash, so a limit of a few may be
// met a little early, and is never exceeded by more than the rounding.
//
// A connection counts from its first packet until its backend has ended it, by a reset or when both sides
// have closed; the word of the client alone does not do, or whoever sends resets that no backend takes would
// have as many as he likes. Where answers do not come by us it counts as long as its record is there. One
// that has no record, for want of room, does not count.
#pragma once

#include <optional>
#include <vector>

#include "common/flow/source_table.h"
#include "vnfs/load_balancer/connection_table.h"
#include "vnfs/load_balancer/drops.h"

namespace millrace::load_balancer {

// One worker's own. A service without limits costs a counter for each connection.
class ConnectionLimits final : public ConnectionObserver {
 public:
  // `clients`: with limited connections, of this worker; beyond them see flow::SourceTable.
  ConnectionLimits(std::size_t services, std::uint32_t clients, unsigned workers, std::uint64_t seed)
      : workers_(workers == 0 ? 1 : workers), open_(services), clients_(clients, seed) {}

  // Why a client may not begin a connection now; otherwise nothing, the rate is charged, and `entry` is what
  // it will be counted in.
  [[nodiscard]] std::optional<Drop> refuse(const net::IpAddress& client, ServiceId id, const Service& service,
                                           Tick now, flow::SourceIndex& entry) noexcept;
  // A connection was opened. Of TCP only.
  void opened(Connection& connection, flow::SourceIndex entry) noexcept;
  // The same of one that began elsewhere: it is counted, whatever the limits.
  void adopted(Connection& connection, const net::IpAddress& client, const Service& service) noexcept;
  // Its backend has ended it.
  void over(Connection& connection) noexcept;

  void connection_opened(const Connection& /*connection*/) noexcept override {}
  void connection_adopted(const Connection& /*connection*/) noexcept override {}
  void connection_ended(const Connection& connection, ConnectionEnd why) noexcept override;

  [[nodiscard]] std::uint32_t open(ServiceId id) const noexcept { return open_[id]; }
  [[nodiscard]] const flow::SourceTable& clients() const noexcept { return clients_; }

 private:
  [[nodiscard]] std::uint32_t share(std::uint32_t limit) const noexcept {
    return limit / workers_ + (limit % workers_ != 0 ? 1 : 0);
  }
  [[nodiscard]] flow::SourceIndex entry_of(const net::IpAddress& client, ServiceId id,
                                           const Service& service) noexcept;

  unsigned workers_;
  std::vector<std::uint32_t> open_;  // by ServiceId
  flow::SourceTable clients_;
};

}  // namespace millrace::load_balancer
