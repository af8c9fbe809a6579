// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/policy_swap.h"

#include <algorithm>
#include <ctime>
#include <vector>

#include <rte_cycles.h>
#include <rte_ring.h>

#include "tests/benchmark/firewall_bed.h"
#include "tests/benchmark/report.h"

namespace millrace::benchmark {
namespace {

struct Iterations {
  std::uint64_t count = 0;
  Samples at_swap_us;         // own time of those that met a new policy
  std::uint64_t slow = 0;     // past 100 us of the thread's own time
  double longest_us = 0;      // by the wall: the machine's interruptions are in it
  double longest_own_us = 0;  // of the thread's own CPU time
};

// Around the function of a worker: times what passes between two calls of tick(), one iteration of the loop.
class LoopClock final : public core::Function {
 public:
  LoopClock(std::unique_ptr<firewall::FirewallFunction> function, LoopClock*& self)
      : function_(std::move(function)) {
    self = this;
  }

  void process(core::Batch& batch, const core::Policy& policy, core::StageCounters* counters,
               core::Tracer& tracer) noexcept override {
    function_->process(batch, policy, counters, tracer);
  }
  void tick(Tick now, const core::Snapshot& in_force) noexcept override {
    function_->tick(now, in_force);
    const std::uint64_t wall = rte_rdtsc();
    const double own = own_us();
    if (last_wall_ != 0) {
      ++seen_.count;
      const double passed = own - last_own_;
      seen_.longest_us = std::max(seen_.longest_us, static_cast<double>(wall - last_wall_) * 1e6 /
                                                        static_cast<double>(rte_get_tsc_hz()));
      seen_.longest_own_us = std::max(seen_.longest_own_us, passed);
      if (passed > 100) ++seen_.slow;
      if (in_force.policy.get() != last_policy_) {
        seen_.at_swap_us.add(passed);
      }
    }
    last_wall_ = wall;
    last_own_ = own;
    last_policy_ = in_force.policy.get();
  }
  [[nodiscard]] std::span<const std::string_view> stage_names() const noexcept override {
    return function_->stage_names();
  }

  // What was seen since the last call. On the worker's thread.
  [[nodiscard]] Iterations take() {
    last_wall_ = 0;
    return std::exchange(seen_, {});
  }

 private:
  [[nodiscard]] static double own_us() noexcept {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
  }

  std::unique_ptr<firewall::FirewallFunction> function_;
  Iterations seen_;
  std::uint64_t last_wall_ = 0;
  double last_own_ = 0;
  const core::Policy* last_policy_ = nullptr;
};

// Keeps the worker's receive rings filled and its transmit rings empty.
class Feeder {
 public:
  explicit Feeder(FirewallBed& bed) : bed_(bed) {}

  void feed() {
    std::array<rte_mbuf*, kWindow> mbufs;
    for (unsigned p = 0; p < 2; ++p) {
      rte_ring* ring = bed_.bed().receive_ring(p, 0);
      // No more under way than the transmit ring can take: what is lost then is not the feeder's doing.
      if (fed_[p] - collected_[1 - p] + kWindow < rte_ring_get_capacity(ring) &&
          rte_pktmbuf_alloc_bulk(bed_.bed().pool(), mbufs.data(), kWindow) == 0) {
        for (rte_mbuf* mbuf : mbufs) {
          mbuf->port = bed_.bed().port(p).value();
          bed_.traffic(0).write_any(mbuf, p == 0, Size::k64);
        }
        fed_[p] += rte_ring_enqueue_bulk(ring, reinterpret_cast<void**>(mbufs.data()), kWindow, nullptr);
      }
      collect(p);
    }
  }
  void collect(unsigned port) {
    std::array<rte_mbuf*, kWindow> mbufs;
    const unsigned count = rte_ring_dequeue_burst(bed_.bed().transmit_ring(port, 0),
                                                  reinterpret_cast<void**>(mbufs.data()), kWindow, nullptr);
    rte_pktmbuf_free_bulk(mbufs.data(), count);
    collected_[port] += count;
  }
  [[nodiscard]] std::uint64_t fed() const noexcept { return fed_[0] + fed_[1]; }
  [[nodiscard]] std::uint64_t collected() const noexcept { return collected_[0] + collected_[1]; }

 private:
  FirewallBed& bed_;
  std::array<std::uint64_t, 2> fed_{};  // by port
  std::array<std::uint64_t, 2> collected_{};
};

}  // namespace

void measure_policy_swap(double seconds) {
  constexpr unsigned kRules = 1000;
  constexpr unsigned kSessions = 10'000;
  LoopClock* clock = nullptr;
  FirewallBed bed({.traffic = {.flows = kSessions},
                   .rules = kRules,
                   .wrap = [&](std::unique_ptr<firewall::FirewallFunction> function) {
                     return std::make_unique<LoopClock>(std::move(function), clock);
                   }});
  bed.establish(0);
  // Compiling takes its time, on another thread in the appliance: not what is measured here.
  std::vector<core::Snapshot> snapshots;
  for (int i = 0; i < 8; ++i) snapshots.push_back(bed.renewed_snapshot());

  core::Worker& worker = bed.bed().worker(0);
  Feeder feeder(bed);
  worker.start();
  pin_to_cpu(1);
  worker.execute([] { pin_to_cpu(0); });

  const std::uint64_t hz = rte_get_tsc_hz();
  std::size_t published = 0;
  const auto run = [&](bool swapping) {
    Iterations result;
    worker.execute([&] { static_cast<void>(clock->take()); });
    const std::uint64_t end = rte_rdtsc() + static_cast<std::uint64_t>(seconds * static_cast<double>(hz));
    std::uint64_t next = rte_rdtsc() + hz / 100;
    while (rte_rdtsc() < end) {
      feeder.feed();
      if (swapping && rte_rdtsc() >= next) {
        bed.bed().publish(snapshots[published++ % snapshots.size()]);
        next += hz / 100;
      }
    }
    worker.execute([&] { result = clock->take(); });
    return result;
  };
  static_cast<void>(run(false));  // warm-up
  const Iterations quiet = run(false);
  const Iterations swapping = run(true);

  const std::uint64_t patience = rte_rdtsc() + 2 * hz;
  while (feeder.collected() < feeder.fed() && rte_rdtsc() < patience) {
    for (unsigned p = 0; p < 2; ++p) feeder.collect(p);
  }
  worker.stop();
  Line("swap")
      .number("rules", kRules)
      .number("sessions", kSessions)
      .number("swaps", static_cast<double>(published))
      .samples("at_swap_us", swapping.at_swap_us)
      .number("packets", static_cast<double>(feeder.fed()))
      .number("dropped", static_cast<double>(bed.bed().dropped_in_all()))
      .number("lost", static_cast<double>(feeder.fed() - feeder.collected()))
      .number("iterations", static_cast<double>(swapping.count))
      .number("longest_us", swapping.longest_us)
      .number("longest_own_us", swapping.longest_own_us)
      .number("longest_at_swap_us", swapping.at_swap_us.quantile(1))
      .number("slow", static_cast<double>(swapping.slow))
      .number("quiet_slow", static_cast<double>(quiet.slow))
      .number("quiet_longest_us", quiet.longest_us)
      .number("quiet_longest_own_us", quiet.longest_own_us);
}

}  // namespace millrace::benchmark
