// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/testbed.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "common/core/eal.h"
#include "common/core/note.h"

namespace millrace::testing {
namespace {

rte_ring* make_ring(const std::string& name, unsigned size) {
  rte_ring* ring = rte_ring_create(name.c_str(), size, SOCKET_ID_ANY, 0);
  if (ring == nullptr) throw std::runtime_error("no ring " + name);
  return ring;
}

std::vector<std::uint8_t> bytes_of(const rte_mbuf* mbuf) {
  std::vector<std::uint8_t> bytes(mbuf->pkt_len);
  const void* data = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, bytes.data());
  if (data != bytes.data()) std::memcpy(bytes.data(), data, bytes.size());
  return bytes;
}

std::vector<std::vector<std::uint8_t>> drain(rte_ring* ring) {
  std::vector<std::vector<std::uint8_t>> frames;
  void* mbuf = nullptr;
  while (rte_ring_dequeue(ring, &mbuf) == 0) {
    frames.push_back(bytes_of(static_cast<rte_mbuf*>(mbuf)));
    rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
  }
  return frames;
}

}  // namespace

void ensure_eal(unsigned memory_mib) {
  static const bool started = [&] {
    const auto result =
        core::start_eal({.memory_bytes = std::uint64_t{memory_mib} << 20, .pci_devices = {}, .name = {}});
    if (!result) throw std::runtime_error(result.error().message());
    return true;
  }();
  static_cast<void>(started);
}

Testbed::Testbed(const TestbedConfig& config, core::Snapshot snapshot,
                 const core::MakeFunction& make_function) {
  static unsigned serial = 0;
  const std::string bed = "bed" + std::to_string(serial++);
  pool_ = rte_pktmbuf_pool_create((bed + "b").c_str(), config.buffers, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                  SOCKET_ID_ANY);
  if (pool_ == nullptr) throw std::runtime_error("no packet buffers");

  const unsigned transmit_queues = config.transmit_queues == 0 ? config.workers : config.transmit_queues;
  for (unsigned p = 0; p < config.ports; ++p) {
    std::vector<rte_ring*> receive;
    std::vector<rte_ring*> transmit;
    for (unsigned w = 0; w < config.workers; ++w) {
      const std::string name = bed + "." + std::to_string(p) + "." + std::to_string(w);
      receive.push_back(make_ring(name + "r", config.ring_size));
      transmit.push_back(make_ring(name + "t", config.ring_size));
    }
    const int id = rte_eth_from_rings((bed + "p" + std::to_string(p)).c_str(), receive.data(), config.workers,
                                      transmit.data(), transmit_queues, 0);
    if (id < 0) throw std::runtime_error("no ring port");
    rte_eth_conf settings{};
    const auto number = static_cast<std::uint16_t>(id);
    const auto queues = static_cast<std::uint16_t>(config.workers);
    rte_eth_dev_configure(number, queues, static_cast<std::uint16_t>(transmit_queues), &settings);
    for (std::uint16_t q = 0; q < queues; ++q) {
      rte_eth_rx_queue_setup(number, q, 512, 0, nullptr, pool_);
      if (q < transmit_queues) rte_eth_tx_queue_setup(number, q, 512, 0, nullptr);
    }
    rte_eth_dev_start(number);
    ports_.push_back(core::PortId(number));
    receive_rings_.push_back(receive);
    transmit_rings_.push_back(transmit);
  }
  for (unsigned w = 0; w < config.workers; ++w) {
    owner_rings_.push_back(make_ring(bed + "o" + std::to_string(w), config.ring_size));
    send_for_others_.push_back(make_ring(bed + "s" + std::to_string(w), config.ring_size));
  }
  to_host_ = make_ring(bed + "h", config.ring_size);
  from_host_ = make_ring(bed + "f", config.ring_size);
  snapshot_ = std::make_unique<core::Published<core::Snapshot>>(
      rcu_, std::make_unique<const core::Snapshot>(std::move(snapshot)));

  for (unsigned w = 0; w < config.workers; ++w) {
    core::WorkerConfig worker;
    worker.id = core::WorkerId(static_cast<std::uint16_t>(w));
    worker.burst = config.burst;
    worker.adaptive_idle = false;
    worker.workers = config.workers;
    worker.owner_rings = owner_rings_;
    worker.to_host = to_host_;
    worker.from_host = w == 0 ? from_host_ : nullptr;
    worker.pool = pool_;
    worker.seed = 0x5eed5eed5eed5eed;
    worker.fragments = config.fragments;
    for (const core::PortId port : ports_) {
      worker.queues.push_back({port, static_cast<std::uint16_t>(w)});
      worker.transmit_paths[port.value()] = {
          .present = true,
          .queue = static_cast<std::uint16_t>(w % transmit_queues),
          .ring = w < transmit_queues ? nullptr : send_for_others_[w % transmit_queues],
          .offloads = config.offloads};
    }
    worker.transmit_for_others = {send_for_others_[w]};
    counters_.push_back(std::make_unique<core::WorkerCounters>());
    workers_.push_back(std::make_unique<core::Worker>(std::move(worker), rcu_, *snapshot_, *counters_.back(),
                                                      make_function));
    workers_.back()->set_time(0);
  }
}

