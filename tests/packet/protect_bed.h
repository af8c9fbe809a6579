// SPDX-License-Identifier: BSD-3-Clause
// A firewall between a client's network and a server's, for the tests of its protection: routed or
// transparent, either family, any burst and number of workers. What came in must have come out, or been
// dropped, when it goes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_cycles.h>

#include "tests/support/networks.h"
#include "tests/support/packet_builder.h"
#include "tests/support/packet_text.h"
#include "tests/support/testbed.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/function.h"

namespace millrace::testing {

struct Shape {
  unsigned burst = 32;
  unsigned workers = 1;
  bool ipv6 = false;
};

// Bursts of 1, 7 and 32, on one worker and two, over IPv4 and IPv6.
inline std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes;
  for (const unsigned burst : {1U, 7U, 32U}) {
    for (const unsigned workers : {1U, 2U}) {
      for (const bool ipv6 : {false, true}) shapes.push_back({burst, workers, ipv6});
    }
  }
  return shapes;
}

inline void for_each_shape(const std::function<void(const Shape&)>& body) {
  for (const Shape& shape : all_shapes()) {
    SCOPED_TRACE(std::string(shape.ipv6 ? "IPv6" : "IPv4") + ", burst " + std::to_string(shape.burst) +
                 ", workers " + std::to_string(shape.workers));
    body(shape);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

class ProtectBed {
 public:
  static constexpr unsigned kInside = 0;   // the client's port
  static constexpr unsigned kOutside = 1;  // the server's

  // Accepts everything, but for what `adjust` says. `shape` of the packets as in for_each_shape.
  ProtectBed(const Shape& shape, core::Forwarding forwarding,
             std::function<void(firewall::Policy&)> adjust = {},
             const firewall::Limits& limits = {.sessions = 4096, .rule_slots = 16, .sources = 1024})
      : shape_(shape), forwarding_(forwarding) {
    ensure_eal(256);
    functions_.resize(shape.workers);
    const core::Snapshot empty{.network = NetworkBuilder().build(),
                               .policy = std::make_shared<firewall::Policy>()};
    bed_ = std::make_unique<Testbed>(TestbedConfig{.workers = shape.workers, .burst = shape.burst}, empty,
                                     [&](const core::WorkerServices& services) {
                                       auto made =
                                           std::make_unique<firewall::FirewallFunction>(limits, services);
                                       functions_[services.worker.value()] = made.get();
                                       return made;
                                     });
    // The workers' timers begin at the time stamp counter's time.
    start_ = static_cast<Tick>(rte_rdtsc() / (rte_get_tsc_hz() / 1000));
    set_time(0);
    network_ = make_network();
    publish(adjust);
  }
  ~ProtectBed() {
    run();
    for (const unsigned port : {kInside, kOutside}) static_cast<void>(bed_->transmitted(port));
    static_cast<void>(bed_->to_host());
    using C = core::WorkerCounters;
    EXPECT_EQ(total(&C::received) + total(&C::originated) + total(&C::from_host),
              total(&C::transmitted) + total(&C::originated_transmitted) + total(&C::from_host_transmitted) +
                  total(&C::to_host) + total(&C::to_resolve) + bed_->dropped_in_all());
    EXPECT_EQ(rte_mempool_in_use_count(bed_->pool()), 0U) << "packet buffers lost";
  }
  ProtectBed(const ProtectBed&) = delete;
  ProtectBed& operator=(const ProtectBed&) = delete;

  // A new policy: as the first, with a generation of its own.
  void publish(const std::function<void(firewall::Policy&)>& adjust) {
    auto policy = std::make_shared<firewall::Policy>();
    policy->generation = ++generation_;
    policy->otherwise.action = firewall::Action::kAccept;
    if (adjust) adjust(*policy);
    bed_->publish({.network = network_, .policy = std::move(policy)});
  }

  [[nodiscard]] std::string client(unsigned n = 1) const {
    return (shape_.ipv6 ? "2001:db8:1::1:" : "10.0.1.") + std::to_string(n);
  }
  [[nodiscard]] std::string server(unsigned n = 1) const {
    return (shape_.ipv6 ? "2001:db8:2::1:" : "192.168.1.") + std::to_string(n);
  }
  // Between these addresses, with the link layer of the way in by the client's port, or by the server's.
  [[nodiscard]] PacketBuilder from_inside(const std::string& source, const std::string& destination) const {
    return ip(packet().ethernet(neighbor_mac(0), hop_mac(0)), source, destination);
  }
  [[nodiscard]] PacketBuilder from_outside(const std::string& source, const std::string& destination) const {
    return ip(packet().ethernet(neighbor_mac(1), hop_mac(1)), source, destination);
  }
  [[nodiscard]] PacketBuilder from_client(unsigned n = 1) const { return from_inside(client(n), server()); }
  [[nodiscard]] PacketBuilder from_server(unsigned n = 1) const { return from_outside(server(), client(n)); }

  void send(unsigned port, const PacketBuilder& builder) { bed_->receive(port, builder.bytes()); }
  void run() { bed_->run(); }
  // Milliseconds since the bed was made.
  void set_time(Tick now) { bed_->set_time(start_ + now); }
  [[nodiscard]] std::vector<Frame> sent(unsigned port) { return bed_->transmitted(port); }
  // The only frame that left by the port; a failure and an empty frame when there is not exactly one.
  [[nodiscard]] Frame sent_one(unsigned port) {
    auto frames = sent(port);
    EXPECT_EQ(frames.size(), 1U);
    return frames.size() == 1 ? frames[0] : Frame{};
  }
  [[nodiscard]] std::uint64_t dropped(core::Drop reason) const {
    return bed_->dropped(static_cast<std::uint8_t>(reason));
  }
  [[nodiscard]] std::uint64_t dropped(firewall::Drop reason) const {
    return bed_->dropped(static_cast<std::uint8_t>(reason));
  }
  [[nodiscard]] std::uint64_t dropped_in_all() const { return bed_->dropped_in_all(); }
  [[nodiscard]] std::uint64_t total(Counter core::WorkerCounters::*counter) const {
    return bed_->total(counter);
  }
  [[nodiscard]] unsigned workers() const { return shape_.workers; }
  [[nodiscard]] firewall::WorkerState& state(unsigned worker = 0) { return functions_[worker]->state(); }
  [[nodiscard]] std::uint64_t open_sessions() {
    std::uint64_t sum = 0;
    for (auto* function : functions_) sum += function->state().sessions.open_now();
    return sum;
  }
  [[nodiscard]] Testbed& bed() { return *bed_; }

 private:
  [[nodiscard]] std::shared_ptr<const core::Network> make_network() {
    NetworkBuilder builder;
    if (forwarding_ == core::Forwarding::kTransparent) {
      return builder.wire(bed_->port(kInside), bed_->port(kOutside)).build();
    }
    const std::string inside = neighbor_mac(0).to_string();
    const std::string outside = neighbor_mac(1).to_string();
    return builder.interface(bed_->port(kInside), "inside", {"10.0.0.1/8", "2001:db8:1::1/64"})
        .interface(bed_->port(kOutside), "outside", {"192.168.0.1/16", "2001:db8:2::1/64"})
        .route("10.0.0.0/8", "inside", inside)
        .route("2001:db8:1::/64", "inside", inside)
        .route("192.168.0.0/16", "outside", outside)
        .route("2001:db8:2::/64", "outside", outside)
        .blackhole("172.16.0.0/12")
        .blackhole("2001:db8:bad::/48")
        .build();
  }
  // Routed, the packet goes to the firewall's own address; transparent, to the host behind it.
  [[nodiscard]] net::MacAddress hop_mac(unsigned side) const {
    return forwarding_ == core::Forwarding::kRouted ? interface_mac(side) : neighbor_mac(1 - side);
  }
  [[nodiscard]] static PacketBuilder ip(PacketBuilder builder, const std::string& source,
                                        const std::string& destination) {
    return source.find(':') != std::string::npos ? builder.ipv6(source, destination)
                                                 : builder.ipv4(source, destination);
  }

  Shape shape_;
  core::Forwarding forwarding_;
  std::uint16_t generation_ = 0;
  Tick start_ = 0;
  std::vector<firewall::FirewallFunction*> functions_;
  std::unique_ptr<Testbed> bed_;
  std::shared_ptr<const core::Network> network_;
};

}  // namespace millrace::testing
