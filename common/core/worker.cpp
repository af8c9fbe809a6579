// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/worker.h"

#include <ctime>
#include <new>
#include <string>

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <sys/prctl.h>

namespace millrace::core {
namespace {

constexpr unsigned kCommandRing = 64;
// Rounds without a packet before the worker begins to sleep, and the sleeps' bounds: a burst that comes while
// it sleeps waits at most kLongestSleepNs, far less than a port's queue takes to fill.
constexpr unsigned kPatience = 2000;
constexpr long kShortestSleepNs = 5'000;
constexpr long kLongestSleepNs = 100'000;

std::vector<RingOutput> owner_outputs(const WorkerConfig& config, WorkerCounters& counters) {
  std::vector<RingOutput> outputs;
  for (rte_ring* ring : config.owner_rings) outputs.emplace_back(ring, Drop::kOwnerRingFull, counters);
  return outputs;
}

rte_ring* make_command_ring(WorkerId id) {
  // A worker may be made again under its number while its predecessor still winds down.
  static std::atomic<unsigned> serial{0};
  const std::string name =
      "commands" + std::to_string(id.value()) + "." + std::to_string(serial.fetch_add(1));
  rte_ring* ring = rte_ring_create(name.c_str(), kCommandRing, SOCKET_ID_ANY, RING_F_SC_DEQ);
  if (ring == nullptr) throw std::bad_alloc();
  return ring;
}

unsigned dequeue(rte_ring* ring, rte_mbuf** mbufs, unsigned count) noexcept {
  return ring == nullptr ? 0 : rte_ring_dequeue_burst(ring, reinterpret_cast<void**>(mbufs), count, nullptr);
}

}  // namespace

struct Worker::Command {
  const std::function<void()>* job;
  std::atomic<bool> done{false};
};

Worker::Worker(WorkerConfig config, Rcu& rcu, const Published<Snapshot>& snapshot, WorkerCounters& counters,
               const MakeFunction& make_function)
    : config_(std::move(config)),
      rcu_(rcu),
      snapshot_(snapshot),
      counters_(counters),
      originator_(config_.pool, counters_),
      transmitter_(config_.transmit_paths, counters_, capturer_),
      fragments_(config_.fragments, config_.seed, config_.id, counters_, capturer_),
      ingress_(config_.id, owner_outputs(config_, counters_),
               RingOutput(config_.to_host, Drop::kHostRingFull, counters_), originator_, counters_,
               fragments_),
      conditioner_(config_.id),
      egress_(config_.pool, transmitter_, RingOutput(config_.to_host, Drop::kHostRingFull, counters_),
              originator_, counters_),
      restart_(owner_outputs(config_, counters_)),
      commands_(make_command_ring(config_.id)),
      tsc_per_ms_(rte_get_tsc_hz() / 1000) {
  ingress_.set_workers(config_.workers);
  function_ = make_function({.worker = config_.id,
                             .workers = config_.workers,
                             .originator = originator_,
                             .restart = restart_,
                             .counters = counters_,
                             .seed = config_.seed,
                             .now = static_cast<Tick>(rte_rdtsc() / tsc_per_ms_),
                             .burst = config_.burst});
  function_stages_ = static_cast<unsigned>(function_->stage_names().size());
  function_takes_own_ = function_->takes_own();
}

Worker::~Worker() {
  stop();
  rte_ring_free(commands_);
}

void Worker::start() {
  stopping_.store(false, std::memory_order_relaxed);
  thread_ = std::thread([this] {
    prepare_thread();
    run();
  });
}

void Worker::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
  capturer_.end();
  fragments_.drop_held();
}

