// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/firewall_bed.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_ring.h>
#include <sched.h>

#include "tests/support/networks.h"

namespace millrace::benchmark {
namespace {

constexpr unsigned kRing = 1024;

std::shared_ptr<const core::Network> make_network() {
  testing::NetworkBuilder builder;
  builder.interface(core::PortId(0), "inside", {"10.255.255.1/8", "2001:db8:a:ffff::1/48"})
      .interface(core::PortId(1), "outside", {"192.168.255.1/16", "2001:db8:b:ffff::1/48"})
      .route("10.0.0.0/8", "inside", testing::neighbor_mac(0).to_string())
      .route("192.168.0.0/16", "outside", testing::neighbor_mac(1).to_string())
      .route("2001:db8:a::/48", "inside", testing::neighbor_mac(0).to_string())
      .route("2001:db8:b::/48", "outside", testing::neighbor_mac(1).to_string());
  return builder.build();
}

std::shared_ptr<firewall::Policy> make_policy(const std::vector<firewall::Rule>& rules,
                                              std::uint16_t generation) {
  auto matcher = firewall::RuleMatcher::compile(rules, {});
  if (!matcher) throw std::runtime_error(matcher.error().message());
  auto policy = std::make_shared<firewall::Policy>();
  policy->generation = generation;
  policy->matcher = std::move(*matcher);
  policy->zone_of = {firewall::ZoneId(0), firewall::ZoneId(1)};
  for (const auto& rule : rules) {
    firewall::RuleOutcome outcome;
    outcome.action = rule.action;
    outcome.slot = static_cast<std::uint32_t>(policy->outcomes.size() + 1);
    policy->outcomes.push_back(outcome);
  }
  return policy;
}

}  // namespace

std::vector<firewall::Rule> make_rules(unsigned count, bool ipv6) {
  std::mt19937 random(42);
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  std::vector<firewall::Rule> rules;
  for (unsigned i = 0; i + 1 < count; ++i) {
    firewall::Rule rule{.name = "rule" + std::to_string(i), .action = firewall::Action::kAccept};
    rule.source.any = rule.destination.any = false;
    const unsigned client = below(1U << 23);
    const unsigned server = below(1U << 15);
    if (ipv6) {
      const auto prefix = [](const char* side, unsigned number, unsigned length) {
        char text[64];
        std::snprintf(text, sizeof text, "2001:db8:%s:%x:%x::/%u", side, number >> 8, number << 8 & 0xffff,
                      length);
        return net::Prefix::parse(text);
      };
      if (const auto p = prefix("a", client, 72))
        rule.source.prefixes.push_back(net::Prefix::of(p->address, 50 + below(18)));
      if (const auto p = prefix("b", server, 72))
        rule.destination.prefixes.push_back(net::Prefix::of(p->address, 57 + below(16)));
    } else {
      rule.source.prefixes.push_back(
          net::Prefix::of(net::IpAddress(net::Ipv4Address{be32(0x0a000000U + client)}), 12 + below(16)));
      rule.destination.prefixes.push_back(
          net::Prefix::of(net::IpAddress(net::Ipv4Address{be32(0xc0a80000U + server)}), 18 + below(15)));
    }
    firewall::Service service{.protocol = below(3) == 0 ? net::protocol::kUdp : net::protocol::kTcp};
    service.destination.first = static_cast<std::uint16_t>(below(6000));
    service.destination.last = static_cast<std::uint16_t>(service.destination.first + below(3000));
    rule.services.push_back(service);
    rules.push_back(std::move(rule));
  }
  rules.push_back({.name = "rest", .action = firewall::Action::kAccept});
  return rules;
}

FirewallBed::FirewallBed(const BedConfig& config)
    : config_(config), network_(make_network()), rules_(config.first_rules) {
  for (auto& rule : make_rules(config.rules, config.traffic.ipv6)) rules_.push_back(std::move(rule));
  // The burst of the generator, what waits in the rings, and the pool's caches of every thread.
  const unsigned buffers = 8191;
  const core::MakeFunction make =
      [&](const core::WorkerServices& services) -> std::unique_ptr<core::Function> {
    auto function = std::make_unique<firewall::FirewallFunction>(
        firewall::Limits{.sessions = config.traffic.flows / config.workers + config.spare_sessions},
        services);
    functions_.push_back(function.get());
    if (config.wrap) return config.wrap(std::move(function));
    return function;
  };
  bed_ = std::make_unique<testing::Testbed>(
      testing::TestbedConfig{
          .workers = config.workers, .burst = kBurst, .buffers = buffers, .ring_size = kRing},
      core::Snapshot{network_, make_policy(rules_, generation_)}, make);
  if (bed_->port(0).value() != 0) throw std::runtime_error("the ports of an earlier bed are still there");
  for (unsigned w = 0; w < config.workers; ++w) traffic_.emplace_back(config.traffic, w, config.workers);
  made_at_ = rte_rdtsc();
}

unsigned FirewallBed::stages() const noexcept {
  return static_cast<unsigned>(firewall::FirewallFunction::kStageNames.size()) + 2;
}

std::string_view FirewallBed::stage_name(unsigned stage) const noexcept {
  if (stage == 0) return core::Ingress::kName;
  if (stage + 1 == stages()) return core::Egress::kName;
  return firewall::FirewallFunction::kStageNames[stage - 1];
}

core::Snapshot FirewallBed::renewed_snapshot() { return {network_, make_policy(rules_, ++generation_)}; }

void FirewallBed::enqueue(unsigned worker, unsigned port, std::span<void*> mbufs) {
  for (void* mbuf : mbufs) static_cast<rte_mbuf*>(mbuf)->port = bed_->port(port).value();
  const auto count = static_cast<unsigned>(mbufs.size());
  if (rte_ring_enqueue_bulk(bed_->receive_ring(port, worker), mbufs.data(), count, nullptr) != count)
    throw std::runtime_error("receive ring full");
}

void FirewallBed::fill_window(unsigned worker, Size size) {
  fill(worker, kWindow, [&](rte_mbuf* mbuf, unsigned i) {
    const bool client = (i & 1U) == 0;
    traffic_[worker].write_any(mbuf, client, size);
    return client ? 0U : 1U;
  });
}

void FirewallBed::poll(unsigned worker, Cost& cost) {
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

void FirewallBed::drain(unsigned worker) {
  std::array<rte_mbuf*, kWindow> mbufs;
  for (unsigned p = 0; p < 2; ++p) {
    while (const unsigned count = rte_ring_dequeue_burst(
               bed_->transmit_ring(p, worker), reinterpret_cast<void**>(mbufs.data()), kWindow, nullptr)) {
      rte_pktmbuf_free_bulk(mbufs.data(), count);
    }
  }
}

Cost FirewallBed::send(unsigned worker, Step step, unsigned first, unsigned count) {
  Cost cost{.packets = count};
  const Traffic& traffic = traffic_[worker];
  for (unsigned at = 0; at < count; at += kWindow) {
    fill(worker, std::min(kWindow, count - at), [&](rte_mbuf* mbuf, unsigned i) {
      traffic.write(mbuf, traffic.flow(first + at + i), step, 60);
      return from_client(step) ? 0U : 1U;
    });
    poll(worker, cost);
    drain(worker);
  }
  return cost;
}

void FirewallBed::establish(unsigned worker) {
  // In portions: a handshake is not left half-open for longer than its timeout.
  constexpr unsigned kPortion = 4096;
  const unsigned flows = traffic_[worker].flows();
  for (unsigned first = 0; first < flows; first += kPortion) {
    const unsigned count = std::min(kPortion, flows - first);
    for (const Step step : {Step::kSyn, Step::kSynAck, Step::kAck}) send(worker, step, first, count);
  }
}

Cost FirewallBed::forward(unsigned worker, Size size, unsigned packets) {
  Cost cost;
  for (; cost.packets < packets; cost.packets += kWindow) {
    follow_clock(worker);
    fill_window(worker, size);
    poll(worker, cost);
    drain(worker);
  }
  return cost;
}

Cost FirewallBed::forward_io(unsigned worker, Size size, unsigned packets) {
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

void FirewallBed::follow_clock(unsigned worker) {
  bed_->worker(worker).set_time(static_cast<Tick>((rte_rdtsc() - made_at_) / (rte_get_tsc_hz() / 1000)));
}

void FirewallBed::check_nothing_lost() const {
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
