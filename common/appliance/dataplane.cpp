// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/dataplane.h"

#include <algorithm>
#include <thread>

#include <rte_ring.h>
#include <sys/random.h>

#include "common/core/ownership.h"
#include "common/host/resolver.h"

namespace millrace::appliance {
namespace {

constexpr std::uint16_t kDescriptors = 1024;
constexpr unsigned kOwnerRing = 2048;
constexpr unsigned kTransmitRing = 2048;
constexpr unsigned kHostRing = 1024;
constexpr unsigned kMostWorkersByDefault = 16;
// 1.5 times the cache's size of 256, and what a burst has in hand.
constexpr unsigned kPoolCachePerThread = 512;

Result<rte_ring*> make_ring(const std::string& name, unsigned size, unsigned flags) {
  rte_ring* ring = rte_ring_create(name.c_str(), size, SOCKET_ID_ANY, flags);
  if (ring == nullptr) return failure("make the ring " + name, "not enough memory");
  return ring;
}

bool is_pci(const std::string& device) {
  const std::string_view address = std::string_view(device).substr(0, device.find(','));
  return address.find(':') != std::string_view::npos && address.find('.') != std::string_view::npos &&
         address.find('=') == std::string_view::npos;
}

// What the driver calls its number of queues, where that is an argument of the device and not found by asking
// it.
std::string with_queues(const std::string& device, unsigned queues) {
  struct Driver {
    std::string_view prefix;
    std::string_view argument;
  };
  constexpr std::array<Driver, 4> kDrivers = {{{"net_af_packet", "qpairs"},
                                               {"net_af_xdp", "queue_count"},
                                               {"net_virtio_user", "queues"},
                                               {"net_vhost", "queues"}}};
  if (queues <= 1) return device;
  for (const Driver& driver : kDrivers) {
    const std::string argument = "," + std::string(driver.argument) + '=';
    if (!device.starts_with(driver.prefix) || device.find(argument) != std::string::npos) continue;
    return device + argument + std::to_string(queues);
  }
  return device;
}

// As many as there may ever be workers, so that they can become more; a device with fewer gives fewer. Not so
// memif: a queue beyond those its peer has takes another queue's ring for its own, and every packet is
// received twice.
std::uint16_t queues_to_open(const control::Port& port, unsigned workers, unsigned most_workers) {
  if (port.device->starts_with("net_memif")) return port.queues.value_or(1);
  return static_cast<std::uint16_t>(std::max<unsigned>(port.queues.value_or(workers), most_workers));
}

core::OffloadChoice choice_of(control::Offloads offloads) {
  switch (offloads) {
    case control::Offloads::kAuto:
      return core::OffloadChoice::kAuto;
    case control::Offloads::kNoLro:
      return core::OffloadChoice::kNoLro;
    case control::Offloads::kNone:
      break;
  }
  return core::OffloadChoice::kNone;
}

}  // namespace

Result<std::unique_ptr<DataPlane>> DataPlane::open(const control::Profile& profile) {
  std::unique_ptr<DataPlane> plane(new DataPlane);
  plane->settings_ = profile.dataplane;
  const unsigned wanted = profile.dataplane.workers->count;
  if (wanted > core::kMaxWorkers) return failure("start " + std::to_string(wanted) + " workers", "too many");
  plane->most_workers_ =
      std::max(wanted, std::min(std::thread::hardware_concurrency(), kMostWorkersByDefault));
  if (getrandom(&plane->seed_, sizeof plane->seed_, 0) != sizeof plane->seed_)
    return failure("draw a random seed");

  std::uint16_t mtu = 1500;
  unsigned queues = 0;
  core::EalConfig eal;
  eal.name = profile.name;
  for (const control::Port& port : profile.ports) {
    mtu = std::max(mtu, port.mtu);
    queues += port.queues.value_or(static_cast<std::uint16_t>(plane->most_workers_));
    if (is_pci(*port.device)) eal.pci_devices.push_back(*port.device);
  }
  const unsigned rings = plane->most_workers_ * (kOwnerRing + kTransmitRing) / 4 + 2 * kHostRing;
  // Fragments that wait for their first and packets for their neighbour, as many as a sender can bring about.
  const auto held = static_cast<unsigned>(host::Resolver::kMostInAll) +
                    plane->most_workers_ * flow::FragmentSettings{}.held;
  const unsigned buffers =
      queues * 2U * kDescriptors + rings + (plane->most_workers_ + 2) * kPoolCachePerThread + held;
  // Room for the frame with two tags; what drivers add in front is the headroom's business.
  const auto data_bytes = static_cast<std::uint16_t>(std::max<unsigned>(2048, (mtu + 22U + 63U) / 64 * 64));
  constexpr std::uint64_t kBufferOverhead = 384;  // mbuf, headroom, mempool header
  eal.memory_bytes = profile.dataplane.memory_bytes.value_or(buffers * (data_bytes + kBufferOverhead) +
                                                             (std::uint64_t{32} << 20));
  auto memory = core::start_eal(eal);
  if (!memory) return tl::unexpected(memory.error());
  plane->memory_ = *memory;
  auto pool = core::make_packet_pool(buffers, data_bytes);
  if (!pool) return tl::unexpected(pool.error());
  plane->pool_ = *pool;
  plane->rcu_ = std::make_unique<core::Rcu>();
  if (auto made = plane->make_rings(); !made) return tl::unexpected(made.error());

  if (auto opened = plane->open_ports(profile); !opened) return tl::unexpected(opened.error());
  return plane;
}

Result<void> DataPlane::open_ports(const control::Profile& profile) {
  const auto at_port = [&](std::size_t index, Error error) {
    error.where = "ports." + *profile.ports[index].name;
    return tl::unexpected(std::move(error));
  };
  for (std::size_t i = 0; i < profile.ports.size(); ++i) {
    const control::Port& port = profile.ports[i];
    const auto count = port.queues.value_or(profile.dataplane.workers->count);
    auto found =
        core::Port::find({.name = *port.name,
                          .device = with_queues(*port.device, count),
                          .mtu = port.mtu,
                          .queues = queues_to_open(port, profile.dataplane.workers->count, most_workers_),
                          .descriptors = kDescriptors,
                          .offloads = choice_of(port.offloads)});
    if (!found) return at_port(i, found.error());
    ports_.push_back(std::move(*found));
  }
  std::vector<core::PortAbilities> abilities;
  for (const core::Port& port : ports_) abilities.push_back(port.abilities());
  for (const control::Pair& pair : profile.forwarding->pairs) {
    const auto index = [&](const std::string& name) {
      return static_cast<std::size_t>(port(name) - ports_.data());
    };
    abilities[index(*pair.first)].peer = index(*pair.second);
    abilities[index(*pair.second)].peer = index(*pair.first);
  }
  const auto offloads = core::choose_offloads(abilities);
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    if (auto done = ports_[i].set_up(offloads[i], pool_); !done) return at_port(i, done.error());
  }
  return {};
}

