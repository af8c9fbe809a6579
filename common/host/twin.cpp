// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/twin.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <future>

#include <poll.h>
#include <pthread.h>

#include "common/base/clock.h"
#include "common/core/batch.h"
#include "common/core/note.h"
#include "common/core/owner.h"
#include "common/core/steer.h"
#include "common/host/arp_answer.h"
#include "common/host/delivery.h"
#include "common/host/devices.h"
#include "common/host/domain.h"
#include "common/host/forwarding.h"
#include "common/host/job_queue.h"
#include "common/host/mirror.h"
#include "common/host/neighbor_answer.h"
#include "common/host/netlink.h"
#include "common/host/resolver.h"
#include "common/host/static_entries.h"
#include "common/host/stations.h"

namespace millrace::host {
namespace {

using core::InterfaceId;
using core::Note;

constexpr unsigned kBurst = 64;
constexpr int kQuietPollMs = 1;  // workers do not wake this thread: that would be a system call
constexpr Tick kHousekeepingMs = 100;
constexpr Tick kRefreshMs = 1000;

Tick now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Tick>(now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
}

}  // namespace

class Twin::Impl {
 public:
  Impl(Wiring wiring, TwinCounters& counters)
      : wiring_(std::move(wiring)),
        counters_(counters),
        resolver_([this](const NeighborKey& key) { ask(key); },
                  [this](rte_mbuf* packet) { return_as(Note::Kind::kUnresolved, packet); },
                  [this](rte_mbuf* packet) { give_up(packet); }) {}
  ~Impl() { stop(); }

  Result<void> start(TwinPlan plan) {
    if (auto opened = open(); !opened) return opened;
    if (auto done = reconfigure(std::move(plan)); !done) return done;
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "host");
    return {};
  }

  Result<void> apply(TwinPlan plan) {
    std::promise<Result<void>> answer;
    auto done = answer.get_future();
    jobs_.add([&] { answer.set_value(reconfigure(std::move(plan))); });
    return done.get();
  }

  void set_down(std::set<std::uint32_t> tunnels) {
    jobs_.add([this, tunnels = std::move(tunnels)] { devices_->set_down(tunnels); });
  }

  void stop() {
    stopping_.store(true);
    jobs_.wake();
    if (thread_.joinable()) thread_.join();
    if (domains_ == nullptr) return;
    if (auto done = domains_->close(); !done) trouble(done.error());
  }

  [[nodiscard]] bool complete() const noexcept { return complete_.load(); }

 private:
  Result<void> open() {
    auto netlink = Netlink::open();
    if (!netlink) return tl::unexpected(netlink.error());
    netlink_ = std::make_unique<Netlink>(std::move(*netlink));
    if (const auto loopback = netlink_->link("lo")) {
      if (auto up = netlink_->set_up(loopback->index, true); !up) trouble(up.error());
    }
    auto mirror = Mirror::open();
    if (!mirror) return tl::unexpected(mirror.error());
    mirror_ = std::make_unique<Mirror>(std::move(*mirror));
    auto domains = Domains::open(*netlink_);
    if (!domains) return tl::unexpected(domains.error());
    domains_ = std::make_unique<Domains>(std::move(*domains));
    devices_ = std::make_unique<Devices>(
        *netlink_, *domains_, [this](const Error& error) { trouble(error); }, wiring_.log);
    return {};
  }

  // --- configuration, on the twin's thread (or before it runs) ---

  Result<void> reconfigure(TwinPlan plan) {
    auto done = set_up(std::move(plan));
    complete_.store(done.has_value());
    if (done) said_.clear();
    return done;
  }

  Result<void> set_up(TwinPlan plan) {
    const core::Network& skeleton = plan.skeleton;
    for (std::size_t d = domains_made_; d < skeleton.domains.size(); ++d) {
      const core::DomainId domain(static_cast<std::uint16_t>(d));
      if (d != 0) {
        if (auto added = domains_->add(skeleton.domains[d].name, table_of(domain)); !added) return added;
      }
      domains_made_ = d + 1;
    }
    if (auto done = devices_->match(skeleton); !done) return done;
    follow(skeleton);
    auto entries = change_static_entries(
        *netlink_, plan_, plan, [this](InterfaceId interface) { return link_of(interface); },
        [this](const Error& error) { trouble(error); });
    if (!entries) return entries;
    plan_ = std::move(plan);
    std::set<LinkIndex> links;
    std::set<RouteTable> tables{kLocalTable};
    for (const auto& [id, device] : devices_->all()) links.insert(device.tap.index());
    for (const auto& [table, domains] : link_map_.domains) tables.insert(table);
    if (auto done = mirror_->follow(std::move(links), std::move(tables)); !done) return done;
    stations_.match(plan_.skeleton);
    rebuild();
    ask_for_neighbors();
    return {};
  }

