// SPDX-License-Identifier: BSD-3-Clause
#include <memory>
#include <utility>
#include <vector>

#include "common/appliance/table_slices.h"
#include "vnfs/load_balancer/connection_stream.h"
#include "vnfs/load_balancer/connections_of.h"
#include "vnfs/load_balancer/transfer_connections.h"

namespace millrace::load_balancer {
namespace {

// Hands out the stream piece by piece.
class Exporter {
 public:
  Exporter(appliance::Workers workers, const core::Snapshot& snapshot)
      : workers_(workers.begin(), workers.end()), snapshot_(snapshot) {
    found_.reserve(kPiece);
  }

  Result<std::string> next() {
    if (!std::exchange(begun_, true)) return writer_.begin();
    while (worker_ < workers_.size()) {
      core::Worker& worker = *workers_[worker_];
      const ConnectionTable& connections = connections_of(worker);
      const std::uint32_t capacity = connections.flows().capacity();
      found_.clear();
      Tick now = 0;
      place_ = appliance::visit_slices(worker, place_, capacity, [&](ConnectionIndex index) {
        if (!connections.flows().in_use(index)) return true;
        found_.push_back(connections[index]);
        now = connections.now();
        return found_.size() < kPiece;
      });
      if (place_ == capacity) {
        ++worker_;
        place_ = 0;
      }
      std::vector<PortableConnection> piece = portable(now);
      if (!piece.empty()) return writer_.append(piece);
    }
    return std::exchange(ended_, true) ? std::string() : writer_.end();
  }

 private:
  static constexpr std::size_t kPiece = 1024;  // connections, about 90 KiB

  // What was found, less those that the policy ends and those that only this process can carry.
  std::vector<PortableConnection> portable(Tick now) {
    const Policy& policy = policy_of(snapshot_);
    const auto& domains = snapshot_.network->domains;
    std::vector<PortableConnection> piece;
    piece.reserve(found_.size());
    for (const Connection& connection : found_) {
      ConnectionEnds ends = ends_of(connection);
      if (!is_portable(connection) || !policy.allows(connection) || ends.domain >= domains.size()) continue;
      const Backend& backend = policy.backends[connection.backend];
      ends.domain = static_cast<std::uint16_t>(writer_.number(NameKind::kDomain, domains[ends.domain].name));
      piece.push_back(
          {.ends = ends,
           .service = writer_.number(NameKind::kService, policy.services[connection.service].name),
           .backend = backend.address,
           .backend_port = backend.port,
           .tcp = connection.tcp,
           .bytes = connection.bytes,
           .age = now - connection.created,
           .idle = now - connection.last_seen});
    }
    return piece;
  }

  std::vector<core::Worker*> workers_;
  core::Snapshot snapshot_;
  ConnectionStreamWriter writer_;
  std::vector<Connection> found_;
  std::size_t worker_ = 0;
  ConnectionIndex place_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace

std::function<Result<std::string>()> export_connections(appliance::Workers workers,
                                                        const core::Snapshot& snapshot) {
  return [exporter = std::make_shared<Exporter>(workers, snapshot)] { return exporter->next(); };
}

}  // namespace millrace::load_balancer
