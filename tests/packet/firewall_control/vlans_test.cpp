// SPDX-License-Identifier: BSD-3-Clause
// Sessions of a transparent pair in several VLANs, as an operator meets them.
#include <map>
#include <utility>

#include "tests/packet/firewall_control/control_bed.h"

namespace millrace::testing {
namespace {

constexpr const char* kOut = R"(
firewall:
  zones: {lan: [trust], internet: [untrust]}
  rules:
    - {name: out, from: lan, action: accept}
)";

struct Tags {
  std::uint16_t outer;
  std::uint16_t vlan;
};
constexpr std::array<Tags, 5> kNetworks{{{0, 0}, {0, 7}, {0, 8}, {7, 8}, {8, 7}}};

PacketBuilder tagged(PacketBuilder packet, const Tags& tags) {
  if (tags.outer != 0) packet.service_vlan(tags.outer);
  if (tags.vlan != 0) packet.vlan(tags.vlan);
  return packet;
}

class FirewallVlans : public ::testing::TestWithParam<bool> {
 protected:
  FirewallVlans() : vnf_(std::make_shared<firewall::Firewall>()), bed_(vnf_, kOut, 2, 4096, kTransparent) {}

  static constexpr auto kTransparent = core::Forwarding::kTransparent;

  [[nodiscard]] static PacketBuilder forth() {
    return (GetParam() ? ControlBed::from_inside("2001:db8::1", "2001:db8::2") : ControlBed::from_inside())
        .udp(5000, 53);
  }
  [[nodiscard]] static PacketBuilder back() {
    return (GetParam() ? ControlBed::from_outside("2001:db8::2", "2001:db8::1") : ControlBed::from_outside())
        .udp(53, 5000);
  }
  static bool answered(ControlBed& bed, const Tags& tags) {
    return bed.passes(ControlBed::kOutside, tagged(back(), tags));
  }
  void open_all() {
    for (const Tags& tags : kNetworks) ASSERT_TRUE(bed_.passes(ControlBed::kInside, tagged(forth(), tags)));
  }
  // How many sessions a listing has by their tags.
  static std::map<std::pair<std::int64_t, std::int64_t>, unsigned> by_tags(
      const std::vector<boost::json::object>& sessions) {
    std::map<std::pair<std::int64_t, std::int64_t>, unsigned> counts;
    for (const auto& session : sessions) {
      const auto id = [&](const char* name) {
        return session.contains(name) ? session.at(name).to_number<std::int64_t>() : 0;
      };
      ++counts[{id("outer_vlan"), id("vlan")}];
    }
    return counts;
  }

  std::shared_ptr<firewall::Firewall> vnf_;
  ControlBed bed_;
};

TEST_P(FirewallVlans, ListsEachWithItsTags) {
  open_all();
  const auto sessions = bed_.sessions();
  ASSERT_EQ(sessions.size(), kNetworks.size());
  const auto counts = by_tags(sessions);
  for (const Tags& tags : kNetworks) EXPECT_EQ(counts.at({tags.outer, tags.vlan}), 1U);
  for (const auto& session : sessions) {
    EXPECT_EQ(session.at("ingress"), "trust");
    EXPECT_EQ(session.at("egress"), "untrust");
    EXPECT_EQ(session.at("source"), GetParam() ? "[2001:db8::1]:5000" : "10.0.0.10:5000");
    EXPECT_EQ(session.contains("vlan"), session.contains("outer_vlan") || session.contains("vlan"));
  }
}

TEST_P(FirewallVlans, FindsAndFlushesByTag) {
  open_all();
  const auto listed = [&](std::optional<std::uint16_t> vlan, std::optional<std::uint16_t> outer) {
    control::PacketMatch match;
    match.vlan = vlan;
    match.outer_vlan = outer;
    return bed_.sessions(match).size();
  };
  EXPECT_EQ(listed(7, {}), 2U);
  EXPECT_EQ(listed(7, 0), 1U);
  EXPECT_EQ(listed(7, 8), 1U);
  EXPECT_EQ(listed(8, {}), 2U);
  EXPECT_EQ(listed({}, 7), 1U);
  EXPECT_EQ(listed(0, {}), 1U);
  EXPECT_EQ(listed(9, {}), 0U);
  control::PacketMatch one;
  one.vlan = 7;
  one.outer_vlan = 0;
  EXPECT_EQ(bed_.vnf().flush_sessions(bed_.workers(), bed_.snapshot(), one), 1U);
  for (const Tags& tags : kNetworks) EXPECT_EQ(answered(bed_, tags), tags.outer != 0 || tags.vlan != 7);
}

TEST_P(FirewallVlans, ExplainsByTag) {
  ASSERT_TRUE(bed_.passes(ControlBed::kInside, tagged(forth(), {7, 8})));
  const auto explained = [&](std::int64_t outer, std::int64_t vlan) {
    boost::json::object packet{{"source", GetParam() ? "2001:db8::2" : "192.168.1.80"},
                               {"destination", GetParam() ? "2001:db8::1" : "10.0.0.10"},
                               {"protocol", "udp"},
                               {"source_port", 53},
                               {"destination_port", 5000},
                               {"interface", "untrust"}};
    if (vlan != 0) packet["vlan"] = vlan;
    if (outer != 0) packet["outer_vlan"] = outer;
    return bed_.explain(packet).at("verdict").at("action");
  };
  EXPECT_EQ(explained(7, 8), "accept");
  EXPECT_EQ(explained(8, 7), "drop");
  EXPECT_EQ(explained(0, 8), "drop");
  EXPECT_EQ(explained(0, 0), "drop");
}

TEST_P(FirewallVlans, TravelsWithItsTags) {
  open_all();
  const std::string stream = bed_.exported();
  {
    // A router has no VLANs on a wire: it takes the untagged one only.
    ControlBed routed(vnf_, kOut);
    routed.take_clock_of(bed_);
    const auto taken = routed.vnf().import_sessions(routed.workers(), routed.snapshot(), stream);
    ASSERT_TRUE(taken) << taken.error().message();
    EXPECT_EQ(taken->refused, 4U);
  }
  ControlBed to(vnf_, kOut, 1, 4096, kTransparent);
  to.take_clock_of(bed_);
  const auto taken = to.vnf().import_sessions(to.workers(), to.snapshot(), stream);
  ASSERT_TRUE(taken) << taken.error().message();
  EXPECT_EQ(taken->taken, kNetworks.size());
  EXPECT_EQ(by_tags(to.sessions()), by_tags(bed_.sessions()));
  for (const Tags& tags : kNetworks) EXPECT_TRUE(answered(to, tags));
  EXPECT_FALSE(answered(to, {0, 9}));
  EXPECT_FALSE(answered(to, {8, 8}));
}

INSTANTIATE_TEST_SUITE_P(Both, FirewallVlans, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "ipv6" : "ipv4"; });