  void ask_for_neighbors() {
    static_cast<void>(refresh_neighbors(*netlink_, mirror_->model(), forwarding_.neighbors_in_use));
  }

  void follow(const core::Network& skeleton) {
    link_map_ = {};
    for (const auto& [id, device] : devices_->all()) link_map_.interfaces[device.tap.index()] = id;
    for (std::size_t d = 0; d < skeleton.domains.size(); ++d) {
      const core::DomainId domain(static_cast<std::uint16_t>(d));
      link_map_.domains[table_of(domain)].push_back(domain);
      const bool shared_local = d == 0 || domains_->method() == Domains::Method::kRules;
      if (shared_local) link_map_.domains[kLocalTable].push_back(domain);
    }
  }

  [[nodiscard]] std::optional<LinkIndex> link_of(InterfaceId interface) const {
    const Device* device = devices_->find(interface);
    return device == nullptr ? std::nullopt : std::optional(device->tap.index());
  }

  // However fast the kernel's tables change, half of the time is left for packets.
  void rebuild() {
    const Tick began = now_ms();
    outdated_ = false;
    forwarding_ = build_forwarding(plan_.skeleton, mirror_->model(), link_map_, stations_.all());
    wiring_.publish(forwarding_.network);
    counters_.networks_published.add(1);
    resolver_.release([this](const NeighborKey& key) { return usable(key); },
                      [this](rte_mbuf* packet) { resume(packet); });
    counters_.waiting.set(resolver_.waiting());
    rebuild_after_ = 2 * now_ms() - began;
  }

  // --- the loop ---

  void run() {
    Tick housekeeping = now_ms();
    Tick refresh = housekeeping;
    std::vector<pollfd> fds;
    while (!stopping_.load(std::memory_order_relaxed)) {
      fds.assign({{jobs_.fd(), POLLIN, 0}, {mirror_->fd(), POLLIN, 0}});
      for (const auto& [id, device] : devices_->all()) fds.push_back({device.tap.fd(), POLLIN, 0});
      poll(fds.data(), fds.size(), busy_ ? 0 : kQuietPollMs);
      busy_ = drain_ring();
      auto ready = fds.cbegin() + 2;
      for (auto& [id, device] : devices_->all())
        busy_ = ((ready++)->revents != 0 && drain_tap(device)) || busy_;
      if ((fds[0].revents & POLLIN) != 0) jobs_.run();
      const Tick now = now_ms();
      const bool look = tick_after(now, housekeeping + kHousekeepingMs);
      const bool news = ((fds[1].revents & POLLIN) != 0 || look) && follow_kernel();
      if (look || news) watch_ports();
      if (outdated_ && !tick_after(rebuild_after_, now)) rebuild();
      if (look) {
        housekeeping = now;
        watch_devices();
        resolver_.tick(now);
        counters_.waiting.set(resolver_.waiting());
      }
      if (tick_after(now, refresh + kRefreshMs)) {
        refresh = now;
        ask_for_neighbors();
      }
    }
    jobs_.run();
  }

  // True when anything changed.
  bool follow_kernel() {
    const auto changed = mirror_->process();
    if (!changed) {
      if (std::exchange(following_, false)) wiring_.log(changed.error().message());
      return false;
    }
    if (!std::exchange(following_, true)) wiring_.log("the kernel's routes and neighbours can be read again");
    counters_.mirror_overruns.set(mirror_->counters().overruns);
    outdated_ = outdated_ || *changed;
    return *changed;
  }

