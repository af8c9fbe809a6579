// SPDX-License-Identifier: BSD-3-Clause
// The firewall with its whole pipeline between two ports that are rings, and the traffic to drive it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "tests/benchmark/traffic.h"
#include "tests/support/testbed.h"
#include "vnfs/firewall/function.h"

namespace millrace::benchmark {

inline constexpr unsigned kBurst = 32;
inline constexpr unsigned kWindow = 256;  // packets between generator and firewall

// TSC cycles spent on a number of packets.
struct Cost {
  std::uint64_t packets = 0;
  std::uint64_t cycles =
      0;  // from a batch entering ingress to its being handed to transmit, transmit included
  std::uint64_t polling = 0;  // the same and reception: the worker's whole loop
  std::array<std::uint64_t, core::WorkerCounters::kMaxStages> stages{};  // what `cycles` is made of
};

struct BedConfig {
  TrafficConfig traffic{};
  unsigned workers = 1;
  unsigned rules = 10;
  std::vector<firewall::Rule> first_rules = {};  // ahead of those
  unsigned spare_sessions = 8192;                // capacity beyond the traffic's flows
  // Puts something around the function of a worker.
  std::function<std::unique_ptr<core::Function>(std::unique_ptr<firewall::FirewallFunction>)> wrap = nullptr;
};

// `count` rules that accept, of which the traffic meets many; the last takes everything.
[[nodiscard]] std::vector<firewall::Rule> make_rules(unsigned count, bool ipv6);

// A worker and its traffic belong to one thread at a time.
class FirewallBed {
 public:
  explicit FirewallBed(const BedConfig& config);

  [[nodiscard]] testing::Testbed& bed() noexcept { return *bed_; }
  [[nodiscard]] Traffic& traffic(unsigned worker) noexcept { return traffic_[worker]; }
  [[nodiscard]] firewall::WorkerState& state(unsigned worker) noexcept { return functions_[worker]->state(); }
  [[nodiscard]] unsigned stages() const noexcept;
  [[nodiscard]] std::string_view stage_name(unsigned stage) const noexcept;
  // The policy at work, under another generation: sessions are matched again when they meet it.
  [[nodiscard]] core::Snapshot renewed_snapshot();

  // Sends one packet of each flow in [first, first + count) and lets the worker do its work.
  Cost send(unsigned worker, Step step, unsigned first, unsigned count);
  // The packets that open every flow's session and bring it into its established state.
  void establish(unsigned worker);
  // Established traffic, half of it from each side, over the flows in random order; `packets` in whole
  // windows.
  Cost forward(unsigned worker, Size size, unsigned packets);
  // The same traffic through reception, an exchange of the MAC addresses and transmission, as testpmd's
  // macswap does; in `polling`.
  Cost forward_io(unsigned worker, Size size, unsigned packets);
  // Lets the worker's clock show the time since the bed was made. Otherwise time stands still.
  void follow_clock(unsigned worker);
  void check_nothing_lost() const;  // throws when a packet was dropped or not sent

  // What the calls above are made of. `write(mbuf, i)` writes the i-th packet and returns the port it comes
  // by.
  template <class Write>
  void fill(unsigned worker, unsigned count, Write write);
  void fill_window(unsigned worker, Size size);
  void poll(unsigned worker, Cost& cost);  // until nothing waits in the receive rings
  void drain(unsigned worker);             // frees what was transmitted

 private:
  void enqueue(unsigned worker, unsigned port, std::span<void*> mbufs);

  BedConfig config_;
  std::shared_ptr<const core::Network> network_;
  std::vector<firewall::Rule> rules_;
  std::uint16_t generation_ = 1;
  std::vector<firewall::FirewallFunction*> functions_;
  std::unique_ptr<testing::Testbed> bed_;
  std::vector<Traffic> traffic_;
  std::uint64_t made_at_;
};

template <class Write>
void FirewallBed::fill(unsigned worker, unsigned count, Write write) {
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

// Runs `job(worker)` for all workers at once, each on a thread and, as far as there are enough, a CPU of its
// own.
void on_worker_threads(unsigned workers, const std::function<void(unsigned)>& job);
void pin_to_cpu(unsigned index);  // the calling thread, to the index-th CPU this process may use

}  // namespace millrace::benchmark
