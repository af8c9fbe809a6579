// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/scenario.h"

#include <algorithm>
#include <map>
#include <ostream>

#include <rte_mempool.h>

#include "tests/support/networks.h"
#include "tests/support/overlay_packets.h"
#include "tests/support/packet_text.h"
#include "vnfs/firewall/function.h"

namespace millrace::testing {
namespace {

struct InterfaceTags {
  std::uint16_t outer;
  std::uint16_t inner;
};
constexpr std::array<InterfaceTags, 5> kTags = {{{0, 0}, {0, 0}, {7, 0}, {100, 200}, {9, 0}}};

PacketBuilder with_tags(PacketBuilder packet, std::uint16_t interface) {
  packet.untagged();
  const InterfaceTags& tags = kTags.at(interface);
  if (tags.outer != 0) packet.vlan(tags.outer);
  if (tags.inner != 0) packet.vlan(tags.inner);
  return packet;
}

std::string drop_name(std::uint8_t reason) {
  const auto core_reasons = core::core_drop_reasons();
  if (reason < core_reasons.size()) return std::string(core_reasons[reason].name);
  const auto own = firewall::drop_reasons();
  const std::size_t index = reason - std::size_t{core::kFirstFunctionReason};
  return index < own.size() ? std::string(own[index].name) : std::to_string(reason);
}

using Drops = std::map<std::string, std::uint64_t>;

// The bed with the firewall on it, and what a run of a scenario compares between rounds.
class Run final : public Observed {
 public:
  explicit Run(const ScenarioCase& test)
      : test_(test), spec_(test.scenario->policy), network_(make_network(false)) {
    ensure_eal(64);
    const firewall::Limits limits{.sessions = test.scenario->session_capacity, .rule_slots = 256};
    bed_ = std::make_unique<Testbed>(
        TestbedConfig{.workers = test.workers, .burst = test.burst, .buffers = 2047, .ring_size = 1024},
        snapshot(), [&](const core::WorkerServices& services) {
          auto made = std::make_unique<firewall::FirewallFunction>(limits, services);
          states_.push_back(&made->state());
          return made;
        });
    // The clock begins where the tables begin; a worker takes the machine's time when it is made.
    now_ = states_.front()->services.now;
    for (const firewall::WorkerState* state : states_) now_ = std::max(now_, state->services.now);
    bed_->set_time(now_);
  }

  void play() {
    for (std::size_t i = 0; i < test_.scenario->rounds.size(); ++i) {
      SCOPED_TRACE("round " + std::to_string(i));
      play(test_.scenario->rounds[i], i);
      if (::testing::Test::HasFatalFailure()) return;
    }
    expect_no_buffer_lost();
  }

  std::uint64_t total(Counter core::WorkerCounters::*counter) const override { return bed_->total(counter); }
  std::uint64_t rule_hits(const std::string& rule) const override {
    return of_rule(rule, &firewall::RuleCounters::hits);
  }
  std::uint64_t rule_sessions(const std::string& rule) const override {
    return of_rule(rule, &firewall::RuleCounters::open_sessions);
  }
  std::uint64_t sessions() const override {
    std::uint64_t sum = 0;
    for (const firewall::WorkerState* state : states_) sum += state->sessions.flows().size();
    return sum;
  }
  unsigned workers() const override { return test_.workers; }
  std::uint64_t dropped(core::Drop reason) const override {
    return bed_->dropped(static_cast<std::uint8_t>(reason));
  }
  std::uint64_t dropped_in_all() const override { return bed_->dropped_in_all(); }
  const std::vector<Frame>& sent(unsigned port) const override { return sent_[port]; }

 private:
  std::uint64_t of_rule(const std::string& rule, Counter firewall::RuleCounters::*counter) const {
    const std::uint32_t slot = rule.empty() ? 0 : maker_.slot(rule);
    std::uint64_t sum = 0;
    for (const firewall::WorkerState* state : states_) sum += (state->rule_counters[slot].*counter).read();
    return sum;
  }