  void watch_ports() {
    bool changed = false;
    for (std::size_t p = 0; p < core::kMaxPorts; ++p) {
      const core::PortId port(static_cast<std::uint16_t>(p));
      if (!uses(port)) continue;
      const bool link = wiring_.link_up(port);
      devices_->set_carrier(port, link);
      const bool up = link && routes_are_back(port);
      if (plan_.skeleton.port_up[p] == up) continue;
      plan_.skeleton.port_up[p] = up;
      changed = true;
      wiring_.log("port " + wiring_.port_name(port) + (up ? " is up" : " is down"));
    }
    if (changed) rebuild();
  }

  void watch_devices() {
    if (devices_->forget_gone()) {
      wiring_.log("a twin's device was deleted; making it again");
      complete_.store(false);
    }
    if (!complete_.load()) {  // the next look tries again
      if (auto done = reconfigure(plan_); !done) trouble(done.error());
    }
  }

  // The kernel takes a raised carrier for a link, and the link's routes for usable, some time later; the port
  // is not used before: its packets would find no route.
  [[nodiscard]] bool routes_are_back(core::PortId port) const {
    const auto& links = mirror_->model().links();
    return std::ranges::all_of(devices_->all(), [&](const auto& entry) {
      const auto link = links.find(entry.second.tap.index());
      return entry.second.port != port || link == links.end() || !link->second.up || link->second.running;
    });
  }

  [[nodiscard]] bool uses(core::PortId port) const {
    return std::any_of(
        plan_.skeleton.interfaces.begin(), plan_.skeleton.interfaces.end(),
        [&](const core::Interface& interface) { return interface.up && interface.port == port; });
  }

  // --- packets ---

  bool drain_ring() {
    std::array<rte_mbuf*, kBurst> packets;
    const unsigned count =
        rte_ring_dequeue_burst(wiring_.to_host, reinterpret_cast<void**>(packets.data()), kBurst, nullptr);
    for (unsigned i = 0; i < count; ++i) {
      if (core::note(packets[i]).kind == Note::Kind::kResolve) {
        wait_for_neighbor(packets[i]);
      } else {
        deliver(packets[i]);
      }
    }
    return count != 0;
  }

  void deliver(rte_mbuf* packet) {
    outdated_ = stations_.learn(*packet, plan_.skeleton) || outdated_;
    Device* device = devices_->find(core::note(packet).interface);
    const bool taken = device != nullptr && delivery_.deliver(packet, device->mtu, [&](Bytes frame) {
      const auto say = [&](const auto& answer) {
        if (answer) send(*answer, device->interface);
        return answer.has_value();
      };
      if (say(arp_answer(frame, device->interface, plan_.skeleton)) ||
          say(neighbor_answer(frame, device->interface, plan_.skeleton)))
        return true;
      const auto written = device->tap.write(frame);
      return written && *written;
    });
    (taken ? counters_.delivered : counters_.delivery_failed).add(1);
    rte_pktmbuf_free(packet);
  }