Testbed::~Testbed() {
  workers_.clear();
  for (unsigned p = 0; p < ports_.size(); ++p) {
    rte_eth_dev_info info{};
    const bool known = rte_eth_dev_info_get(ports_[p].value(), &info) == 0;
    rte_eth_dev_stop(ports_[p].value());
    rte_eth_dev_close(ports_[p].value());
    if (known) rte_dev_remove(info.device);
    for (rte_ring* ring : receive_rings_[p]) rte_ring_free(ring);
    for (rte_ring* ring : transmit_rings_[p]) rte_ring_free(ring);
  }
  for (rte_mbuf* mbuf : waiting_) rte_pktmbuf_free(mbuf);
  for (rte_ring* ring : owner_rings_) rte_ring_free(ring);
  for (rte_ring* ring : send_for_others_) rte_ring_free(ring);
  rte_ring_free(to_host_);
  rte_ring_free(from_host_);
  rte_mempool_free(pool_);
}

void Testbed::set_time(Tick now) {
  for (auto& worker : workers_) worker->set_time(now);
}

rte_mbuf* Testbed::mbuf_of(std::span<const std::uint8_t> frame, std::size_t first) {
  rte_mbuf* chain = nullptr;
  do {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) throw std::runtime_error("no packet buffer");
    const std::size_t room = chain == nullptr && first != 0 ? first : rte_pktmbuf_tailroom(mbuf);
    const auto part = frame.first(std::min(frame.size(), room));
    auto* data = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(part.size()));
    if (!part.empty()) std::memcpy(data, part.data(), part.size());
    frame = frame.subspan(part.size());
    if (chain == nullptr) {
      chain = mbuf;
    } else if (rte_pktmbuf_chain(chain, mbuf) != 0) {
      throw std::runtime_error("frame larger than a chain of buffers");
    }
  } while (!frame.empty());
  return chain;
}

void Testbed::receive(unsigned port, std::span<const std::uint8_t> frame, unsigned worker, Marks marks) {
  rte_mbuf* mbuf = mbuf_of(frame, marks.first_buffer);
  mbuf->ol_flags |= marks.flags;
  mbuf->tso_segsz = marks.segment_size;
  mbuf->vlan_tci = marks.vlan_tci;
  mbuf->vlan_tci_outer = marks.vlan_tci_outer;
  receive(port, mbuf, worker);
}

void Testbed::receive(unsigned port, rte_mbuf* mbuf, unsigned worker) {
  mbuf->port = ports_[port].value();
  if (rte_ring_enqueue(receive_rings_[port][worker], mbuf) != 0)
    throw std::runtime_error("receive ring full");
}

