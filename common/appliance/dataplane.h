// SPDX-License-Identifier: BSD-3-Clause
// Ports, packet memory, rings, workers, and the snapshot they all read.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "common/appliance/vnf.h"
#include "common/core/eal.h"
#include "common/core/port.h"
#include "common/core/published.h"
#include "common/core/worker.h"

namespace millrace::appliance {

// Control thread, but for publish_network().
class DataPlane {
 public:
  // Brings up DPDK and sets up the profile's ports. Then, in this order: make_workers(), start_ports(),
  // start().
  [[nodiscard]] static Result<std::unique_ptr<DataPlane>> open(const control::Profile& profile);
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  Result<void> make_workers(unsigned count, core::Snapshot first, const core::MakeFunction& make_function);
  // When the tables are there: what arrives is not to wait for them.
  Result<void> start_ports();
  void start();
  // Changes the number while traffic runs. Packets wait in the ports' queues for the moment it takes; `move`
  // carries the sessions from the old workers' functions to the new ones'.
  Result<void> change_workers(unsigned count, const core::MakeFunction& make_function,
                              const std::function<void(Workers before, Workers after)>& move);
  void stop();

  // The next network brings this policy with it.
  void stage_policy(std::shared_ptr<const core::Policy> policy);
  void publish_policy(std::shared_ptr<const core::Policy> policy);
  void publish_network(std::shared_ptr<const core::Network> network);  // the twin's thread
  [[nodiscard]] core::Snapshot snapshot() const;
  void synchronize() { rcu_->synchronize(); }

  [[nodiscard]] const core::Port* port(std::string_view name) const;
  [[nodiscard]] const std::vector<core::Port>& ports() const noexcept { return ports_; }
  [[nodiscard]] Workers workers() const noexcept { return worker_pointers_; }
  [[nodiscard]] const core::EalMemory& memory() const noexcept { return memory_; }
  [[nodiscard]] unsigned most_workers() const noexcept { return most_workers_; }
  // By worker number, those of workers that no longer run included.
  [[nodiscard]] const std::vector<std::unique_ptr<core::WorkerCounters>>& counters() const noexcept {
    return counters_;
  }
  [[nodiscard]] rte_ring* to_host() noexcept { return to_host_; }
  [[nodiscard]] rte_ring* from_host() noexcept { return from_host_; }
  [[nodiscard]] rte_mempool* pool() noexcept { return pool_; }

 private:
  DataPlane() = default;

  Result<void> make_rings();
  Result<void> open_ports(const control::Profile& profile);
  void spread_flows(unsigned count);
  [[nodiscard]] core::WorkerConfig worker_config(unsigned worker, unsigned count) const;
  void build_workers(unsigned count, const core::MakeFunction& make_function);
  void hand_out_leftovers(unsigned count);
  void swap(core::Snapshot next);

  control::Dataplane settings_;
  core::EalMemory memory_;
  unsigned most_workers_ = 1;
  std::uint64_t seed_ = 0;
  rte_mempool* pool_ = nullptr;
  std::vector<core::Port> ports_;
  std::vector<rte_ring*> owner_rings_;     // by worker, as many as there may be workers
  std::vector<rte_ring*> transmit_rings_;  // likewise: frames for the queues of that worker
  rte_ring* to_host_ = nullptr;
  rte_ring* from_host_ = nullptr;

  std::unique_ptr<core::Rcu> rcu_;
  mutable std::mutex publish_mutex_;
  std::unique_ptr<core::Published<core::Snapshot>> published_;
  std::shared_ptr<const core::Policy> staged_;
  std::vector<std::unique_ptr<core::WorkerCounters>> counters_;
  std::vector<std::unique_ptr<core::Worker>> workers_;
  std::vector<core::Worker*> worker_pointers_;
  bool running_ = false;
};

}  // namespace millrace::appliance