  // A frame of the twin's own making, by way of a worker.
  void send(Bytes frame, InterfaceId interface) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(wiring_.pool);
    if (mbuf == nullptr) return counters_.from_kernel_lost.add(1);
    std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size())), frame.data(),
                frame.size());
    core::note(mbuf) = Note{.kind = Note::Kind::kFrame, .interface = interface};
    give_to_worker(mbuf);
  }

  void give_to_worker(rte_mbuf* frame) {
    if (rte_ring_enqueue(wiring_.from_host, frame) == 0) return counters_.from_kernel.add(1);
    counters_.from_kernel_lost.add(1);
    rte_pktmbuf_free(frame);
  }

  void wait_for_neighbor(rte_mbuf* packet) {
    core::Packet view;
    view.mbuf = packet;
    const auto destination = destination_of(view);
    if (!destination) return give_up(packet);
    // By the network as it is now, which may not be the one the packet was routed by.
    const core::Network& network = *forwarding_.network;
    const core::Interface& out = network.interfaces[core::note(packet).interface.value()];
    const core::NextHopId number = core::note(packet).steered
                                       ? network.find_route(out.domain, *destination)
                                       : network.find_route(out.domain, *destination, [&] {
                                           return core::flow_hash(view.headers, view.first_segment());
                                         });
    // The worker has the same network, so what is not to be resolved does not come back.
    if (!number.valid()) return resume(packet);
    const core::NextHop& hop = network.next_hops[number.value()];
    if (hop.kind != core::NextHop::Kind::kResolve) return resume(packet);
    const auto below = forwarding_.asked_below.find(number.value());
    const Device* device =
        devices_->find(below == forwarding_.asked_below.end() ? hop.interface : below->second);
    if (device == nullptr) return give_up(packet);
    const net::IpAddress& next = forwarding_.gateways[number.value()].value_or(*destination);
    resolver_.hold({device->tap.index(), next}, packet, now_ms());
    counters_.waiting.set(resolver_.waiting());
  }

  // Where it is to go, which is not always where it is addressed to.
  // Reads the headers where it has to.
  static std::optional<net::IpAddress> destination_of(core::Packet& view) {
    if (core::note(view.mbuf).steered) return core::steered_to(*view.mbuf);
    const auto error = net::parse_frame(view.first_segment(), view.mbuf->pkt_len, view.headers,
                                        {.check_ipv4_checksum = false});
    return error == net::ParseError::kNone ? std::optional(view.destination()) : std::nullopt;
  }

  [[nodiscard]] bool usable(const NeighborKey& key) const {
    const Neighbor* neighbor = mirror_->model().find_neighbor(key);
    return neighbor != nullptr && neighbor->usable();
  }

  void ask(const NeighborKey& key) {
    if (!netlink_->probe_neighbor(key)) counters_.requests_refused.add(1);
  }

  void give_up(rte_mbuf* packet) {
    counters_.unresolved.add(1);
    rte_pktmbuf_free(packet);
  }

  void resume(rte_mbuf* packet) { return_as(Note::Kind::kResume, packet); }

  // Back to a worker, which sends it, or tells its sender.
  void return_as(Note::Kind kind, rte_mbuf* packet) {
    core::note(packet).kind = kind;
    if (rte_ring_enqueue(wiring_.from_host, packet) != 0) give_up(packet);
  }

  bool drain_tap(Device& device) {
    unsigned count = 0;
    for (; count < kBurst; ++count) {
      rte_mbuf* packet = rte_pktmbuf_alloc(wiring_.pool);
      if (packet == nullptr) {
        counters_.from_kernel_lost.add(1);
        break;
      }
      const std::size_t space = rte_pktmbuf_tailroom(packet);
      const auto length = device.tap.read(MutableBytes(rte_pktmbuf_mtod(packet, std::uint8_t*), space));
      if (!length || !*length || **length > space) {
        rte_pktmbuf_free(packet);
        break;
      }
      packet->data_len = static_cast<std::uint16_t>(**length);
      packet->pkt_len = packet->data_len;
      core::note(packet) =
          Note{.kind = Note::Kind::kFrame, .interface = device.interface, .port = device.port};
      give_to_worker(packet);
    }
    return count != 0;
  }

  // Said once, until all is as the plan wants it.
  void trouble(const Error& error) {
    if (said_.insert(error.attempt).second) wiring_.log(error.message());
  }

  Wiring wiring_;
  TwinCounters& counters_;
  std::unique_ptr<Netlink> netlink_;
  std::unique_ptr<Mirror> mirror_;
  std::unique_ptr<Domains> domains_;
  std::size_t domains_made_ = 0;
  TwinPlan plan_;
  std::unique_ptr<Devices> devices_;
  LinkMap link_map_;
  StationTable stations_;
  ForwardingState forwarding_;
  bool outdated_ = false;  // forwarding_ is behind the mirror
  Tick rebuild_after_ = now_ms();
  Resolver resolver_;
  Delivery delivery_;
  bool busy_ = false;
  std::set<std::string> said_;  // what was attempted in vain
  bool following_ = true;       // the mirror keeps up with the kernel

  JobQueue jobs_;  // of the control thread
  std::atomic<bool> complete_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

Twin::Twin(Wiring wiring) : impl_(std::make_unique<Impl>(std::move(wiring), counters_)) {}
Twin::~Twin() = default;
Result<void> Twin::start(TwinPlan plan) { return impl_->start(std::move(plan)); }
Result<void> Twin::apply(TwinPlan plan) { return impl_->apply(std::move(plan)); }
void Twin::set_down(std::set<std::uint32_t> tunnels) { impl_->set_down(std::move(tunnels)); }
void Twin::stop() { impl_->stop(); }
bool Twin::complete() const noexcept { return impl_->complete(); }

}  // namespace millrace::host
