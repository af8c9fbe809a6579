// SPDX-License-Identifier: BSD-3-Clause
// A packet test in one row: rules, packets in, packets out, drops with their reasons. Each scenario is run at
// burst 1, 7 and 32, on one worker and on two, and with the policy swapped for a new generation of itself in
// the middle of every round; each of these is a gtest case. After every round conservation is checked, at the
// end that no packet buffer is lost.
//
//   scenario("web is let in").rules({accept("web").service("tcp/80")}).otherwise(firewall::Action::kDrop)
//       .passes(kInside, client().tcp(1024, 80).flags("S"))
//       .refused(kInside, client().tcp(1024, 81).flags("S"), firewall::Drop::kDeniedByDefault)
//
// Packets of one round are all there before the workers look. A round ends when packets come in by another
// port, and at then(), after() and change().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "common/core/drop_reason.h"
#include "common/core/network.h"
#include "tests/support/firewall_policy.h"
#include "tests/support/packet_builder.h"
#include "tests/support/testbed.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::testing {

// Ports of the bed.
inline constexpr unsigned kInside = 0;
inline constexpr unsigned kOutside = 1;

// Interfaces of routed_network(), by number. Interface n has the MAC address interface_mac(n), and all hosts
// behind it are reached through neighbor_mac(n).
inline constexpr std::uint16_t kTrust = 0;    // inside untagged, 10.0.0.1/24, 2001:db8:1::1/64
inline constexpr std::uint16_t kUntrust = 1;  // outside untagged, 192.168.1.1/24, 2001:db8:2::1/64
inline constexpr std::uint16_t kTenant = 2;   // inside VLAN 7, 10.7.0.1/24, 2001:db8:7::1/64
inline constexpr std::uint16_t kDouble = 3;   // outside VLAN 100/200, 10.9.0.1/24, 2001:db8:9::1/64
inline constexpr std::uint16_t kNarrow = 4;   // outside VLAN 9, MTU 1280, 10.8.0.1/24, 2001:db8:8::1/64
inline constexpr std::uint16_t kDown = 5;     // of a port without link, 10.6.0.1/24, 2001:db8:6::1/64
inline constexpr std::uint16_t kRemoved = 6;  // the profile before had it

// Hosts.
inline constexpr std::string_view kClient = "10.0.0.10";
inline constexpr std::string_view kServer = "192.168.1.80";
inline constexpr std::string_view kClient6 = "2001:db8:1::10";
inline constexpr std::string_view kServer6 = "2001:db8:2::80";

// Besides the interfaces' subnets: 198.18.0.0/15 and 2001:db8:bad::/48 are black holes, 198.51.100.0/24 and
// 2001:db8:f0::/48 prohibited, 192.0.2.0/24 and 2001:db8:f1::/48 unreachable, 203.0.113.0/24 and
// 2001:db8:cafe::/48 have a next hop outside that is not resolved. There is no default route.
[[nodiscard]] std::shared_ptr<const core::Network> routed_network(bool resolved = false);
// The two ports as one wire.
[[nodiscard]] std::shared_ptr<const core::Network> transparent_network(const core::PassedFrames& passed = {});

// Packets as they come in, up to the IP header: from the client behind kTrust, from the server behind
// kUntrust.
[[nodiscard]] PacketBuilder client();
[[nodiscard]] PacketBuilder client6();
[[nodiscard]] PacketBuilder server();
[[nodiscard]] PacketBuilder server6();
// Both families by one name, for scenarios made for each.
struct Ends {
  std::string name;  // "ipv4", "ipv6"
  bool v6;
  PacketBuilder client;
  PacketBuilder server;
};
[[nodiscard]] const std::vector<Ends>& both_families();

// The Ethernet header with which interface n sends to its neighbour, and that of a frame from it.
[[nodiscard]] PacketBuilder sent_by(PacketBuilder packet, std::uint16_t interface);
[[nodiscard]] PacketBuilder received_on(PacketBuilder packet, std::uint16_t interface);
// The packet one hop later, leaving by an interface: TTL one less, other addresses and tags.
[[nodiscard]] PacketBuilder forwarded(PacketBuilder packet, std::uint16_t interface);

// What a check sees after a round.
class Observed {
 public:
  virtual ~Observed() = default;
  [[nodiscard]] virtual std::uint64_t total(Counter core::WorkerCounters::*counter) const = 0;
  [[nodiscard]] virtual std::uint64_t rule_hits(const std::string& rule) const = 0;
  [[nodiscard]] virtual std::uint64_t rule_sessions(const std::string& rule) const = 0;
  [[nodiscard]] virtual std::uint64_t sessions() const = 0;
  [[nodiscard]] virtual unsigned workers() const = 0;
  [[nodiscard]] virtual std::uint64_t dropped(core::Drop reason) const = 0;
  [[nodiscard]] virtual std::uint64_t dropped_in_all() const = 0;
  // What left by a port in this round, when the round asked for no exact comparison.
  [[nodiscard]] virtual const std::vector<Frame>& sent(unsigned port) const = 0;
};

class Scenario {
 public:
  explicit Scenario(std::string title) : name(std::move(title)) { rounds.emplace_back(); }