void Testbed::run() {
  for (bool more = true; more;) {
    more = false;
    for (auto& worker : workers_) more = worker->poll_once() != 0 || more;
  }
}

std::vector<std::vector<std::uint8_t>> Testbed::transmitted(unsigned port) {
  std::vector<std::vector<std::uint8_t>> frames;
  for (rte_ring* ring : transmit_rings_[port]) {
    for (auto& frame : drain(ring)) frames.push_back(std::move(frame));
  }
  return frames;
}

unsigned Testbed::take_transmitted(unsigned port, std::span<rte_mbuf*> out) {
  unsigned count = 0;
  for (rte_ring* ring : transmit_rings_[port]) {
    count += rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(out.data() + count),
                                    static_cast<unsigned>(out.size()) - count, nullptr);
  }
  return count;
}

std::vector<std::vector<std::uint8_t>> Testbed::to_host() { return drain(to_host_); }

std::vector<Testbed::HostFrame> Testbed::to_host_with_notes() {
  std::vector<HostFrame> frames;
  void* entry = nullptr;
  while (rte_ring_dequeue(to_host_, &entry) == 0) {
    auto* mbuf = static_cast<rte_mbuf*>(entry);
    frames.push_back({core::note(mbuf), bytes_of(mbuf)});
    if (core::note(mbuf).kind == core::Note::Kind::kResolve) {
      waiting_.push_back(mbuf);
    } else {
      rte_pktmbuf_free(mbuf);
    }
  }
  return frames;
}

void Testbed::from_host(core::InterfaceId interface, std::span<const std::uint8_t> frame) {
  rte_mbuf* mbuf = mbuf_of(frame);
  core::note(mbuf) = {.kind = core::Note::Kind::kFrame, .interface = interface};
  if (rte_ring_enqueue(from_host_, mbuf) != 0) throw std::runtime_error("ring from the twin full");
}

unsigned Testbed::waiting_buffers() const noexcept {
  unsigned count = 0;
  for (const rte_mbuf* mbuf : waiting_) count += mbuf->nb_segs;
  return count;
}

void Testbed::give_back(bool answered) {
  for (rte_mbuf* mbuf : std::exchange(waiting_, {})) {
    core::note(mbuf).kind = answered ? core::Note::Kind::kResume : core::Note::Kind::kUnresolved;
    if (rte_ring_enqueue(from_host_, mbuf) != 0) throw std::runtime_error("ring from the twin full");
  }
}

void Testbed::resume(unsigned port, std::span<const std::uint8_t> frame) {
  rte_mbuf* mbuf = mbuf_of(frame);
  mbuf->port = ports_[port].value();
  core::note(mbuf) = {.kind = core::Note::Kind::kResume, .port = ports_[port]};
  if (rte_ring_enqueue(from_host_, mbuf) != 0) throw std::runtime_error("ring from the twin full");
}

std::uint64_t Testbed::total(Counter core::WorkerCounters::*counter) const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += (worker->counters().*counter).read();
  return sum;
}

std::uint64_t Testbed::dropped(std::uint8_t reason) const {
  std::uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->counters().dropped[reason].read();
  return sum;
}

std::uint64_t Testbed::dropped_in_all() const {
  std::uint64_t sum = 0;
  for (unsigned reason = 0; reason < core::kMaxDropReasons; ++reason)
    sum += dropped(static_cast<std::uint8_t>(reason));
  return sum;
}

bool Testbed::is_conserved() const {
  using C = core::WorkerCounters;
  return total(&C::received) + total(&C::originated) + total(&C::resumed) ==
             total(&C::transmitted) + total(&C::originated_transmitted) + total(&C::to_host) +
                 total(&C::to_resolve) + dropped_in_all() + total(&C::held) &&
         rte_mempool_in_use_count(pool_) == total(&C::held) + waiting_buffers();
}

}  // namespace millrace::testing