  void play(const Scenario::Round& round, std::size_t number) {
    // Time passes in steps, as for a worker that polls: timers of a long pause come due in their order.
    for (Tick left = round.pause; left != 0;) {
      const Tick step = std::min<Tick>(left, std::max<Tick>(1000, round.pause / 200));
      now_ += step;
      left -= step;
      bed_->set_time(now_);
      bed_->run();
    }
    if (round.policy != nullptr) spec_ = *round.policy;
    if (round.policy != nullptr) publish();

    const Drops before = drops();
    if (round.neighbor_answers) {
      if (*round.neighbor_answers) network_ = make_network(true);
      publish();
      bed_->give_back(*round.neighbor_answers);
    }
    const std::size_t middle = test_.swap ? (round.arrivals.size() + 1) / 2 : round.arrivals.size();
    for (std::size_t i = 0; i < round.arrivals.size(); ++i) {
      if (i == middle) {
        bed_->run();
        publish();
      }
      arrive(round.arrivals[i], number);
    }
    bed_->run();
    collect();
    if (test_.swap) publish();

    expect_conserved();
    if (!round.any_outcome) {
      compare(round);
      Drops expected;
      for (const auto& [reason, count] : round.drops) expected[drop_name(reason)] += count;
      EXPECT_EQ(difference_of(before, drops()), expected);
    }
    for (const auto& look : round.checks) look(*this);
  }

  core::Snapshot snapshot() {
    return {.network = network_, .policy = maker_.make(spec_, network_->interfaces.size())};
  }
  void publish() { bed_->publish(snapshot()); }

  // All packets of a round come by the queue of one worker, in the next round by another's: as far as they
  // belong to others they are handed over, and no flow is reordered on the way in.
  void arrive(const Scenario::Arrival& arrival, std::size_t round) {
    switch (arrival.by) {
      case Scenario::Arrival::By::kPort:
        return bed_->receive(arrival.where, arrival.frame, static_cast<unsigned>(round % test_.workers),
                             arrival.marks);
      case Scenario::Arrival::By::kHost:
        return bed_->from_host(core::InterfaceId(static_cast<std::uint16_t>(arrival.where)), arrival.frame);
      case Scenario::Arrival::By::kResume:
        return bed_->resume(arrival.where, arrival.frame);
    }
  }

  [[nodiscard]] std::shared_ptr<const core::Network> make_network(bool resolved) const {
    const Scenario& scenario = *test_.scenario;
    if (scenario.make_network) return scenario.make_network(resolved);
    return scenario.is_transparent ? transparent_network(scenario.passed_frames) : routed_network(resolved);
  }

  void collect() {
    for (unsigned port = 0; port < 2; ++port) {
      sent_[port] = bed_->transmitted(port);
      if (test_.scenario->make_network)
        for (Frame& frame : sent_[port]) frame = without_flow(std::move(frame));
    }
    host_ = bed_->to_host_with_notes();
  }

  void compare(const Scenario::Round& round) {
    using By = Scenario::Departure::By;
    const auto expected = [&](By by, unsigned where) {
      std::vector<Frame> frames;
      for (const auto& departure : round.departures) {
        if (departure.by != by || departure.where != where) continue;
        frames.push_back(test_.scenario->make_network ? without_flow(departure.frame) : departure.frame);
      }
      return frames;
    };
    for (unsigned port = 0; port < 2; ++port) {
      EXPECT_TRUE(same_packets(expected(By::kPort, port), sent_[port], false)) << "sent by port " << port;
    }
    std::vector<Frame> delivered;
    std::map<unsigned, std::vector<Frame>> resolving;
    for (const auto& frame : host_) {
      const core::Note& with = frame.note;
      if (with.kind == core::Note::Kind::kResolve) {
        resolving[with.interface.value()].push_back(frame.bytes);
      } else {
        EXPECT_EQ(with.kind, core::Note::Kind::kDeliver);
        delivered.push_back(frame.bytes);
      }
    }
    EXPECT_TRUE(same_packets(expected(By::kHost, 0), delivered, false)) << "to the twin";
    for (unsigned interface = 0; interface < kTags.size(); ++interface) {
      EXPECT_TRUE(same_packets(expected(By::kResolve, interface), resolving[interface], false))
          << "to be resolved by interface " << interface;
    }
  }