void Worker::execute(const std::function<void()>& job) {
  if (!running()) return job();
  Command command{&job};
  timespec pause{.tv_sec = 0, .tv_nsec = 20'000};
  while (rte_ring_enqueue(commands_, &command) != 0) nanosleep(&pause, nullptr);
  while (!command.done.load(std::memory_order_acquire)) nanosleep(&pause, nullptr);
}

unsigned Worker::backlog() const noexcept {
  unsigned waiting = config_.from_host == nullptr ? 0 : rte_ring_count(config_.from_host);
  if (config_.id.value() < config_.owner_rings.size())
    waiting += rte_ring_count(config_.owner_rings[config_.id.value()]);
  for (const rte_ring* ring : config_.transmit_for_others) waiting += rte_ring_count(ring);
  return waiting;
}

void Worker::run_commands() noexcept {
  void* entry = nullptr;
  while (rte_ring_dequeue(commands_, &entry) == 0) {
    auto* command = static_cast<Command*>(entry);
    (*command->job)();
    command->done.store(true, std::memory_order_release);
  }
}

// Once, before the first packet.
void Worker::prepare_thread() {
  rte_thread_register();  // a place in the packet pool's per-core cache
  const std::string name = "worker-" + std::to_string(config_.id.value());
  pthread_setname_np(pthread_self(), name.c_str());
  if (config_.cpu >= 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(static_cast<unsigned>(config_.cpu), &cpus);
    pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
  }
  prctl(PR_SET_TIMERSLACK, 1UL);
}

void Worker::run() noexcept {
  rcu_.join(config_.id);

  unsigned empty_rounds = 0;
  std::uint64_t before = rte_rdtsc();
  while (!stopping_.load(std::memory_order_relaxed)) {
    const unsigned packets = poll_once();
    run_commands();
    rcu_.quiescent(config_.id);
    counters_.heartbeat.add(1);
    if (packets != 0) {
      empty_rounds = 0;
    } else if (config_.adaptive_idle && ++empty_rounds > kPatience) {
      idle(empty_rounds - kPatience);
    }
    const std::uint64_t after = rte_rdtsc();
    (packets != 0 ? counters_.busy_cycles : counters_.idle_cycles).add(after - before);
    before = after;
  }
  run_commands();
  rcu_.leave(config_.id);
  rte_thread_unregister();
}

// Asleep the worker holds no pointer to a snapshot, but stays online: a grace period waits at most one sleep.
void Worker::idle(unsigned empty_rounds) noexcept {
  const long nanoseconds =
      std::min(kLongestSleepNs, kShortestSleepNs * static_cast<long>(std::min(empty_rounds, 64U)));
  const timespec pause{.tv_sec = 0, .tv_nsec = nanoseconds};
  nanosleep(&pause, nullptr);
}

unsigned Worker::poll_once() noexcept {
  const Snapshot& snapshot = snapshot_.get();
  capturer_.begin(*snapshot.network);
  unsigned packets = poll_ports(snapshot);
  packets += poll_owned(snapshot);
  packets += poll_host(snapshot);
  packets += poll_others();
  const Tick time = now();
  fragments_.expire(time);
  originator_.set_time(time);
  function_->tick(time, snapshot);
  if (originator_.batch().size() != 0) [[unlikely]]
    send_originated(snapshot);
  return packets;
}

Tick Worker::now() const noexcept {
  return has_fixed_now_ ? fixed_now_ : static_cast<Tick>(rte_rdtsc() / tsc_per_ms_);
}

void Worker::start_batch(Batch& batch, const Snapshot& snapshot) noexcept {
  batch.network = snapshot.network.get();
  policy_ = snapshot.policy.get();
  batch.ownership = policy_ == nullptr ? nullptr : policy_->ownership();
  batch.tsc = rte_rdtsc();
  batch.now = has_fixed_now_ ? fixed_now_ : static_cast<Tick>(batch.tsc / tsc_per_ms_);
  batch.traced = 0;
  originator_.set_time(batch.now);
}

unsigned Worker::poll_ports(const Snapshot& snapshot) noexcept {
  unsigned packets = 0;
  std::array<rte_mbuf*, Batch::kMaxSize> mbufs;
  for (const ReceiveQueue& from : config_.queues) {
    const unsigned count = rte_eth_rx_burst(from.port.value(), from.queue, mbufs.data(),
                                            static_cast<std::uint16_t>(config_.burst));
    if (count == 0) continue;
    packets += count;
    batch_.clear();
    std::uint64_t bytes = 0;
    for (unsigned i = 0; i < count; ++i) {
      bytes += mbufs[i]->pkt_len;
      batch_.add(mbufs[i]);
    }
    PortCounters& port = counters_.ports[from.port.value()];
    port.received.add(count);
    port.received_bytes.add(bytes);
    counters_.received.add(count);
    counters_.received_bytes.add(bytes);
    start_batch(batch_, snapshot);
    if (capturer_.active()) [[unlikely]]
      capturer_.received(batch_);
    ingress_.process(batch_);
    through_function(batch_, snapshot);
  }
  return packets;
}

unsigned Worker::poll_owned(const Snapshot& snapshot) noexcept {
  if (config_.id.value() >= config_.owner_rings.size()) return 0;
  std::array<rte_mbuf*, Batch::kMaxSize> mbufs;
  const unsigned count = dequeue(config_.owner_rings[config_.id.value()], mbufs.data(), config_.burst);
  if (count == 0) return 0;
  batch_.clear();
  for (unsigned i = 0; i < count; ++i) batch_.add(mbufs[i]);
  start_batch(batch_, snapshot);
  ingress_.process_owned(batch_);
  through_function(batch_, snapshot);
  return count;
}

void Worker::process(Batch& batch) noexcept {
  const Snapshot& snapshot = snapshot_.get();
  capturer_.begin(*snapshot.network);
  counters_.received.add(batch.size());
  start_batch(batch, snapshot);
  if (capturer_.active()) [[unlikely]]
    capturer_.received(batch);
  ingress_.process(batch);
  through_function(batch, snapshot);
}

void Worker::condition(Batch& batch) noexcept {
  const std::uint64_t time = has_fixed_now_ ? fixed_now_ * tsc_per_ms_ : batch.tsc;
  conditioner_.process(batch, *batch.network->conditioning, time);
}

void Worker::through_function(Batch& batch, const Snapshot& snapshot) noexcept {
  if (batch.network->conditioning != nullptr) [[unlikely]]
    condition(batch);
  if (tracer_.active()) [[unlikely]] {
    tracer_.select(batch);
    tracer_.record(Ingress::kName, batch);
  }
  StageCounters& ingress = counters_.stages[0];
  ingress.packets.add(batch.size());
  ingress.drops.add(static_cast<unsigned>(std::popcount(batch.dropped_mask())));
  ingress.cycles.add(rte_rdtsc() - batch.tsc);

  function_->process(batch, *snapshot.policy, &counters_.stages[1], tracer_);

  const std::uint64_t before_egress = rte_rdtsc();
  const unsigned leaving = batch.live_count();
  const std::uint64_t dropped = batch.dropped_mask();
  egress_.process(batch, Origin::kReceived);
  if (batch.traced != 0) [[unlikely]]
    tracer_.record(Egress::kName, batch);
  finish(batch);
  const std::uint64_t after = rte_rdtsc();
  StageCounters& egress = counters_.stages[1 + function_stages_];
  egress.packets.add(leaving);
  egress.drops.add(static_cast<unsigned>(std::popcount(batch.dropped_mask() & ~dropped)));
  egress.cycles.add(after - before_egress);
  counters_.latency.add(after - batch.tsc, leaving);
  counters_.batches.add(1);
  if (fragments_.unsettled()) [[unlikely]]
    settle_fragments(batch, snapshot);
}

// The released are later fragments of accepted datagrams: they need no settling of their own.
void Worker::settle_fragments(const Batch& batch, const Snapshot& snapshot) noexcept {
  fragments_.settle(batch);
  for (batch_.clear(); fragments_.take_released(batch_); batch_.clear()) {
    start_batch(batch_, snapshot);
    ingress_.process_released(batch_);
    through_function(batch_, snapshot);
  }
}

// What was made between batches.
void Worker::send_originated(const Snapshot& snapshot) noexcept {
  batch_.clear();
  start_batch(batch_, snapshot);
  finish(batch_);
}

// Sends what was made on the way, flushes all outputs, counts and frees what was dropped.
void Worker::finish(Batch& batch) noexcept {
  if (Batch& made = originator_.batch(); made.size() != 0) [[unlikely]] {
    made.network = batch.network;
    if (function_takes_own_ && policy_ != nullptr) function_->process_own(made, *policy_);
    egress_.process(made, Origin::kOriginated);
    for (std::uint64_t lanes = made.dropped_mask(); lanes != 0; lanes &= lanes - 1) {
      Packet& packet = made[static_cast<unsigned>(std::countr_zero(lanes))];
      counters_.dropped[packet.drop_reason].add(1);
      rte_pktmbuf_free(packet.mbuf);
    }
    made.clear();
  }
  ingress_.flush();
  counters_.handed_over.add(restart_.flush());
  egress_.flush();
  for (std::uint64_t lanes = batch.dropped_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    counters_.dropped[packet.drop_reason].add(1);
    if (capturer_.active()) [[unlikely]]
      capturer_.dropped(packet.mbuf, packet.port, packet.drop_reason);
    rte_pktmbuf_free(packet.mbuf);
  }
}

unsigned Worker::poll_host(const Snapshot& snapshot) noexcept {
  std::array<rte_mbuf*, Batch::kMaxSize> mbufs;
  const unsigned count = dequeue(config_.from_host, mbufs.data(), config_.burst);
  if (count == 0) return 0;
  batch_.clear();
  std::uint64_t unresolved = 0;  // lanes
  for (unsigned i = 0; i < count; ++i) {
    const Note& with = note(mbufs[i]);
    const bool waited = with.kind == Note::Kind::kResume || with.kind == Note::Kind::kUnresolved;
    counters_.resumed.add(waited ? 1 : 0);
    if (!waited) {
      counters_.from_host.add(1);
      if (function_takes_own_) {
        frames_of_host_.add(mbufs[i]);
      } else {
        egress_.send_frame(mbufs[i], with.interface, *snapshot.network);
      }
    } else if (static_cast<Origin>(with.type_or_flags) != Origin::kOriginated) {
      if (with.kind == Note::Kind::kUnresolved) unresolved |= std::uint64_t{1} << batch_.size();
      batch_.add(mbufs[i]);
    } else if (with.kind == Note::Kind::kResume) {
      originator_.resume(mbufs[i], *snapshot.network);
    } else {  // nothing is said about what we had to say
      count_drops(counters_, Drop::kNeighborUnresolved, &mbufs[i], 1);
    }
  }
  if (frames_of_host_.size() != 0) send_frames_of_host(snapshot);
  start_batch(batch_, snapshot);
  ingress_.process_resumed(batch_);
  egress_.give_up(batch_, unresolved);
  egress_.process(batch_, Origin::kReceived);
  finish(batch_);
  return count;
}

// IP packets are the function's first; what it leaves alone is sent as the kernel wrote it.
void Worker::send_frames_of_host(const Snapshot& snapshot) noexcept {
  Batch& frames = frames_of_host_;
  start_batch(frames, snapshot);
  for (Packet& packet : frames) {
    const InterfaceId interface = note(packet.mbuf).interface;
    const auto error = net::parse_frame(packet.first_segment(), packet.mbuf->pkt_len, packet.headers,
                                        {.check_ipv4_checksum = false});
    const bool known = interface.value() < snapshot.network->interfaces.size();
    if (error != net::ParseError::kNone || packet.headers.family == net::Headers::kArp || !known) {
      egress_.send_frame(packet.mbuf, interface, *snapshot.network);
      frames.take(packet);
      continue;
    }
    const Interface& from = snapshot.network->interfaces[interface.value()];
    packet.port = from.tunnel == 0 ? from.port : PortId(0);  // where it begins anew, any will do
    packet.ingress = interface;
    packet.domain = from.domain;
    packet.from_host = true;
  }
  if (policy_ != nullptr) function_->process_own(frames, *policy_);
  for (Packet& packet : frames) {
    if (packet.rewritten) continue;
    egress_.send_frame(packet.mbuf, packet.ingress, *snapshot.network);
    frames.take(packet);
  }
  egress_.process(frames, Origin::kHost);
  for (std::uint64_t lanes = frames.dropped_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = frames[static_cast<unsigned>(std::countr_zero(lanes))];
    count_drops(counters_, static_cast<Drop>(packet.drop_reason), &packet.mbuf, 1);
  }
  frames.clear();
}

unsigned Worker::poll_others() noexcept {
  unsigned packets = 0;
  std::array<rte_mbuf*, Batch::kMaxSize> mbufs;
  for (rte_ring* ring : config_.transmit_for_others) {
    const unsigned count = dequeue(ring, mbufs.data(), config_.burst);
    for (unsigned i = 0; i < count; ++i) {
      const Note& with = note(mbufs[i]);
      transmitter_.send_for_other(with.port, mbufs[i], with.type_or_flags);
    }
    if (count != 0) transmitter_.flush();
    packets += count;
  }
  return packets;
}

}  // namespace millrace::core
