// SPDX-License-Identifier: BSD-3-Clause
// The real pipeline in process: ports that are rings, workers the test drives by hand, a clock the test sets.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <rte_mbuf.h>

#include "common/core/network.h"
#include "common/core/note.h"
#include "common/core/worker.h"

namespace millrace::testing {

// DPDK for the process, brought up at the first call. `memory_mib` counts at the first call only.
void ensure_eal(unsigned memory_mib = 512);

struct TestbedConfig {
  unsigned workers = 1;
  unsigned burst = 32;
  unsigned ports = 2;
  unsigned buffers = 8191;
  unsigned ring_size = 2048;
  unsigned transmit_queues = 0;  // of each port; 0: one for each worker
  flow::FragmentSettings fragments{};
  core::TransmitOffloads offloads{};  // of every port: what the workers believe the ports can
};

// What a port says of a frame it received, beside its bytes: RTE_MBUF_F_RX_* and what goes with them.
struct Marks {
  std::uint64_t flags = 0;
  std::uint16_t segment_size = 0;  // of an aggregate
  std::uint16_t vlan_tci = 0;      // of a tag that was taken off
  std::uint16_t vlan_tci_outer = 0;
  std::uint16_t first_buffer = 0;  // bytes in the first of a chain of buffers; 0: as many as it holds
};

// Ports, rings and workers around one function. The owner of everything.
class Testbed {
 public:
  Testbed(const TestbedConfig& config, core::Snapshot snapshot, const core::MakeFunction& make_function);
  ~Testbed();
  Testbed(const Testbed&) = delete;
  Testbed& operator=(const Testbed&) = delete;

  [[nodiscard]] unsigned workers() const noexcept { return static_cast<unsigned>(workers_.size()); }
  [[nodiscard]] core::Worker& worker(unsigned index) noexcept { return *workers_[index]; }
  // Port p of the bed has this number in DPDK, and so in a Network.
  [[nodiscard]] core::PortId port(unsigned index) const noexcept { return ports_[index]; }
  [[nodiscard]] rte_mempool* pool() noexcept { return pool_; }

  void publish(core::Snapshot snapshot) {
    snapshot_->publish(std::make_unique<const core::Snapshot>(std::move(snapshot)));
  }
  void set_time(Tick now);

  // A frame arrives at a port, on the queue of the given worker; one larger than a buffer in a chain of them.
  void receive(unsigned port, std::span<const std::uint8_t> frame, unsigned worker = 0, Marks marks = {});
  void receive(unsigned port, rte_mbuf* mbuf, unsigned worker = 0);
  // Lets the workers poll in turn until none finds a packet.
  void run();
  // What left by a port since the last call, in order.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> transmitted(unsigned port);
  [[nodiscard]] unsigned take_transmitted(unsigned port, std::span<rte_mbuf*> out);
  // What a port's queue of one worker is made of, for generators on threads of their own.
  [[nodiscard]] rte_ring* receive_ring(unsigned port, unsigned worker) noexcept {
    return receive_rings_[port][worker];
  }
  [[nodiscard]] rte_ring* transmit_ring(unsigned port, unsigned worker) noexcept {
    return transmit_rings_[port][worker];
  }
  // What went to the twin, frames as received.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> to_host();
  struct HostFrame {
    core::Note note;
    std::vector<std::uint8_t> bytes;
  };
  // The same with the notes they carried; what asks for a next hop waits from then on.
  [[nodiscard]] std::vector<HostFrame> to_host_with_notes();
  // Buffers of the packets that wait.
  [[nodiscard]] unsigned waiting_buffers() const noexcept;
  // The twin gives back all that waits: the neighbours have answered, or they never will.
  void give_back(bool answered);
  // The twin sends a frame by an interface, or gives back one that came by `port` and waited for its next
  // hop.
  void from_host(core::InterfaceId interface, std::span<const std::uint8_t> frame);
  void resume(unsigned port, std::span<const std::uint8_t> frame);

  // Sums over the workers.
  [[nodiscard]] std::uint64_t total(Counter core::WorkerCounters::*counter) const;
  [[nodiscard]] std::uint64_t dropped(std::uint8_t reason) const;
  [[nodiscard]] std::uint64_t dropped_in_all() const;
  // Every packet has one fate, and no buffer is lost.
  [[nodiscard]] bool is_conserved() const;

 private:
  [[nodiscard]] rte_mbuf* mbuf_of(std::span<const std::uint8_t> frame, std::size_t first = 0);

  rte_mempool* pool_ = nullptr;
  std::vector<core::PortId> ports_;
  std::vector<std::vector<rte_ring*>> receive_rings_;   // by port, by worker
  std::vector<std::vector<rte_ring*>> transmit_rings_;  // by port, by worker
  std::vector<rte_ring*> owner_rings_;
  std::vector<rte_ring*> send_for_others_;  // by worker: frames for its transmit queues
  rte_ring* to_host_ = nullptr;
  rte_ring* from_host_ = nullptr;
  std::vector<rte_mbuf*> waiting_;
  core::Rcu rcu_;
  std::unique_ptr<core::Published<core::Snapshot>> snapshot_;
  std::vector<std::unique_ptr<core::WorkerCounters>> counters_;
  std::vector<std::unique_ptr<core::Worker>> workers_;
};

}  // namespace millrace::testing
