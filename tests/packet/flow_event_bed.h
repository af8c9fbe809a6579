// SPDX-License-Identifier: BSD-3-Clause
// A firewall with two rules whose notes of flows are read as records; time is the test's.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_cycles.h>

#include "common/control/flow_log/flow_sink.h"
#include "tests/support/networks.h"
#include "tests/support/packet_builder.h"
#include "tests/support/testbed.h"
#include "vnfs/firewall/flow_log_reader.h"
#include "vnfs/firewall/function.h"

namespace millrace::testing {

using control::FlowEnd;
using control::FlowEventKind;
using control::FlowRecord;
using firewall::Action;

inline constexpr unsigned kInside = 0;
inline constexpr unsigned kOutside = 1;
inline constexpr std::uint32_t kWebSlot = 1;
inline constexpr std::uint32_t kBlockSlot = 2;
inline constexpr std::uint32_t kOtherwiseSlot = 3;

class Collected final : public control::FlowSink {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "test"; }
  void write(std::span<const FlowRecord> batch) override {
    records.insert(records.end(), batch.begin(), batch.end());
  }
  void reopen() override {}
  [[nodiscard]] control::FlowSinkStatus status() const override { return {}; }
  bool flush(std::chrono::milliseconds) override { return true; }
  std::vector<FlowRecord> records;
};

struct Logging {
  bool web = false;
  bool block = false;
  bool otherwise = false;
  bool all_sessions = false;
  Tick active_timeout = 0;
  Action web_action = Action::kAccept;
};

struct Size {
  unsigned burst = 32;
  unsigned workers = 1;
  std::uint32_t sessions = 64;
  std::uint32_t events = 4096;
};

// Two rules, "web" (TCP port 80, echo, UDP port 53) and "block" (UDP port 99); the rest is refused by
// default.
class FlowBed {
 public:
  void begin(const Logging& logging, Size setup) {
    ensure_eal(64);
    bed_ = std::make_unique<Testbed>(
        TestbedConfig{
            .workers = setup.workers, .burst = setup.burst, .ports = 2, .buffers = 8191, .ring_size = 4096},
        core::Snapshot{network(), policy(logging)}, [&](const core::WorkerServices& services) {
          auto made = std::make_unique<firewall::FirewallFunction>(
              firewall::Limits{.sessions = setup.sessions, .rule_slots = 16, .flow_events = setup.events},
              services);
          states_.push_back(&made->state());
          return made;
        });
    for (const firewall::WorkerState* state : states_) now_ = std::max(now_, state->services.now);
    bed_->set_time(now_);
    reader_.set_sinks({sink_});
    reader_.set_names({.rules = {"", "web", "block", "default"},
                       .interfaces = {"trust", "untrust"},
                       .domains = {"default"}});
  }
  void change(const Logging& logging) { bed_->publish({network(), policy(logging)}); }

  static std::shared_ptr<const core::Network> network() {
    return NetworkBuilder()
        .interface(core::PortId(0), "trust", {"10.0.0.1/24", "2001:db8:1::1/64"})
        .interface(core::PortId(1), "untrust", {"192.168.1.1/24", "2001:db8:2::1/64"})
        .route("10.0.0.0/24", "trust", neighbor_mac(0).to_string())
        .route("192.168.1.0/24", "untrust", neighbor_mac(1).to_string())
        .route("2001:db8:1::/64", "trust", neighbor_mac(0).to_string())
        .route("2001:db8:2::/64", "untrust", neighbor_mac(1).to_string())
        .build();
  }

  std::shared_ptr<const core::Policy> policy(const Logging& logging) {
    const auto service = [](std::uint8_t protocol, std::uint16_t port) {
      firewall::Service made;
      made.protocol = protocol;
      if (port != 0) made.destination = {port, port};
      return made;
    };
    firewall::Rule web{.name = "web"};
    web.services = {service(6, 80), service(17, 53), service(1, 0), service(58, 0)};
    web.action = logging.web_action;
    firewall::Rule block{.name = "block"};
    block.services = {service(17, 99)};
    auto made = std::make_shared<firewall::Policy>();
    made->generation = ++generation_;
    made->matcher = *firewall::RuleMatcher::compile(std::vector{web, block}, {});
    made->outcomes = {{.action = logging.web_action, .log = logging.web, .slot = kWebSlot, .limits = {}},
                      {.action = Action::kDrop, .log = logging.block, .slot = kBlockSlot, .limits = {}}};
    made->otherwise = {
        .action = Action::kDrop, .log = logging.otherwise, .slot = kOtherwiseSlot, .limits = {}};
    made->zone_of = {firewall::ZoneId(0), firewall::ZoneId(0)};
    made->log_all_sessions = logging.all_sessions;
    made->active_timeout = logging.active_timeout;
    return made;
  }

  static PacketBuilder client() {
    return PacketBuilder().ethernet(neighbor_mac(0), interface_mac(0)).ipv4("10.0.0.10", "192.168.1.80");
  }
  static PacketBuilder server() {
    return PacketBuilder().ethernet(neighbor_mac(1), interface_mac(1)).ipv4("192.168.1.80", "10.0.0.10");
  }
  static PacketBuilder client6() {
    return PacketBuilder()
        .ethernet(neighbor_mac(0), interface_mac(0))
        .ipv6("2001:db8:1::10", "2001:db8:2::80");
  }

  void in(unsigned port, const PacketBuilder& packet) {
    bed_->receive(port, packet.bytes());
    bed_->run();
  }

  // Time passes, in steps that let timers run.
  void wait(Tick milliseconds) {
    for (const Tick end = now_ + milliseconds; now_ != end;) {
      now_ += std::min<Tick>(end - now_, 500);
      bed_->set_time(now_);
      bed_->run();
    }
  }

  std::vector<FlowRecord> records() {
    for (firewall::WorkerState* state : states_) reader_.poll(state->flow_log);
    return std::exchange(sink_->records, {});
  }

  // A whole connection: 4 packets and 1 byte forward, 3 packets and 2 bytes back.
  void connection(std::uint16_t port) {
    in(kInside, client().tcp(port, 80).flags("S").seq(1000));
    in(kOutside, server().tcp(80, port).flags("SA").seq(5000).ack(1001));
    in(kInside, client().tcp(port, 80).flags("A").seq(1001).ack(5001).payload(1));
    in(kOutside, server().tcp(80, port).flags("FA").seq(5001).ack(1002).payload(2));
    in(kInside, client().tcp(port, 80).flags("FA").seq(1002).ack(5004));
    in(kOutside, server().tcp(80, port).flags("A").seq(5004).ack(1003));
    in(kInside, client().tcp(port, 80).flags("A").seq(1003).ack(5004));
  }

  // Takes the records too, until the bed is gone.
  void add_sink(std::shared_ptr<control::FlowSink> sink) { reader_.set_sinks({sink_, std::move(sink)}); }

 protected:
  std::vector<firewall::WorkerState*> states_;
  std::unique_ptr<Testbed> bed_;
  std::uint16_t generation_ = 0;
  Tick now_ = 0;
  std::shared_ptr<Collected> sink_ = std::make_shared<Collected>();
  firewall::FlowLogReader reader_{(ensure_eal(), rte_get_tsc_hz())};  // DPDK measures it when it starts
};

// At each burst size.
class FlowEvents : public ::testing::TestWithParam<unsigned>, public FlowBed {
 public:
  using FlowBed::begin;
  void begin(const Logging& logging) { begin(logging, {.burst = GetParam()}); }
};

}  // namespace millrace::testing
