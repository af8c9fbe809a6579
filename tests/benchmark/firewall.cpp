// SPDX-License-Identifier: BSD-3-Clause
// Cycles per packet of the whole firewall, in process.
#include <rte_cycles.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "common/net/checksum.h"
#include "tests/support/networks.h"
#include "tests/support/testbed.h"
#include "vnfs/firewall/function.h"

namespace {

using namespace millrace;
using firewall::FirewallFunction;

constexpr unsigned kBurst = 32;
constexpr unsigned kWindow = 256;

struct Flow {
  std::uint32_t client;
  std::uint32_t server;
  std::uint16_t client_port;
  std::uint16_t server_port;
};

Flow nth_flow(unsigned i) {
  return {0x0a000000U + i / 60, 0xc0000000U + 0x00a80000U + i % 251, static_cast<std::uint16_t>(1024 + i % 60), 80};
}

void write(rte_mbuf* mbuf, const Flow& f, bool forward, std::uint8_t flags, std::uint32_t seq, std::uint32_t ack,
           unsigned frame_bytes, bool udp = false) {
  mbuf->data_off = RTE_PKTMBUF_HEADROOM;
  mbuf->data_len = static_cast<std::uint16_t>(frame_bytes);
  mbuf->pkt_len = frame_bytes;
  mbuf->ol_flags = 0;
  auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  auto& ethernet = *reinterpret_cast<net::EthernetHeader*>(bytes);
  ethernet.destination = testing::interface_mac(forward ? 0 : 1);
  ethernet.source = testing::neighbor_mac(forward ? 0 : 1);
  ethernet.type = be16(net::ether_type::kIpv4);
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(bytes + 14);
  ip = {};
  ip.version_length = 0x45;
  ip.total_length = be16(static_cast<std::uint16_t>(frame_bytes - 14));
  ip.ttl = 64;
  ip.protocol = udp ? 17 : 6;
  ip.source.value = be32(forward ? f.client : f.server);
  ip.destination.value = be32(forward ? f.server : f.client);
  net::set_ipv4_checksum(ip);
  const be16 source(forward ? f.client_port : f.server_port);
  const be16 destination(forward ? f.server_port : f.client_port);
  if (udp) {
    auto& header = *reinterpret_cast<net::UdpHeader*>(bytes + 34);
    header = {source, destination, be16(static_cast<std::uint16_t>(frame_bytes - 34)), be16()};
    return;
  }
  auto& tcp = *reinterpret_cast<net::TcpHeader*>(bytes + 34);
  tcp = {source, destination, be32(seq), be32(ack), 0x50, flags, be16(65535), be16(), be16()};
}

struct Bench {
  testing::Testbed bed;
  std::mt19937 random{1};
  unsigned flows;
  unsigned bytes;

  void burst(auto&& fill, unsigned count, std::uint64_t& cycles) {
    std::array<rte_mbuf*, kWindow> mbufs;
    if (rte_pktmbuf_alloc_bulk(bed.pool(), mbufs.data(), count) != 0) std::abort();
    for (unsigned i = 0; i < count; ++i) bed.receive(fill(i, mbufs[i]), mbufs[i]);
    const std::uint64_t before = rte_rdtsc();
    while (bed.worker(0).poll_once() != 0) {
    }
    cycles += rte_rdtsc() - before;
    for (unsigned p = 0; p < 2; ++p) {
      const unsigned sent = bed.take_transmitted(p, mbufs);
      rte_pktmbuf_free_bulk(mbufs.data(), sent);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  const unsigned flows = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 10000;
  const unsigned bytes = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 60;
  const unsigned rounds = argc > 3 ? static_cast<unsigned>(std::atoi(argv[3])) : 2000;
  testing::ensure_eal(256);
  auto policy = std::make_unique<firewall::Policy>();
  policy->otherwise.action = firewall::Action::kAccept;
  testing::NetworkBuilder builder;
  builder.interface(core::PortId(0), "inside", {"10.255.255.1/8"})
      .interface(core::PortId(1), "outside", {"192.168.255.1/16"})
      .route("10.0.0.0/8", "inside", testing::neighbor_mac(0).to_string())
      .route("192.168.0.0/16", "outside", testing::neighbor_mac(1).to_string());
  FirewallFunction* function = nullptr;
  Bench bench{.bed = testing::Testbed({.burst = kBurst, .buffers = 4095, .ring_size = 1024}, {builder.build(), std::move(policy)},
                           [&](const core::WorkerServices& services) {
                             auto made = std::make_unique<FirewallFunction>(
                                 firewall::Limits{.sessions = std::max(flows + 1024, 16384U), .rule_slots = 65536}, services);
                             function = made.get();
                             return made;
                           }),
              .flows = flows, .bytes = bytes};
  std::uint64_t setup = 0;
  std::uint64_t ignored = 0;
  for (unsigned at = 0; at < flows; at += kWindow) {
    const unsigned count = std::min(kWindow, flows - at);
    bench.burst([&](unsigned i, rte_mbuf* m) { write(m, nth_flow(at + i), true, 0x02, 1000, 0, 60); return 0U; }, count, setup);
    bench.burst([&](unsigned i, rte_mbuf* m) { write(m, nth_flow(at + i), false, 0x12, 5000, 1001, 60); return 1U; }, count, ignored);
    bench.burst([&](unsigned i, rte_mbuf* m) { write(m, nth_flow(at + i), true, 0x10, 1001, 5001, 60); return 0U; }, count, ignored);
  }
  std::vector<double> samples;
  for (unsigned r = 0; r < rounds; ++r) {
    std::uint64_t cycles = 0;
    bench.burst(
        [&](unsigned, rte_mbuf* m) {
          const auto choice = static_cast<std::uint32_t>(bench.random());
          const bool forward = (choice & 1U) != 0;
          write(m, nth_flow(static_cast<unsigned>((std::uint64_t{choice >> 1} * flows) >> 31)), forward, 0x10,
                forward ? 1001 : 5001, forward ? 5001 : 1001, bytes);
          return forward ? 0U : 1U;
        },
        kWindow, cycles);
    samples.push_back(static_cast<double>(cycles) / kWindow);
  }
  std::sort(samples.begin(), samples.end());
  const auto& c = bench.bed.worker(0).counters();
  std::printf("flows %u bytes %u: best %.0f median %.0f cycles/packet; setup %.0f; sessions %u; rx %lu tx %lu drops %lu\n", flows, bytes,
              samples.front(), samples[samples.size() / 2], static_cast<double>(setup) / flows,
              function->state().sessions.flows().size(), c.received.read(), c.transmitted.read(), bench.bed.dropped_in_all());
  for (unsigned s = 0; s < 5; ++s) {
    const auto& stage = c.stages[s];
    if (stage.packets.read() != 0) std::printf("  stage %u: %.1f cycles/packet\n", s, double(stage.cycles.read()) / double(stage.packets.read()));
  }
  for (unsigned r = 0; r < core::kMaxDropReasons; ++r) if (bench.bed.dropped(static_cast<std::uint8_t>(r))) std::printf("  drop %u: %lu\n", r, bench.bed.dropped(static_cast<std::uint8_t>(r)));
  return 0;
}
