// SPDX-License-Identifier: BSD-3-Clause
// The firewall with its control side around it: a profile as an operator writes it, packets, and the calls of
// the API.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rte_cycles.h>

#include "common/control/members.h"
#include "tests/support/networks.h"
#include "tests/support/packet_builder.h"
#include "tests/support/testbed.h"
#include "vnfs/firewall/firewall.h"
#include "vnfs/firewall/session_slices.h"

namespace millrace::testing {

// Interfaces trust (port 0, 10.0.0.1/24, 2001:db8:1::1/64) and untrust (port 1, 192.168.1.1/24,
// 2001:db8:2::1/64); transparent, they are a pair and have no addresses.
class ControlBed {
 public:
  static constexpr unsigned kInside = 0;
  static constexpr unsigned kOutside = 1;

  // `section` is the profile's `firewall:` section. Beds of one process share the firewall they are given.
  ControlBed(std::shared_ptr<firewall::Firewall> vnf, const std::string& section, unsigned workers = 2,
             unsigned sessions = 4096, core::Forwarding forwarding = core::Forwarding::kRouted,
             control::ResolveFile files = control::no_files())
      : vnf_(std::move(vnf)),
        files_(std::move(files)),
        sessions_(sessions),
        workers_(workers),
        forwarding_(forwarding) {
    ensure_eal(256);
    auto empty = std::make_shared<core::Network>();
    for (const char* name : {"trust", "untrust"}) {  // known to the policy by these places
      empty->interfaces.emplace_back();
      empty->interfaces.back().name = name;
    }
    network_ = empty;
    compile(section);
    bed_ = std::make_unique<Testbed>(
        TestbedConfig{.workers = workers, .buffers = 2047, .ring_size = 1024}, snapshot_,
        [&](const core::WorkerServices& services) { return vnf_->make_function(*profile_, services); });
    // The workers' timers begin at the time stamp counter's time.
    start_ = static_cast<Tick>(rte_rdtsc() / (rte_get_tsc_hz() / 1000));
    network_ = forwarding == core::Forwarding::kRouted ? routed() : wire();
    publish(section);
    set_time(0);
  }

  // A new policy under traffic.
  void publish(const std::string& section) {
    compile(section);
    bed_->publish(snapshot_);
    if (begun_) open_logs();
  }
  void set_time(Tick milliseconds) {
    time_ = milliseconds;
    bed_->set_time(start_ + milliseconds);
    bed_->run();
  }

  // What the appliance does for the control side beside its calls, until the end of this bed: once by `vnf`.
  void begin() {
    vnf_->begin({.io = io_,
                 .recompile = [](const std::string&) {},
                 .network = [this] { return network_; },
                 .synchronize = [] {},  // workers run when the test lets them
                 .tick = [this] { return start_ + time_; },
                 .tunnels_down = [](const std::set<std::uint32_t>&) {}});
    begun_ = true;
    open_logs();
  }
  // The time goes on by so many seconds, and the control side looks once in each.
  void pass_seconds(unsigned seconds) {
    for (unsigned i = 0; i < seconds; ++i) {
      set_time(time_ + 1000);
      vnf_->write_logs(workers());
    }
  }

  // Workers of one process have one clock.
  void take_clock_of(const ControlBed& other) {
    start_ = other.start_;
    set_time(0);
  }

  [[nodiscard]] std::vector<core::Worker*> workers() {
    std::vector<core::Worker*> all;
    for (unsigned w = 0; w < bed_->workers(); ++w) all.push_back(&bed_->worker(w));
    return all;
  }
  [[nodiscard]] const core::Snapshot& snapshot() const { return snapshot_; }
  [[nodiscard]] firewall::Firewall& vnf() { return *vnf_; }
  [[nodiscard]] const std::shared_ptr<const appliance::LoadedProfile>& profile() const { return profile_; }
  // What the operator was told of the policy.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  [[nodiscard]] Testbed& bed() { return *bed_; }

  // A packet that comes in by a port: whether it left by the other.
  bool passes(unsigned port, const PacketBuilder& packet) {
    bed_->receive(port, packet.bytes());
    bed_->run();
    const bool passed = !bed_->transmitted(1 - port).empty();
    static_cast<void>(bed_->transmitted(port));  // resets and ICMP errors
    static_cast<void>(bed_->to_host());
    return passed;
  }
  // By the inside to the outside, and the other way.
  [[nodiscard]] static PacketBuilder from_inside(const std::string& source = "10.0.0.10",
                                                 const std::string& destination = "192.168.1.80") {
    return between(0, source, destination);
  }
  [[nodiscard]] static PacketBuilder from_outside(const std::string& source = "192.168.1.80",
                                                  const std::string& destination = "10.0.0.10") {
    return between(1, source, destination);
  }
  // A TCP connection from the inside, established.
  void connect(std::uint16_t port, const std::string& client = "10.0.0.10",
               const std::string& server = "192.168.1.80") {
    EXPECT_TRUE(passes(kInside, from_inside(client, server).tcp(port, 80).flags("S").seq(1000)));
    EXPECT_TRUE(passes(kOutside, from_outside(server, client).tcp(80, port).flags("SA").seq(5000).ack(1001)));
    EXPECT_TRUE(passes(kInside, from_inside(client, server).tcp(port, 80).flags("A").seq(1001).ack(5001)));
  }