// Two pairs of ports, which are two links: the same flow on each is two.
TEST(FirewallPairs, OneFlowOnTwoPairsIsTwo) {
  for (const bool v6 : {false, true}) {
    for (const unsigned workers : {1U, 2U}) {
      ensure_eal(256);
      const core::Snapshot empty{.network = NetworkBuilder().build(),
                                 .policy = std::make_shared<firewall::Policy>()};
      std::vector<firewall::FirewallFunction*> functions;
      Testbed bed({.workers = workers, .ports = 4, .buffers = 2047, .ring_size = 512}, empty,
                  [&](const core::WorkerServices& services) {
                    auto made = std::make_unique<firewall::FirewallFunction>(
                        firewall::Limits{.sessions = 64, .rule_slots = 16}, services);
                    functions.push_back(made.get());
                    return made;
                  });
      firewall::Rule out;
      out.name = "out";
      out.action = firewall::Action::kAccept;
      out.from = {firewall::ZoneId(0)};
      auto policy = std::make_shared<firewall::Policy>();
      auto matcher = firewall::RuleMatcher::compile({&out, 1}, {});
      ASSERT_TRUE(matcher);
      policy->generation = 1;
      policy->matcher = std::move(*matcher);
      policy->outcomes = {{.action = out.action, .log = false, .slot = 1, .limits = {}}};
      policy->otherwise.action = firewall::Action::kDrop;
      for (const unsigned zone : {0U, 1U, 0U, 1U})
        policy->zone_of.push_back(firewall::ZoneId(static_cast<std::uint16_t>(zone)));
      bed.publish(
          {.network = NetworkBuilder().wire(bed.port(0), bed.port(1)).wire(bed.port(2), bed.port(3)).build(),
           .policy = policy});
      const auto passes = [&](unsigned from, unsigned to, PacketBuilder packet) {
        bed.receive(from, packet.ethernet(neighbor_mac(from), neighbor_mac(to)).bytes());
        bed.run();
        for (const unsigned port : {0U, 1U, 2U, 3U}) {
          const auto sent = bed.transmitted(port);
          if (port != to && !sent.empty()) return false;
          if (port == to && sent.empty()) return false;
        }
        return true;
      };
      const auto forth = [v6] {
        return (v6 ? packet().ipv6("2001:db8::1", "2001:db8::2") : packet().ipv4("10.0.0.1", "10.0.0.2"))
            .udp(5000, 53);
      };
      const auto back = [v6] {
        return (v6 ? packet().ipv6("2001:db8::2", "2001:db8::1") : packet().ipv4("10.0.0.2", "10.0.0.1"))
            .udp(53, 5000);
      };
      EXPECT_TRUE(passes(0, 1, forth()));
      EXPECT_FALSE(passes(3, 2, back()));
      EXPECT_TRUE(passes(1, 0, back()));
      EXPECT_TRUE(passes(2, 3, forth()));
      EXPECT_TRUE(passes(3, 2, back()));
      std::uint64_t sessions = 0;
      for (auto* function : functions) sessions += function->state().sessions.open_now();
      EXPECT_EQ(sessions, 2U);
    }
  }
}

}  // namespace
}  // namespace millrace::testing
