// SPDX-License-Identifier: BSD-3-Clause
// A function with its whole pipeline between two ports that are rings, driven window by window, and what its
// packets cost.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <rte_ring.h>

#include "tests/benchmark/traffic.h"
#include "tests/support/networks.h"
#include "tests/support/testbed.h"

namespace millrace::benchmark {

inline constexpr unsigned kBurst = 32;
inline constexpr unsigned kWindow = 256;  // packets between generator and function

// TSC cycles spent on a number of packets.
struct Cost {
  std::uint64_t packets = 0;
  std::uint64_t cycles =
      0;  // from a batch entering ingress to its being handed to transmit, transmit included
  std::uint64_t polling = 0;  // the same and reception: the worker's whole loop
  std::array<std::uint64_t, core::WorkerCounters::kMaxStages> stages{};  // what `cycles` is made of
};

[[nodiscard]] inline double per_packet(std::uint64_t cycles, std::uint64_t packets) {
  return static_cast<double>(cycles) / static_cast<double>(packets);
}

// A worker and its traffic belong to one thread at a time.
class PipelineBed {
 public:
  // `function_stages`: the names of the function's own.
  PipelineBed(unsigned workers, core::Snapshot snapshot, const core::MakeFunction& make_function,
              std::span<const std::string_view> function_stages);
  virtual ~PipelineBed() = default;
  PipelineBed(const PipelineBed&) = delete;
  PipelineBed& operator=(const PipelineBed&) = delete;

  [[nodiscard]] testing::Testbed& bed() noexcept { return *bed_; }
  [[nodiscard]] unsigned stages() const noexcept;
  [[nodiscard]] std::string_view stage_name(unsigned stage) const noexcept;

  // Established traffic, half of it from each side, over the flows in random order; `packets` in whole
  // windows.
  Cost forward(unsigned worker, Size size, unsigned packets);
  // The same traffic through reception, an exchange of the MAC addresses and transmission, as testpmd's
  // macswap does; in `polling`.
  Cost forward_io(unsigned worker, Size size, unsigned packets);
  // Lets the worker's clock show the time since the bed was made. Otherwise time stands still.
  void follow_clock(unsigned worker);
  void check_nothing_lost() const;  // throws when a packet was dropped or not sent

  // What the calls above are made of. A window of established traffic waits for the worker.
  virtual void fill_window(unsigned worker, Size size) = 0;
  // `write(mbuf, i)` writes the i-th packet and returns the port it comes by.
  template <class Write>
  void fill(unsigned worker, unsigned count, Write write);
  void poll(unsigned worker, Cost& cost);  // until nothing waits in the receive rings
  void drain(unsigned worker);             // frees what was transmitted
  // Calls `take(i, mbuf)` for what was transmitted by a port, in order, and frees it; how many it were.
  template <class Take>
  unsigned take_transmitted(unsigned worker, unsigned port, Take take);
  // All of that for `count` packets, window by window: `write(mbuf, i)` as above, `after(first, window)`
  // takes what was transmitted.
  template <class Write, class After>
  Cost send(unsigned worker, unsigned count, Write write, After after);

 private:
  void enqueue(unsigned worker, unsigned port, std::span<void*> mbufs);

  std::span<const std::string_view> function_stages_;
  std::unique_ptr<testing::Testbed> bed_;
  std::uint64_t made_at_;
};

template <class Write>
void PipelineBed::fill(unsigned worker, unsigned count, Write write) {
  std::array<rte_mbuf*, kWindow> mbufs;
  if (rte_pktmbuf_alloc_bulk(bed_->pool(), mbufs.data(), count) != 0)
    throw std::runtime_error("no packet buffers");
  std::array<std::array<void*, kWindow>, 2> by_port;
  std::array<unsigned, 2> counts{};
  for (unsigned i = 0; i < count; ++i) {
    const unsigned port = write(mbufs[i], i);
    by_port[port][counts[port]++] = mbufs[i];
  }
  for (unsigned p = 0; p < 2; ++p) enqueue(worker, p, std::span(by_port[p].data(), counts[p]));
}

template <class Take>
unsigned PipelineBed::take_transmitted(unsigned worker, unsigned port, Take take) {
  std::array<rte_mbuf*, kWindow> mbufs;
  unsigned taken = 0;
  while (const unsigned count = rte_ring_dequeue_burst(
             bed_->transmit_ring(port, worker), reinterpret_cast<void**>(mbufs.data()), kWindow, nullptr)) {
    for (unsigned i = 0; i < count; ++i) take(taken + i, *mbufs[i]);
    rte_pktmbuf_free_bulk(mbufs.data(), count);
    taken += count;
  }
  return taken;
}

template <class Write, class After>
Cost PipelineBed::send(unsigned worker, unsigned count, Write write, After after) {
  Cost cost{.packets = count};
  for (unsigned first = 0; first < count; first += kWindow) {
    const unsigned window = std::min(kWindow, count - first);
    fill(worker, window, [&](rte_mbuf* mbuf, unsigned i) { return write(mbuf, first + i); });
    poll(worker, cost);
    after(first, window);
  }
  return cost;
}

// The network of Traffic: clients behind port 0, servers behind port 1, each side through one neighbour.
[[nodiscard]] testing::NetworkBuilder two_sides();

// Runs `job(worker)` for all workers at once, each on a thread and, as far as there are enough, a CPU of its
// own.
void on_worker_threads(unsigned workers, const std::function<void(unsigned)>& job);
void pin_to_cpu(unsigned index);  // the calling thread, to the index-th CPU this process may use

}  // namespace millrace::benchmark