Result<void> DataPlane::make_rings() {
  for (unsigned w = 0; w < most_workers_; ++w) {
    auto owner = make_ring("owner" + std::to_string(w), kOwnerRing, RING_F_SC_DEQ);
    if (!owner) return tl::unexpected(owner.error());
    owner_rings_.push_back(*owner);
    auto transmit = make_ring("transmit" + std::to_string(w), kTransmitRing, RING_F_SC_DEQ);
    if (!transmit) return tl::unexpected(transmit.error());
    transmit_rings_.push_back(*transmit);
  }
  auto to_host = make_ring("to_host", kHostRing, RING_F_SC_DEQ);
  if (!to_host) return tl::unexpected(to_host.error());
  to_host_ = *to_host;
  auto from_host = make_ring("from_host", kHostRing, RING_F_SC_DEQ);
  if (!from_host) return tl::unexpected(from_host.error());
  from_host_ = *from_host;
  return {};
}

DataPlane::~DataPlane() { stop(); }

core::WorkerConfig DataPlane::worker_config(unsigned worker, unsigned count) const {
  core::WorkerConfig config;
  config.id = core::WorkerId(static_cast<std::uint16_t>(worker));
  const auto& cpus = settings_.workers->cpus;
  if (worker < cpus.size()) config.cpu = cpus[worker];
  config.burst = settings_.burst;
  config.adaptive_idle = settings_.idle == control::Idle::kAdaptive;
  config.workers = count;
  config.owner_rings.assign(owner_rings_.begin(), owner_rings_.begin() + count);
  config.to_host = to_host_;
  config.from_host = worker == 0 ? from_host_ : nullptr;
  config.pool = pool_;
  config.seed = seed_;
  config.transmit_for_others = {transmit_rings_[worker]};
  for (const core::Port& port : ports_) {
    for (std::uint16_t queue = 0; queue < port.receive_queues(); ++queue) {
      if (queue % count == worker) config.queues.push_back({port.id(), queue});
    }
    core::Transmitter::Path& path = config.transmit_paths[port.id().value()];
    path.present = true;
    path.offloads = port.transmit_offloads();
    if (worker < port.transmit_queues()) {
      path.queue = static_cast<std::uint16_t>(worker);
    } else {
      // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a port has one
      path.ring = transmit_rings_[worker % port.transmit_queues()];
    }
  }
  return config;
}

void DataPlane::build_workers(unsigned count, const core::MakeFunction& make_function) {
  workers_.clear();
  worker_pointers_.clear();
  for (unsigned w = 0; w < count; ++w) {
    if (w >= counters_.size()) counters_.push_back(std::make_unique<core::WorkerCounters>());
    workers_.push_back(std::make_unique<core::Worker>(worker_config(w, count), *rcu_, *published_,
                                                      *counters_[w], make_function));
    worker_pointers_.push_back(workers_.back().get());
  }
}

