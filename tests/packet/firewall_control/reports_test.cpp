// SPDX-License-Identifier: BSD-3-Clause
// What the firewall reports of itself, after traffic whose counts are known.
#include "tests/packet/firewall_control/control_bed.h"

namespace millrace::testing {
namespace {

constexpr const char* kReportedSection = R"(
firewall:
  zones: {lan: [trust], internet: [untrust]}
  groups: {bad: [192.168.99.0/24, 192.168.98.0/24]}
  schedules: {always: {from: "00:00", to: "24:00"}}
  rules:
    - {name: no-bad, destination: "@bad", action: drop}
    - {name: web, from: lan, service: tcp/80, action: accept}
    - {name: hidden, from: lan, service: tcp/80, source: 10.0.0.0/24, action: drop}
    - {name: timed, schedule: always, service: udp/9, action: accept}
  protect: {reverse_path: off}
)";

double metric(ControlBed& bed, std::string_view name, std::string_view rule = {}) {
  const auto workers = bed.workers();
  for (const auto& family : bed.vnf().metrics(workers, bed.snapshot())) {
    if (family.name != name) continue;
    for (const auto& sample : family.samples) {
      if (rule.empty() || (sample.labels.size() == 1 && sample.labels[0].second == rule)) return sample.value;
    }
  }
  throw std::runtime_error("no metric " + std::string(name));
}

void send_some(ControlBed& bed) {
  bed.connect(40001);
  bed.connect(40002, "10.0.0.11");
  for (std::uint16_t port = 1; port <= 5; ++port) {
    EXPECT_FALSE(
        bed.passes(ControlBed::kInside, ControlBed::from_inside("10.0.0.10", "192.168.99.1").udp(port, 53)));
  }
  EXPECT_FALSE(bed.passes(ControlBed::kOutside, ControlBed::from_outside().tcp(1, 2).flags("S")));
}

TEST(FirewallReports, Rules) {
  ControlBed bed(std::make_shared<firewall::Firewall>(), kReportedSection);
  send_some(bed);
  const auto no_bad = bed.row("rules", "name", "no-bad");
  EXPECT_EQ(no_bad.at("action"), "drop");
  EXPECT_EQ(no_bad.at("hits"), 5);
  EXPECT_EQ(no_bad.at("packets"), 5);
  EXPECT_EQ(no_bad.at("bytes"), 5 * 28);
  EXPECT_EQ(no_bad.at("never_hit"), false);
  EXPECT_GE(no_bad.at("last_hit_ago_s").to_number<int>(), 0);
  EXPECT_LE(no_bad.at("last_hit_ago_s").to_number<int>(), 60);
  EXPECT_EQ(no_bad.at("last_hit").as_string().size(), std::string_view("2025-03-01T08:00:00.000250Z").size());
  const auto web = bed.row("rules", "name", "web");
  EXPECT_EQ(web.at("hits"), 2);
  EXPECT_EQ(web.at("open_sessions"), 2);
  const auto hidden = bed.row("rules", "name", "hidden");
  EXPECT_EQ(hidden.at("shadowed_by"), "web");
  EXPECT_EQ(hidden.at("never_hit"), true);
  EXPECT_EQ(hidden.at("last_hit"), nullptr);
  EXPECT_FALSE(hidden.contains("last_hit_ago_s"));
  EXPECT_EQ(bed.row("rules", "name", "timed").at("schedule"), "always");
  EXPECT_EQ(bed.row("rules", "name", "timed").at("active"), true);
  EXPECT_EQ(bed.row("rules", "name", "default").at("hits"), 1);
  EXPECT_EQ(bed.own("rules").as_array().size(), 5U);
}

// A rule's packets show while its sessions are open, a round of the sweep later, and are not added again when
// they end.
TEST(FirewallReports, CountsOfOpenSessions) {
  ControlBed bed(std::make_shared<firewall::Firewall>(), kReportedSection);
  send_some(bed);
  bed.set_time(1'100);
  for (int round = 0; round < 2; ++round) {
    const auto web = bed.row("rules", "name", "web");
    EXPECT_EQ(web.at("packets"), 2 * 3);
    EXPECT_EQ(web.at("bytes"), 2 * 3 * 40);
    EXPECT_EQ(web.at("open_sessions"), round == 0 ? 2 : 0);
    EXPECT_EQ(metric(bed, "rule_packets_total", "web"), 2 * 3);
    const auto workers = bed.workers();
    ASSERT_TRUE(bed.vnf().flush_sessions(workers, bed.snapshot(), {}));
  }
}

TEST(FirewallReports, CountsSurviveAReloadByName) {
  ControlBed bed(std::make_shared<firewall::Firewall>(), kReportedSection);
  send_some(bed);
  bed.publish(R"(
firewall:
  rules:
    - {name: new, service: tcp/99, action: accept}
    - {name: web, service: tcp/80, action: accept}
)");
  EXPECT_EQ(bed.row("rules", "name", "web").at("hits"), 2);
  EXPECT_EQ(bed.row("rules", "name", "new").at("hits"), 0);
  EXPECT_EQ(bed.row("rules", "name", "default").at("hits"), 1);
  EXPECT_EQ(metric(bed, "rule_hits_total", "web"), 2);
}

TEST(FirewallReports, DropsAndStages) {
  ControlBed bed(std::make_shared<firewall::Firewall>(), kReportedSection);
  send_some(bed);
  EXPECT_EQ(bed.row("drops", "reason", "denied_by_rule").at("packets"), 5);
  EXPECT_EQ(bed.row("drops", "reason", "denied_by_default").at("packets"), 1);
  EXPECT_EQ(bed.row("drops", "reason", "no_route").at("packets"), 0);
  const auto stages = bed.own("stages").as_array();
  EXPECT_EQ(stages.front().at("stage"), "ingress");
  EXPECT_EQ(stages.back().at("stage"), "egress");
  EXPECT_EQ(bed.row("stages", "stage", "match_rules").at("drops"), 6);
  EXPECT_EQ(stages.back().at("packets"), 6);  // two handshakes
  EXPECT_EQ(bed.row("stages", "stage", "find_session").at("packets"), 12);
}

TEST(FirewallReports, ZonesGroupsPolicy) {
  ControlBed bed(std::make_shared<firewall::Firewall>(), kReportedSection);
  EXPECT_EQ(bed.own("zones").at(0).at("name"), "lan");
  EXPECT_EQ(bed.own("zones").at(1).at("interfaces").at(0), "untrust");
  EXPECT_EQ(bed.row("groups", "name", "bad").at("prefixes"), 2);
  const auto policy = bed.own("policy").as_object();
  EXPECT_EQ(policy.at("rules"), 4);
  EXPECT_EQ(policy.at("shadowed_rules"), 1);
  EXPECT_EQ(policy.at("default"), "drop");
  const auto workers = bed.workers();
  control::Members no_query({});
  EXPECT_EQ(bed.vnf().own(workers, bed.snapshot(), "weather", no_query), std::nullopt);
}

TEST(FirewallReports, Metrics) {
  ControlBed bed(std::make_shared<firewall::Firewall>(), kReportedSection, 2, 5000);
  send_some(bed);
  EXPECT_EQ(metric(bed, "sessions"), 2);
  EXPECT_EQ(metric(bed, "sessions_half_open"), 0);
  EXPECT_EQ(metric(bed, "sessions_capacity"), 5000);
  EXPECT_EQ(metric(bed, "sessions_created_total"), 2);
  EXPECT_EQ(metric(bed, "sessions_evicted_total"), 0);
  EXPECT_EQ(metric(bed, "rule_hits_total", "no-bad"), 5);
  EXPECT_EQ(metric(bed, "rule_sessions", "web"), 2);
  const auto now = static_cast<double>(std::time(nullptr));
  EXPECT_NEAR(metric(bed, "rule_last_hit_timestamp_seconds", "web"), now, 60);
  EXPECT_EQ(metric(bed, "rule_last_hit_timestamp_seconds", "timed"), 0);
  EXPECT_EQ(metric(bed, "rules"), 4);
  EXPECT_GT(metric(bed, "session_memory_bytes"), 5000 * 192);
}

TEST(FirewallReports, ARuleInAnotherRulesPlaceBeginsAtZero) {
  // The registry is the firewall's own; here a small one shows what becomes of a slot that changes hands.
  ControlBed bed(std::make_shared<firewall::Firewall>(), kReportedSection);
  send_some(bed);
  firewall::RuleSlots slots(2);
  firewall::RuleTotals totals;
  const auto workers = bed.workers();
  auto lease = slots.assign(std::vector<std::string>{"first"});
  ASSERT_TRUE(lease);
  ASSERT_EQ(lease->slots[0], 1U);  // as no-bad has in the firewall
  EXPECT_EQ(totals.read(workers, slots)[1].hits, 5U);
  EXPECT_NE(totals.read(workers, slots)[1].last_hit, 0U);
  lease->lease.reset();
  while (!slots.assign(std::vector<std::string>{"second"})) {
  }
  ASSERT_EQ(slots.find("second"), 1U);
  EXPECT_EQ(totals.read(workers, slots)[1].hits, 0U);
  EXPECT_EQ(totals.read(workers, slots)[1].last_hit, 0U) << "it was another's";
  EXPECT_FALSE(
      bed.passes(ControlBed::kInside, ControlBed::from_inside("10.0.0.10", "192.168.99.1").udp(9, 53)));
  EXPECT_EQ(totals.read(workers, slots)[1].hits, 1U);
  EXPECT_NE(totals.read(workers, slots)[1].last_hit, 0U);
}

}  // namespace
}  // namespace millrace::testing
