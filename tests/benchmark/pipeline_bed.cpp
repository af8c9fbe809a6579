// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/pipeline_bed.h"

#include <stdexcept>
#include <string>
#include <thread>

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <sched.h>

namespace millrace::benchmark {
namespace {

constexpr unsigned kRing = 1024;
// The burst of the generator, what waits in the rings, and the pool's caches of every thread.
constexpr unsigned kBuffers = 8191;

}  // namespace

PipelineBed::PipelineBed(unsigned workers, core::Snapshot snapshot, const core::MakeFunction& make_function,
                         std::span<const std::string_view> function_stages)
    : function_stages_(function_stages),
      bed_(std::make_unique<testing::Testbed>(
          testing::TestbedConfig{
              .workers = workers, .burst = kBurst, .buffers = kBuffers, .ring_size = kRing},
          std::move(snapshot), make_function)),
      made_at_(rte_rdtsc()) {
  if (bed_->port(0).value() != 0) throw std::runtime_error("the ports of an earlier bed are still there");
}

unsigned PipelineBed::stages() const noexcept { return static_cast<unsigned>(function_stages_.size()) + 2; }

std::string_view PipelineBed::stage_name(unsigned stage) const noexcept {
  if (stage == 0) return core::Ingress::kName;
  if (stage + 1 == stages()) return core::Egress::kName;
  return function_stages_[stage - 1];
}

void PipelineBed::enqueue(unsigned worker, unsigned port, std::span<void*> mbufs) {
  for (void* mbuf : mbufs) static_cast<rte_mbuf*>(mbuf)->port = bed_->port(port).value();
  const auto count = static_cast<unsigned>(mbufs.size());
  if (rte_ring_enqueue_bulk(bed_->receive_ring(port, worker), mbufs.data(), count, nullptr) != count)
    throw std::runtime_error("receive ring full");
}

void PipelineBed::poll(unsigned worker, Cost& cost) {
  core::Worker& polled = bed_->worker(worker);
  const core::WorkerCounters& counters = polled.counters();
  std::array<std::uint64_t, core::WorkerCounters::kMaxStages> before;
  for (unsigned s = 0; s < stages(); ++s) before[s] = counters.stages[s].cycles.read();
  const rte_ring* rings[] = {bed_->receive_ring(0, worker), bed_->receive_ring(1, worker)};
  const std::uint64_t begin = rte_rdtsc();
  while (rte_ring_empty(rings[0]) == 0 || rte_ring_empty(rings[1]) == 0) polled.poll_once();
  cost.polling += rte_rdtsc() - begin;
  for (unsigned s = 0; s < stages(); ++s) {
    const std::uint64_t spent = counters.stages[s].cycles.read() - before[s];
    cost.stages[s] += spent;
    cost.cycles += spent;
  }
}

void PipelineBed::drain(unsigned worker) {
  for (unsigned p = 0; p < 2; ++p) take_transmitted(worker, p, [](unsigned, const rte_mbuf&) {});
}

Cost PipelineBed::forward(unsigned worker, Size size, unsigned packets) {
  Cost cost;
  for (; cost.packets < packets; cost.packets += kWindow) {
    follow_clock(worker);
    fill_window(worker, size);
    poll(worker, cost);
    drain(worker);
  }
  return cost;
}

Cost PipelineBed::forward_io(unsigned worker, Size size, unsigned packets) {
  Cost cost;
  std::array<rte_mbuf*, kBurst> mbufs;
  const auto queue = static_cast<std::uint16_t>(worker);
  for (; cost.packets < packets; cost.packets += kWindow) {
    fill_window(worker, size);
    const std::uint64_t begin = rte_rdtsc();
    for (unsigned left = kWindow; left != 0;) {
      for (unsigned p = 0; p < 2; ++p) {
        const std::uint16_t count = rte_eth_rx_burst(bed_->port(p).value(), queue, mbufs.data(), kBurst);
        for (unsigned i = 0; i < count; ++i) {
          auto& ethernet = *rte_pktmbuf_mtod(mbufs[i], net::EthernetHeader*);
          std::swap(ethernet.source, ethernet.destination);
        }
        rte_eth_tx_burst(bed_->port(1 - p).value(), queue, mbufs.data(), count);
        left -= count;
      }
    }
    cost.polling += rte_rdtsc() - begin;
    drain(worker);
  }
  cost.cycles = cost.polling;
  return cost;
}

void PipelineBed::follow_clock(unsigned worker) {
  bed_->worker(worker).set_time(static_cast<Tick>((rte_rdtsc() - made_at_) / (rte_get_tsc_hz() / 1000)));
}

void PipelineBed::check_nothing_lost() const {
  const auto received = bed_->total(&core::WorkerCounters::received);
  const auto transmitted = bed_->total(&core::WorkerCounters::transmitted);
  if (received == transmitted && bed_->dropped_in_all() == 0) return;
  std::string message = std::to_string(received) + " packets in, " + std::to_string(transmitted) + " out";
  for (unsigned reason = 0; reason < core::kMaxDropReasons; ++reason) {
    if (const auto count = bed_->dropped(static_cast<std::uint8_t>(reason)); count != 0)
      message += ", drop reason " + std::to_string(reason) + ": " + std::to_string(count);
  }
  throw std::runtime_error(message);
}

testing::NetworkBuilder two_sides() {
  testing::NetworkBuilder builder;
  builder.interface(core::PortId(0), "inside", {"10.255.255.1/8", "2001:db8:a:ffff::1/48"})
      .interface(core::PortId(1), "outside", {"192.168.255.1/16", "2001:db8:b:ffff::1/48"})
      .route("10.0.0.0/8", "inside", testing::neighbor_mac(0).to_string())
      .route("192.168.0.0/16", "outside", testing::neighbor_mac(1).to_string())
      .route("2001:db8:a::/48", "inside", testing::neighbor_mac(0).to_string())
      .route("2001:db8:b::/48", "outside", testing::neighbor_mac(1).to_string());
  return builder;
}

void pin_to_cpu(unsigned index) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  unsigned skip = index % static_cast<unsigned>(CPU_COUNT(&allowed));
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || skip-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    return;
  }
}

void on_worker_threads(unsigned workers, const std::function<void(unsigned)>& job) {
  if (workers == 1) return job(0);
  std::vector<std::thread> threads;
  for (unsigned w = 0; w < workers; ++w) {
    threads.emplace_back([&job, w] {
      pin_to_cpu(w);
      rte_thread_register();  // a place in the packet pool's per-core cache
      job(w);
      rte_thread_unregister();
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace millrace::benchmark
