// SPDX-License-Identifier: BSD-3-Clause
// What the firewall notes of flows, as its readers get to see it.
#include "tests/packet/flow_event_bed.h"
#include "vnfs/firewall/drops.h"

namespace millrace::testing {
namespace {

TEST_P(FlowEvents, NothingIsNotedWhenNothingAsks) {
  begin({});
  connection(1025);
  in(kInside, client().udp(1025, 99));
  in(kInside, client().udp(1025, 1));
  wait(400'000);
  EXPECT_EQ(records().size(), 0U);
  EXPECT_EQ(states_[0]->flow_log.written(), 0U);
  EXPECT_EQ(states_[0]->flow_log.suppressed(), 0U);
}

TEST_P(FlowEvents, AConnectionFromItsBeginningToItsEnd) {
  begin({.web = true});
  const auto before = std::chrono::system_clock::now() - std::chrono::milliseconds(1);
  connection(1025);
  const auto opened = records();
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_EQ(opened[0].kind, FlowEventKind::kOpened);
  EXPECT_EQ(opened[0].source.to_string(), "10.0.0.10");
  EXPECT_EQ(opened[0].source_port, 1025);
  EXPECT_EQ(opened[0].destination.to_string(), "192.168.1.80");
  EXPECT_EQ(opened[0].destination_port, 80);
  EXPECT_EQ(opened[0].protocol, 6);
  EXPECT_EQ(opened[0].tcp_flags[0], 0x02);
  EXPECT_EQ(opened[0].rule, "web");
  EXPECT_EQ(opened[0].domain, "default");
  EXPECT_EQ(opened[0].ingress.name, "trust");
  EXPECT_EQ(opened[0].egress.name, "untrust");
  EXPECT_EQ(opened[0].generation, 1);
  EXPECT_EQ(opened[0].worker, 0);
  EXPECT_NE(opened[0].session, 0U);
  EXPECT_GE(opened[0].time, before);
  EXPECT_LE(opened[0].time, std::chrono::system_clock::now() + std::chrono::milliseconds(1));

  wait(60'000);
  const auto ended = records();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].kind, FlowEventKind::kEnded);
  EXPECT_EQ(ended[0].session, opened[0].session);
  EXPECT_EQ(ended[0].end, FlowEnd::kFinished);
  EXPECT_EQ(ended[0].reason, "closed");
  EXPECT_EQ(ended[0].tcp_state, "time_wait");
  EXPECT_EQ(ended[0].packets, (std::array<std::uint64_t, 2>{4, 3}));
  EXPECT_EQ(ended[0].bytes, (std::array<std::uint64_t, 2>{4 * 40 + 1, 3 * 40 + 2}));
  EXPECT_EQ(ended[0].tcp_flags[0], 0x13) << "FIN, SYN, ACK";
  EXPECT_EQ(ended[0].tcp_flags[1], 0x13);
  EXPECT_EQ(ended[0].rule, "web");
  EXPECT_EQ(ended[0].start, ended[0].last) << "the clock stood still meanwhile";
}

TEST_P(FlowEvents, IdleTimesAreToldByTheClockOfThePackets) {
  begin({.web = true});
  in(kInside, client().udp(1025, 53).payload(12));
  wait(7'000);
  in(kOutside, server().udp(53, 1025).payload(100));
  wait(200'000);
  const auto found = records();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].reason, "idle_timeout");
  EXPECT_EQ(found[1].end, FlowEnd::kIdle);
  EXPECT_EQ(found[1].packets, (std::array<std::uint64_t, 2>{1, 1}));
  EXPECT_EQ(found[1].bytes, (std::array<std::uint64_t, 2>{28 + 12, 28 + 100}));
  EXPECT_EQ(found[1].last - found[1].start, std::chrono::milliseconds(7'000));
  const auto idle = found[1].time - found[1].last;
  EXPECT_GE(idle, std::chrono::milliseconds(120'000));  // Timeouts::udp
  EXPECT_LT(idle, std::chrono::milliseconds(122'000));
}

TEST_P(FlowEvents, Ipv6AndIcmp) {
  begin({.all_sessions = true});
  in(kInside, client6().echo_request(77, 1).payload(16));
  in(kInside, client().echo_request(78, 1).payload(8));
  wait(60'000);
  auto found = records();
  ASSERT_EQ(found.size(), 2U) << "ended only: no rule logs";
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.source_port < b.source_port; });
  EXPECT_EQ(found[0].source.to_string(), "2001:db8:1::10");
  EXPECT_EQ(found[0].destination.to_string(), "2001:db8:2::80");
  EXPECT_EQ(found[0].protocol, 58);
  EXPECT_EQ(found[0].icmp_type, 128);
  EXPECT_EQ(found[0].icmp_code, 0);
  EXPECT_EQ(found[0].source_port, 77);
  EXPECT_EQ(found[0].bytes[0], 40U + 8 + 16);
  EXPECT_EQ(found[1].protocol, 1);
  EXPECT_EQ(found[1].icmp_type, 8);
  EXPECT_EQ(found[1].source_port, 78);
  EXPECT_EQ(found[1].bytes[0], 20U + 8 + 8);
}

TEST_P(FlowEvents, DeniedByARuleAndByDefault) {
  begin({.block = true, .otherwise = true});
  in(kInside, client().udp(1025, 99).payload(5));
  in(kInside, client6().tcp(1026, 443).flags("S"));
  const auto found = records();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].kind, FlowEventKind::kDenied);
  EXPECT_EQ(found[0].reason, "denied_by_rule");
  EXPECT_EQ(found[0].sentence, "A rule with the action drop matched.");
  EXPECT_EQ(found[0].rule, "block");
  EXPECT_EQ(found[0].source.to_string(), "10.0.0.10");
  EXPECT_EQ(found[0].destination_port, 99);
  EXPECT_EQ(found[0].packets, (std::array<std::uint64_t, 2>{1, 0}));
  EXPECT_EQ(found[0].bytes, (std::array<std::uint64_t, 2>{28 + 5, 0}));
  EXPECT_EQ(found[0].session, 0U);
  EXPECT_EQ(found[1].reason, "denied_by_default");
  EXPECT_EQ(found[1].rule, "default");
  EXPECT_EQ(found[1].source.to_string(), "2001:db8:1::10");
  EXPECT_EQ(found[1].protocol, 6);
  EXPECT_EQ(found[1].tcp_flags[0], 0x02);
}

TEST_P(FlowEvents, AFloodOfDeniedPacketsIsNotedAThousandTimesASecond) {
  begin({.block = true});
  const auto flood = [&](unsigned packets) {
    const auto frame = client().udp(1025, 99).bytes();
    for (unsigned i = 0; i < packets; ++i) bed_->receive(kInside, frame);
    bed_->run();
  };
  flood(1500);
  EXPECT_EQ(records().size(), 1000U);
  EXPECT_EQ(states_[0]->flow_log.suppressed(), 500U);
  wait(250);  // a quarter of a second later there is room for 250
  flood(400);
  EXPECT_EQ(records().size(), 250U);
  EXPECT_EQ(states_[0]->flow_log.suppressed(), 650U);
}

TEST_P(FlowEvents, ASessionTheNewPolicyRefusesIsForcedToEnd) {
  begin({.web = true});
  in(kInside, client().udp(1025, 53));
  change({.block = true, .web_action = Action::kDrop});
  in(kInside, client().udp(1025, 53));
  const auto found = records();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].kind, FlowEventKind::kEnded);
  EXPECT_EQ(found[1].reason, "policy_changed");
  EXPECT_EQ(found[1].end, FlowEnd::kForced);
  EXPECT_EQ(found[1].packets[0], 1U) << "the refused packet is not the session's";
}

TEST_P(FlowEvents, TheNewPolicySaysWhetherASessionThatGoesOnIsLogged) {
  begin({});
  in(kInside, client().udp(1025, 53));
  change({.web = true});
  in(kInside, client().udp(1025, 53));
  wait(60'000);
  auto found = records();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, FlowEventKind::kEnded);
  EXPECT_EQ(found[0].generation, 2);
  EXPECT_EQ(found[0].packets[0], 2U);

  in(kInside, client().udp(1025, 53));
  change({});
  in(kInside, client().udp(1025, 53));
  wait(60'000);
  found = records();
  ASSERT_EQ(found.size(), 1U) << "its beginning, which the old policy logged";
  EXPECT_EQ(found[0].kind, FlowEventKind::kOpened);
}

TEST_P(FlowEvents, AFullTableNamesTheOneThatGaveWay) {
  begin({.web = true}, {.burst = GetParam(), .sessions = 4});
  const auto capacity = static_cast<std::uint16_t>(states_[0]->sessions.flows().capacity());
  for (std::uint16_t i = 0; i <= capacity; ++i)
    in(kInside, client().udp(static_cast<std::uint16_t>(2000 + i), 53));
  std::vector<FlowRecord> ended = records();
  std::erase_if(ended, [](const FlowRecord& record) { return record.kind != FlowEventKind::kEnded; });
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].source_port, 2000) << "the oldest";
  EXPECT_EQ(ended[0].reason, "evicted");
  EXPECT_EQ(ended[0].end, FlowEnd::kLackOfResources);
}

TEST_P(FlowEvents, AFullRingLosesEventsAndNoPacket) {
  begin({.web = true}, {.burst = GetParam(), .sessions = 64, .events = 8});
  for (std::uint16_t i = 0; i < 20; ++i) in(kInside, client().udp(static_cast<std::uint16_t>(2000 + i), 53));
  EXPECT_EQ(bed_->transmitted(kOutside).size(), 20U);
  EXPECT_EQ(states_[0]->flow_log.lost(), 12U);
  const auto found = records();
  ASSERT_EQ(found.size(), 8U);
  EXPECT_EQ(found.back().source_port, 2007);
}

INSTANTIATE_TEST_SUITE_P(AtBurst, FlowEvents, ::testing::Values(1, 7, 32),
                         [](const auto& test) { return std::to_string(test.param); });

TEST(FlowRecordNames, ANumberWithoutANameIsTold) {
  firewall::FlowEvent event{};
  event.family = net::Family::kIpv4;
  event.kind = firewall::FlowEventKind::kDenied;
  event.reason = static_cast<std::uint8_t>(firewall::Drop::kSourceRateLimit);
  event.rule_slot = 7;
  event.ingress = 3;
  event.egress = core::InterfaceId::none().value();
  const auto record = firewall::to_record(event, {.tsc = 0, .tsc_per_second = 1'000'000, .wall = {}}, {});
  EXPECT_EQ(record.rule, "#7");
  EXPECT_EQ(record.ingress.name, "#3");
  EXPECT_FALSE(record.egress.id);
  EXPECT_EQ(record.reason, "source_rate_limit");
}

}  // namespace
}  // namespace millrace::testing