Result<void> DataPlane::make_workers(unsigned count, core::Snapshot first,
                                     const core::MakeFunction& make_function) {
  published_ = std::make_unique<core::Published<core::Snapshot>>(
      *rcu_, std::make_unique<const core::Snapshot>(std::move(first)));
  try {
    build_workers(count, make_function);
  } catch (const std::bad_alloc&) {
    return failure("allocate the session tables", "not enough memory; lower dataplane.sessions");
  }
  return {};
}

Result<void> DataPlane::start_ports() {
  for (core::Port& port : ports_) {
    if (auto started = port.start(); !started) {
      started.error().where = "ports." + port.name();
      return started;
    }
  }
  spread_flows(static_cast<unsigned>(workers_.size()));
  return {};
}

void DataPlane::spread_flows(unsigned count) {
  for (core::Port& port : ports_) port.spread(count);
}

void DataPlane::start() {
  for (auto& worker : workers_) worker->start();
  running_ = true;
}

void DataPlane::stop() {
  for (auto& worker : workers_) worker->stop();
  running_ = false;
}

// Packets that were on their way to a worker belong to another one now, perhaps.
void DataPlane::hand_out_leftovers(unsigned count) {
  std::vector<rte_mbuf*> packets;
  for (rte_ring* ring : owner_rings_) {
    void* entry = nullptr;
    while (rte_ring_dequeue(ring, &entry) == 0) packets.push_back(static_cast<rte_mbuf*>(entry));
  }
  for (rte_mbuf* packet : packets) {
    const unsigned owner = core::owner_of(core::bucket_of_waiting(packet, published_->get()), count);
    if (rte_ring_enqueue(owner_rings_[owner], packet) != 0) {
      core::count_drops(*counters_[owner], core::Drop::kOwnerRingFull, &packet, 1);
    }
  }
}

Result<void> DataPlane::change_workers(unsigned count, const core::MakeFunction& make_function,
                                       const std::function<void(Workers, Workers)>& move) {
  if (count == 0 || count > most_workers_) {
    return failure("change the number of workers to " + std::to_string(count),
                   "it may be 1 to " + std::to_string(most_workers_) + " here");
  }
  // The new tables are allocated while the old workers still run; only the moving of sessions holds traffic
  // up.
  auto old_workers = std::move(workers_);
  auto old_pointers = std::move(worker_pointers_);
  workers_.clear();
  worker_pointers_.clear();
  try {
    build_workers(count, make_function);
  } catch (const std::bad_alloc&) {
    workers_ = std::move(old_workers);
    worker_pointers_ = std::move(old_pointers);
    return failure("change the number of workers to " + std::to_string(count),
                   "not enough memory for their tables");
  }
  for (auto& worker : old_workers) worker->stop();
  spread_flows(count);
  move(old_pointers, worker_pointers_);
  hand_out_leftovers(count);
  for (unsigned w = count; w < most_workers_; ++w) {  // frames that waited for a worker that is gone
    void* entry = nullptr;
    while (rte_ring_dequeue(transmit_rings_[w], &entry) == 0) {
      auto* packet = static_cast<rte_mbuf*>(entry);
      if (rte_ring_enqueue(transmit_rings_[0], packet) != 0)
        core::count_drops(*counters_[0], core::Drop::kTransmitRingFull, &packet, 1);
    }
  }
  if (running_) {
    for (auto& worker : workers_) worker->start();
  }
  return {};
}

void DataPlane::swap(core::Snapshot next) {
  published_->publish(std::make_unique<const core::Snapshot>(std::move(next)));
}

void DataPlane::stage_policy(std::shared_ptr<const core::Policy> policy) {
  const std::lock_guard lock(publish_mutex_);
  staged_ = std::move(policy);
}

void DataPlane::publish_policy(std::shared_ptr<const core::Policy> policy) {
  const std::lock_guard lock(publish_mutex_);
  staged_ = nullptr;
  swap({published_->get().network, std::move(policy)});
}

void DataPlane::publish_network(std::shared_ptr<const core::Network> network) {
  const std::lock_guard lock(publish_mutex_);
  auto policy = staged_ != nullptr ? std::exchange(staged_, nullptr) : published_->get().policy;
  swap({std::move(network), std::move(policy)});
}

core::Snapshot DataPlane::snapshot() const {
  const std::lock_guard lock(publish_mutex_);
  return published_->get();
}

const core::Port* DataPlane::port(std::string_view name) const {
  const auto found =
      std::find_if(ports_.begin(), ports_.end(), [&](const core::Port& port) { return port.name() == name; });
  return found == ports_.end() ? nullptr : &*found;
}

}  // namespace millrace::appliance