  // All sessions, page by page.
  [[nodiscard]] std::vector<boost::json::object> sessions(const control::PacketMatch& match = {},
                                                          unsigned page = 100) {
    std::vector<boost::json::object> all;
    const auto workers = this->workers();
    std::string cursor;
    do {
      const auto one = vnf_->sessions(workers, snapshot_, match, cursor, page);
      if (!one) throw std::runtime_error(one.error().message());
      EXPECT_LE(one->sessions.size(), page);
      for (const auto& session : one->sessions) all.push_back(session.as_object());
      cursor = one->next;
    } while (!cursor.empty());
    return all;
  }
  [[nodiscard]] std::string exported() {
    const auto workers = this->workers();
    const auto next = vnf_->export_sessions(workers, snapshot_);
    std::string stream;
    for (;;) {
      const auto piece = next();
      if (!piece) throw std::runtime_error(piece.error().message());
      if (piece->empty()) return stream;
      stream += *piece;
    }
  }
  [[nodiscard]] boost::json::object explain(const boost::json::object& packet) {
    const auto workers = this->workers();
    auto explained = vnf_->explain(workers, snapshot_, packet);
    if (!explained) throw std::runtime_error(explained.error().message());
    return std::move(*explained);
  }
  [[nodiscard]] boost::json::value own(std::string_view what) {
    const auto workers = this->workers();
    control::Members no_query({});
    return vnf_->own(workers, snapshot_, what, no_query).value();
  }
  // A row of a listing by the value of one member.
  [[nodiscard]] boost::json::object row(std::string_view what, std::string_view member,
                                        std::string_view value) {
    const boost::json::value rows = own(what);
    for (const auto& one : rows.as_array()) {
      if (one.at(member).as_string() == value) return one.as_object();
    }
    throw std::runtime_error("no such row");
  }

 private:
  static PacketBuilder between(unsigned side, const std::string& source, const std::string& destination) {
    PacketBuilder builder;
    builder.ethernet(neighbor_mac(side), interface_mac(side));
    return source.find(':') == std::string::npos ? builder.ipv4(source, destination)
                                                 : builder.ipv6(source, destination);
  }

  [[nodiscard]] std::shared_ptr<const core::Network> routed() const {
    NetworkBuilder builder;
    builder.interface(bed_->port(kInside), "trust", {"10.0.0.1/24", "2001:db8:1::1/64"})
        .interface(bed_->port(kOutside), "untrust", {"192.168.1.1/24", "2001:db8:2::1/64"})
        .route("10.0.0.0/24", "trust", neighbor_mac(0).to_string())
        .route("2001:db8:1::/64", "trust", neighbor_mac(0).to_string())
        .route("192.168.0.0/16", "untrust", neighbor_mac(1).to_string())
        .route("2001:db8:2::/64", "untrust", neighbor_mac(1).to_string())
        .blackhole("192.168.66.0/24")
        .prohibited("192.168.67.0/24")
        .unresolved("192.168.68.0/24", "untrust");
    return builder.build();
  }
  [[nodiscard]] std::shared_ptr<const core::Network> wire() const {
    const core::PortId inside = bed_->port(kInside);
    const core::PortId outside = bed_->port(kOutside);
    return NetworkBuilder()
        .interface(inside, "trust", {})
        .interface(outside, "untrust", {})
        .connect(inside, outside)
        .build();
  }

  void open_logs() {
    if (const auto opened = vnf_->open_logs(*profile_, snapshot_); !opened)
      throw std::runtime_error(opened.error().message());
  }
  void compile(const std::string& section) {
    const char* const interfaces =
        forwarding_ == core::Forwarding::kRouted
            ? "interfaces:\n  trust: {port: inside, address: [10.0.0.1/24]}\n"
              "  untrust: {port: outside, address: [192.168.1.1/24]}\nforwarding: routed\n"
            : "interfaces: {trust: {port: inside}, untrust: {port: outside}}\n"
              "forwarding: {transparent: {pairs: [[inside, outside]]}}\n";
    const std::string text = "vnf: firewall\nname: fw\ndataplane: {sessions: " + std::to_string(sessions_) +
                             "}\nports:\n  inside: {device: net_null0}\n  outside: {device: net_null1}\n" +
                             interfaces + section;
    auto loaded = vnf_->load(text, "fw.yaml", files_);
    if (!loaded) throw std::runtime_error(loaded.error().to_string());
    profile_ = *loaded;
    static std::uint64_t generation = 0;
    auto policy =
        vnf_->compile(*profile_, {.network = *network_, .generation = ++generation, .workers = workers_});
    if (!policy) throw std::runtime_error(policy.error().message());
    notes_ = std::move(policy->notes);
    snapshot_ = {.network = network_, .policy = policy->policy};
  }

  std::shared_ptr<firewall::Firewall> vnf_;
  control::ResolveFile files_;
  unsigned sessions_;
  unsigned workers_;
  core::Forwarding forwarding_;
  boost::asio::io_context io_;
  bool begun_ = false;
  Tick start_ = 0;
  Tick time_ = 0;
  std::shared_ptr<const core::Network> network_;
  std::shared_ptr<const appliance::LoadedProfile> profile_;
  core::Snapshot snapshot_;
  std::vector<std::string> notes_;
  std::unique_ptr<Testbed> bed_;
};

}  // namespace millrace::testing