  [[nodiscard]] Drops drops() const {
    Drops found;
    for (unsigned reason = 0; reason < core::kMaxDropReasons; ++reason) {
      const auto id = static_cast<std::uint8_t>(reason);
      if (const std::uint64_t count = bed_->dropped(id); count != 0) found[drop_name(id)] = count;
    }
    return found;
  }
  static Drops difference_of(const Drops& before, Drops after) {
    for (const auto& [name, count] : before) {
      if ((after[name] -= count) == 0) after.erase(name);
    }
    return after;
  }

  void expect_conserved() const {
    using C = core::WorkerCounters;
    const std::uint64_t came =
        total(&C::received) + total(&C::from_host) + total(&C::originated) + total(&C::resumed);
    const std::uint64_t left = total(&C::transmitted) + total(&C::from_host_transmitted) +
                               total(&C::originated_transmitted) + total(&C::to_host) +
                               total(&C::to_resolve) + bed_->dropped_in_all();
    EXPECT_EQ(came, left) << "packets are not conserved";
  }

  void expect_no_buffer_lost() const {
    EXPECT_EQ(rte_mempool_in_use_count(bed_->pool()),
              total(&core::WorkerCounters::held) + bed_->waiting_buffers())
        << "packet buffers are lost";
  }

  const ScenarioCase& test_;
  PolicySpec spec_;
  mutable PolicyMaker maker_;
  std::shared_ptr<const core::Network> network_;
  std::vector<firewall::WorkerState*> states_;
  std::unique_ptr<Testbed> bed_;
  Tick now_ = 0;
  std::array<std::vector<Frame>, 2> sent_;
  std::vector<Testbed::HostFrame> host_;
};

}  // namespace

std::shared_ptr<const core::Network> routed_network(bool resolved) {
  const auto make = [](bool neighbor_known) {
    const auto mac = [](unsigned n) { return neighbor_mac(n).to_string(); };
    NetworkBuilder builder;
    builder.interface(core::PortId(0), "trust", {"10.0.0.1/24", "2001:db8:1::1/64"})
        .interface(core::PortId(1), "untrust", {"192.168.1.1/24", "2001:db8:2::1/64"})
        .interface(core::PortId(0), "tenant", {"10.7.0.1/24", "2001:db8:7::1/64"}, 7)
        .interface(core::PortId(1), "double", {"10.9.0.1/24", "2001:db8:9::1/64"}, 100, 200)
        .interface(core::PortId(1), "narrow", {"10.8.0.1/24", "2001:db8:8::1/64"}, 9)
        .mtu(1280)
        .interface(core::PortId(2), "down", {"10.6.0.1/24", "2001:db8:6::1/64"})
        .port_down()
        .removed("removed");
    builder.route("10.0.0.0/24", "trust", mac(0)).route("2001:db8:1::/64", "trust", mac(0));
    builder.route("192.168.1.0/24", "untrust", mac(1)).route("2001:db8:2::/64", "untrust", mac(1));
    builder.route("10.7.0.0/24", "tenant", mac(2)).route("2001:db8:7::/64", "tenant", mac(2));
    builder.route("10.9.0.0/24", "double", mac(3)).route("2001:db8:9::/64", "double", mac(3));
    builder.route("10.8.0.0/24", "narrow", mac(4)).route("2001:db8:8::/64", "narrow", mac(4));
    builder.route("10.6.0.0/24", "down", mac(5)).route("2001:db8:6::/64", "down", mac(5));
    builder.blackhole("198.18.0.0/15").blackhole("2001:db8:bad::/48");
    builder.prohibited("198.51.100.0/24").prohibited("2001:db8:f0::/48");
    builder.unreachable("192.0.2.0/24").unreachable("2001:db8:f1::/48");
    for (const std::string_view prefix : {"203.0.113.0/24", "2001:db8:cafe::/48"}) {
      if (neighbor_known) {
        builder.route(prefix, "untrust", mac(1));
      } else {
        builder.unresolved(prefix, "untrust");
      }
    }
    return builder.build();
  };
  static const std::array<std::shared_ptr<const core::Network>, 2> kNetworks{make(false), make(true)};
  return kNetworks[resolved ? 1 : 0];
}

std::shared_ptr<const core::Network> transparent_network(const core::PassedFrames& passed) {
  return NetworkBuilder().wire(core::PortId(0), core::PortId(1)).passing(passed).build();
}

PacketBuilder sent_by(PacketBuilder packet, std::uint16_t interface) {
  return with_tags(std::move(packet), interface).ethernet(interface_mac(interface), neighbor_mac(interface));
}
PacketBuilder received_on(PacketBuilder packet, std::uint16_t interface) {
  return with_tags(std::move(packet), interface).ethernet(neighbor_mac(interface), interface_mac(interface));
}
PacketBuilder forwarded(PacketBuilder packet, std::uint16_t interface) {
  return sent_by(std::move(packet.hop()), interface);
}

PacketBuilder client() { return received_on(packet().ipv4(kClient, kServer), kTrust); }
PacketBuilder client6() { return received_on(packet().ipv6(kClient6, kServer6), kTrust); }
PacketBuilder server() { return received_on(packet().ipv4(kServer, kClient), kUntrust); }
PacketBuilder server6() { return received_on(packet().ipv6(kServer6, kClient6), kUntrust); }

const std::vector<Ends>& both_families() {
  static const std::vector<Ends> kBoth = {{"ipv4", false, client(), server()},
                                          {"ipv6", true, client6(), server6()}};
  return kBoth;
}

Scenario& Scenario::rules(std::vector<firewall::Rule> list) {
  policy.rules = std::move(list);
  return *this;
}
Scenario& Scenario::otherwise(firewall::Action action) {
  policy.otherwise = action;
  return *this;
}
Scenario& Scenario::set(const std::function<void(PolicySpec&)>& change) {
  change(policy);
  return *this;
}
Scenario& Scenario::transparent() {
  is_transparent = true;
  return *this;
}
Scenario& Scenario::transparent(core::PassedFrames passed) {
  passed_frames = std::move(passed);
  return transparent();
}
Scenario& Scenario::on(MakeNetwork make) {
  make_network = std::move(make);
  return *this;
}

Scenario& Scenario::sessions(std::uint32_t each_worker) {
  session_capacity = each_worker;
  return *this;
}
Scenario& Scenario::one_worker() {
  only_one_worker = true;
  return *this;
}
Scenario& Scenario::one_burst() {
  only_one_burst = true;
  return *this;
}

Scenario& Scenario::begin_round(Tick pause, std::shared_ptr<const PolicySpec> spec) {
  rounds.push_back({.pause = pause,
                    .policy = std::move(spec),
                    .neighbor_answers = {},
                    .arrivals = {},
                    .departures = {},
                    .drops = {},
                    .checks = {}});
  return *this;
}
Scenario& Scenario::then() { return begin_round(0, nullptr); }
Scenario& Scenario::neighbor_answers() {
  then().rounds.back().neighbor_answers = true;
  return *this;
}
Scenario& Scenario::neighbor_fails() {
  then().rounds.back().neighbor_answers = false;
  return *this;
}
Scenario& Scenario::after(Tick milliseconds) { return begin_round(milliseconds, nullptr); }
Scenario& Scenario::change(const std::function<void(PolicySpec&)>& change) {
  if (!changed_) latest_ = policy;
  changed_ = true;
  change(latest_);
  return begin_round(0, std::make_shared<const PolicySpec>(latest_));
}

Scenario& Scenario::in(unsigned port, Frame frame) {
  const auto& arrivals = rounds.back().arrivals;
  const bool other =
      !arrivals.empty() && (arrivals.back().by != Arrival::By::kPort || arrivals.back().where != port);
  if (other) then();
  rounds.back().arrivals.push_back({Arrival::By::kPort, port, std::move(frame)});
  return *this;
}
Scenario& Scenario::in(unsigned port, const PacketBuilder& packet) { return in(port, packet.bytes()); }
Scenario& Scenario::in(unsigned port, Frame frame, Marks marks) {
  in(port, std::move(frame));
  rounds.back().arrivals.back().marks = marks;
  return *this;
}
Scenario& Scenario::from_host(std::uint16_t interface, const PacketBuilder& packet) {
  rounds.back().arrivals.push_back({Arrival::By::kHost, interface, packet.bytes()});
  return *this;
}
Scenario& Scenario::resumed(unsigned port, const PacketBuilder& packet) {
  rounds.back().arrivals.push_back({Arrival::By::kResume, port, packet.bytes()});
  return *this;
}
Scenario& Scenario::out(unsigned port, const PacketBuilder& packet) {
  rounds.back().departures.push_back({Departure::By::kPort, port, packet.bytes()});
  return *this;
}
Scenario& Scenario::to_host(const PacketBuilder& packet) {
  rounds.back().departures.push_back({Departure::By::kHost, 0, packet.bytes()});
  return *this;
}
Scenario& Scenario::to_resolve(const PacketBuilder& packet, std::uint16_t interface) {
  rounds.back().departures.push_back({Departure::By::kResolve, interface, packet.bytes()});
  return *this;
}
Scenario& Scenario::dropped(core::Drop reason, std::uint64_t count) {
  rounds.back().drops.emplace_back(static_cast<std::uint8_t>(reason), count);
  return *this;
}
Scenario& Scenario::dropped(firewall::Drop reason, std::uint64_t count) {
  rounds.back().drops.emplace_back(static_cast<std::uint8_t>(reason), count);
  return *this;
}
Scenario& Scenario::any_outcome() {
  rounds.back().any_outcome = true;
  return *this;
}
Scenario& Scenario::check(std::function<void(const Observed&)> look) {
  rounds.back().checks.push_back(std::move(look));
  return *this;
}
Scenario& Scenario::passes(unsigned port, const PacketBuilder& packet) {
  in(port, packet);
  const unsigned other = port == kInside ? kOutside : kInside;
  return is_transparent ? out(other, packet)
                        : out(other, forwarded(packet, port == kInside ? kUntrust : kTrust));
}

void let_out_only(PolicySpec& policy) {
  policy.zone_of = {0, 1, 0, 1, 1};
  policy.rules = {accept("out").from(0).to(1)};
  policy.otherwise = firewall::Action::kDrop;
}

void let_out_only_of_pair(PolicySpec& policy) {
  let_out_only(policy);
  policy.zone_of = {0, 1};
}

void PrintTo(const ScenarioCase& test, std::ostream* out) {
  *out << test.scenario->name << ", burst " << test.burst << ", " << test.workers << " workers"
       << (test.swap ? ", policy swapped" : "");
}

std::vector<ScenarioCase> in_all_variants(const std::vector<Scenario>& scenarios) {
  std::vector<ScenarioCase> cases;
  for (const Scenario& one : scenarios) {
    const auto shared = std::make_shared<const Scenario>(one);
    const unsigned most = one.only_one_worker ? 1 : 2;
    for (unsigned workers = 1; workers <= most; ++workers) {
      if (one.only_one_burst) {
        cases.push_back({shared, 32, workers, false});
        continue;
      }
      for (const unsigned burst : {1U, 7U, 32U}) cases.push_back({shared, burst, workers, false});
      cases.push_back({shared, 7, workers, true});
    }
  }
  return cases;
}

std::string case_name(const ::testing::TestParamInfo<ScenarioCase>& info) {
  const ScenarioCase& test = info.param;
  std::string name = test.scenario->name;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name + "_w" + std::to_string(test.workers) + "_b" + std::to_string(test.burst) +
         (test.swap ? "_swap" : "");
}

void run_scenario(const ScenarioCase& test) { Run(test).play(); }

}  // namespace millrace::testing