  // The policy at the start.
  Scenario& rules(std::vector<firewall::Rule> list);
  Scenario& otherwise(firewall::Action action);
  Scenario& set(const std::function<void(PolicySpec&)>& change);
  Scenario& transparent();
  Scenario& transparent(core::PassedFrames passed);
  // Another network than routed_network(), and the same with its next hops resolved. What is sent in an
  // overlay is compared without the traces of its flow: without_flow().
  using MakeNetwork = std::function<std::shared_ptr<const core::Network>(bool resolved)>;
  Scenario& on(MakeNetwork make);
  Scenario& sessions(std::uint32_t each_worker);  // capacity
  // Only on one worker: what is expected counts per worker (limits, table sizes).
  Scenario& one_worker();
  // Only with the packets of a round in one burst.
  Scenario& one_burst();

  // One round.
  Scenario& in(unsigned port, const PacketBuilder& packet);
  Scenario& in(unsigned port, Frame frame);
  Scenario& in(unsigned port, const PacketBuilder& packet, Marks marks) {
    return in(port, packet.bytes(), marks);
  }
  Scenario& in(unsigned port, Frame frame, Marks marks);
  Scenario& from_host(std::uint16_t interface, const PacketBuilder& packet);
  Scenario& resumed(unsigned port, const PacketBuilder& packet);
  Scenario& out(unsigned port, const PacketBuilder& packet);
  Scenario& to_host(const PacketBuilder& packet);
  Scenario& to_resolve(const PacketBuilder& packet, std::uint16_t interface);
  Scenario& dropped(core::Drop reason, std::uint64_t count = 1);
  Scenario& dropped(firewall::Drop reason, std::uint64_t count = 1);
  // Any of these reasons, any number of times (malformed packets): only conservation is exact.
  Scenario& any_outcome();
  Scenario& check(std::function<void(const Observed&)> look);

  // In by one port and out by the other as it should be: a hop later, or untouched in transparent mode.
  Scenario& passes(unsigned port, const PacketBuilder& packet);
  template <class Reason>
  Scenario& refused(unsigned port, const PacketBuilder& packet, Reason reason) {
    return in(port, packet).dropped(reason);
  }

  // The next round.
  Scenario& then();
  Scenario& after(Tick milliseconds);
  // The next hop that is not resolved answers, or will not: the twin gives back what waits for it.
  Scenario& neighbor_answers();
  Scenario& neighbor_fails();
  Scenario& change(const std::function<void(PolicySpec&)>& change);  // another policy from here on

  struct Arrival {
    enum class By : std::uint8_t { kPort, kHost, kResume } by;
    unsigned where;
    Frame frame;
    Marks marks{};
  };
  struct Departure {
    enum class By : std::uint8_t { kPort, kHost, kResolve } by;
    unsigned where;
    Frame frame;
  };
  struct Round {
    Tick pause = 0;                            // before it
    std::shared_ptr<const PolicySpec> policy;  // published before it, when set
    std::optional<bool> neighbor_answers;      // before it, when set
    std::vector<Arrival> arrivals;
    std::vector<Departure> departures;
    std::vector<std::pair<std::uint8_t, std::uint64_t>> drops;
    bool any_outcome = false;
    std::vector<std::function<void(const Observed&)>> checks;
  };

  std::string name;
  PolicySpec policy;
  std::vector<Round> rounds;
  bool is_transparent = false;
  MakeNetwork make_network;
  core::PassedFrames passed_frames;
  bool only_one_worker = false;
  bool only_one_burst = false;
  std::uint32_t session_capacity = 1024;

 private:
  Round& round_for(unsigned port);
  Scenario& begin_round(Tick pause, std::shared_ptr<const PolicySpec> policy);
  PolicySpec latest_;
  bool changed_ = false;
};

// Inside may open sessions to outside and nothing else may: what comes back shows that it is known. Inside is
// zone 0, outside zone 1.
void let_out_only(PolicySpec& policy);
// The same where the two ports of a transparent pair are the interfaces.
void let_out_only_of_pair(PolicySpec& policy);

[[nodiscard]] inline Scenario scenario(std::string name) { return Scenario(std::move(name)); }

struct ScenarioCase {
  std::shared_ptr<const Scenario> scenario;
  unsigned burst;
  unsigned workers;
  bool swap;
};
void PrintTo(const ScenarioCase& test, std::ostream* out);

[[nodiscard]] std::vector<ScenarioCase> in_all_variants(const std::vector<Scenario>& scenarios);
[[nodiscard]] std::string case_name(const ::testing::TestParamInfo<ScenarioCase>& info);
void run_scenario(const ScenarioCase& test);

class ScenarioTest : public ::testing::TestWithParam<ScenarioCase> {};

// A gtest case for each scenario of a list and each variant.
#define MILLRACE_SCENARIOS(suite, list)                                                                  \
  class suite : public ::millrace::testing::ScenarioTest {};                                             \
  TEST_P(suite, Holds) { ::millrace::testing::run_scenario(GetParam()); }                                \
  INSTANTIATE_TEST_SUITE_P(Each, suite, ::testing::ValuesIn(::millrace::testing::in_all_variants(list)), \
                           ::millrace::testing::case_name)

}  // namespace millrace::testing
