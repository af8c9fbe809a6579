// SPDX-License-Identifier: BSD-3-Clause
// One core of the data path: receive, ingress, the function's stages, egress; nothing shared, nothing waited
// for.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <rte_ring.h>

#include "common/core/capture.h"
#include "common/core/conditioner.h"
#include "common/core/egress.h"
#include "common/core/fragments.h"
#include "common/core/function.h"
#include "common/core/ingress.h"
#include "common/core/published.h"

namespace millrace::core {

struct ReceiveQueue {
  PortId port;
  std::uint16_t queue = 0;
};

struct WorkerConfig {
  WorkerId id;
  int cpu = -1;  // -1: wherever the kernel likes
  unsigned burst = 32;
  bool adaptive_idle = true;  // sleep when quiet; else poll always
  unsigned workers = 1;
  std::vector<ReceiveQueue> queues;
  std::array<Transmitter::Path, kMaxPorts> transmit_paths{};
  std::vector<rte_ring*> transmit_for_others;  // frames other workers send by this worker's queues
  std::vector<rte_ring*> owner_rings;          // by worker; this worker reads its own
  rte_ring* to_host = nullptr;
  rte_ring* from_host = nullptr;
  rte_mempool* pool = nullptr;
  std::uint64_t seed = 0;
  flow::FragmentSettings fragments;
};

using MakeFunction = std::function<std::unique_ptr<Function>(const WorkerServices&)>;

class Worker {
 public:
  // Everything the worker needs is allocated here, by the control thread. `counters` are its own while it
  // lives; they go on counting when a worker of the same number is made again.
  Worker(WorkerConfig config, Rcu& rcu, const Published<Snapshot>& snapshot, WorkerCounters& counters,
         const MakeFunction& make_function);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  // Ends the loop after the batch in hand; held fragments are dropped, what waits in its rings stays there.
  void stop();

  // One round of the loop: what start() does for ever. For tests and benchmarks, which own the thread.
  // Returns the number of packets seen.
  unsigned poll_once() noexcept;
  // The packets of one burst through the whole path; the batch's mbufs are consumed.
  void process(Batch& batch) noexcept;

  // Runs `job` on the worker's thread between two batches and returns when it is done; in the caller's thread
  // when the worker is not running. Must be short: traffic waits. Control thread only.
  void execute(const std::function<void()>& job);

  [[nodiscard]] const WorkerCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] WorkerCounters& counters() noexcept { return counters_; }
  [[nodiscard]] Tracer& tracer() noexcept { return tracer_; }
  [[nodiscard]] Capturer& capturer() noexcept { return capturer_; }
  [[nodiscard]] Function& function() noexcept { return *function_; }
  [[nodiscard]] const WorkerConfig& config() const noexcept { return config_; }
  [[nodiscard]] bool running() const noexcept { return thread_.joinable(); }
  [[nodiscard]] unsigned backlog() const noexcept;  // packets waiting in its rings

  // Tests set the clock; otherwise it is the TSC's.
  void set_time(Tick now) noexcept {
    fixed_now_ = now;
    has_fixed_now_ = true;
  }

 private:
  struct Command;

  void prepare_thread();
  void run() noexcept;
  void send_originated(const Snapshot& snapshot) noexcept;
  void finish(Batch& batch) noexcept;
  void start_batch(Batch& batch, const Snapshot& snapshot) noexcept;
  unsigned poll_ports(const Snapshot& snapshot) noexcept;
  unsigned poll_owned(const Snapshot& snapshot) noexcept;
  unsigned poll_host(const Snapshot& snapshot) noexcept;
  unsigned poll_others() noexcept;
  void send_frames_of_host(const Snapshot& snapshot) noexcept;
  void run_commands() noexcept;
  void through_function(Batch& batch, const Snapshot& snapshot) noexcept;
  void settle_fragments(const Batch& batch, const Snapshot& snapshot) noexcept;
  void idle(unsigned empty_rounds) noexcept;
  void condition(Batch& batch) noexcept;
  [[nodiscard]] Tick now() const noexcept;

  WorkerConfig config_;
  Rcu& rcu_;
  const Published<Snapshot>& snapshot_;
  WorkerCounters& counters_;
  Capturer capturer_;
  Originator originator_;
  Transmitter transmitter_;
  Fragments fragments_;
  Ingress ingress_;
  Conditioner conditioner_;
  Egress egress_;
  Restart restart_;
  Tracer tracer_;
  std::unique_ptr<Function> function_;
  unsigned function_stages_;
  bool function_takes_own_ = false;
  Batch batch_;
  Batch frames_of_host_;
  const Policy* policy_ = nullptr;  // of the batch in hand

  rte_ring* commands_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  std::uint64_t tsc_per_ms_;
  Tick fixed_now_ = 0;
  bool has_fixed_now_ = false;
};

}  // namespace millrace::core
