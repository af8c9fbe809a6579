// SPDX-License-Identifier: BSD-3-Clause
// Listing, flushing and carrying over the sessions of running workers.
#include <functional>
#include <map>
#include <set>

#include "tests/packet/firewall_control/control_bed.h"

namespace millrace::testing {
namespace {

constexpr const char* kOpen = R"(
firewall:
  zones: {lan: [trust], internet: [untrust]}
  rules:
    - {name: web, from: lan, service: tcp/80, action: accept}
    - {name: out, from: lan, action: accept}
  protect: {reverse_path: off}
)";

control::PacketMatch that(const std::function<void(control::PacketMatch&)>& says) {
  control::PacketMatch match;
  says(match);
  return match;
}

std::shared_ptr<firewall::Firewall> firewall_of_its_own() { return std::make_shared<firewall::Firewall>(); }

TEST(FirewallSessions, OneSessionAsAPersonReadsIt) {
  ControlBed bed(firewall_of_its_own(), kOpen);
  bed.connect(40001);
  bed.set_time(5000);
  ASSERT_TRUE(
      bed.passes(ControlBed::kOutside,
                 ControlBed::from_outside().tcp(80, 40001).flags("A").seq(5001).ack(1001).payload(100)));
  bed.set_time(8000);
  const auto sessions = bed.sessions();
  ASSERT_EQ(sessions.size(), 1U);
  const auto& session = sessions[0];
  EXPECT_EQ(session.at("protocol"), "tcp");
  EXPECT_EQ(session.at("source"), "10.0.0.10:40001");
  EXPECT_EQ(session.at("destination"), "192.168.1.80:80");
  EXPECT_EQ(session.at("state"), "established");
  EXPECT_EQ(session.at("rule"), "web");
  EXPECT_EQ(session.at("age_s"), 8);
  EXPECT_EQ(session.at("idle_s"), 3);
  EXPECT_EQ(session.at("timeout_s"), 3600);
  EXPECT_EQ(session.at("ingress"), "trust");
  EXPECT_EQ(session.at("egress"), "untrust");
  EXPECT_EQ(session.at("domain"), "domain0");
  const boost::json::object packets{{"forward", 2}, {"reverse", 2}};
  const boost::json::object bytes{{"forward", 80}, {"reverse", 180}};
  EXPECT_EQ(session.at("packets"), packets);
  EXPECT_EQ(session.at("bytes"), bytes);
}

TEST(FirewallSessions, IcmpAndIpv6) {
  ControlBed bed(firewall_of_its_own(), kOpen);
  ASSERT_TRUE(bed.passes(ControlBed::kInside, ControlBed::from_inside().echo_request(77, 1)));
  ASSERT_TRUE(bed.passes(ControlBed::kInside,
                         ControlBed::from_inside("2001:db8:1::10", "2001:db8:2::80").udp(4000, 53)));
  std::map<std::string, boost::json::object> by_protocol;
  for (const auto& session : bed.sessions())
    by_protocol[session.at("protocol").as_string().c_str()] = session;
  ASSERT_EQ(by_protocol.size(), 2U);
  EXPECT_EQ(by_protocol["icmp"].at("source"), "10.0.0.10");
  EXPECT_EQ(by_protocol["icmp"].at("icmp_id"), 77);
  EXPECT_EQ(by_protocol["icmp"].at("state"), "unreplied");
  EXPECT_EQ(by_protocol["udp"].at("source"), "[2001:db8:1::10]:4000");
  EXPECT_EQ(by_protocol["udp"].at("destination"), "[2001:db8:2::80]:53");
}

TEST(FirewallSessions, PagesHoldEverySessionOnce) {
  ControlBed bed(firewall_of_its_own(), kOpen);
  for (std::uint16_t port = 1000; port < 1300; ++port) {
    ASSERT_TRUE(bed.passes(ControlBed::kInside, ControlBed::from_inside().udp(port, 53)));
  }
  for (const unsigned page : {1U, 7U, 100U, 299U, 300U, 1000U}) {
    std::set<std::string> sources;
    std::set<std::int64_t> workers;
    for (const auto& session : bed.sessions({}, page)) {
      EXPECT_TRUE(sources.insert(session.at("source").as_string().c_str()).second);
      workers.insert(session.at("worker").to_number<std::int64_t>());
    }
    EXPECT_EQ(sources.size(), 300U);
    EXPECT_EQ(workers.size(), 2U);
  }
  const auto workers = bed.workers();
  EXPECT_EQ(bed.vnf().session_count(workers), 300U);
}

TEST(FirewallSessions, AFilterFindsWhatItSays) {
  ControlBed bed(firewall_of_its_own(), kOpen);
  bed.connect(40001);
  bed.connect(40002, "10.0.0.11");
  ASSERT_TRUE(bed.passes(ControlBed::kInside, ControlBed::from_inside("10.0.0.11").udp(4000, 53)));
  const auto count = [&](const control::PacketMatch& match) { return bed.sessions(match).size(); };
  const auto prefix = [](const char* text) { return net::Prefix::parse(text); };
  EXPECT_EQ(count({}), 3U);
  EXPECT_EQ(count(that([&](auto& m) { m.source = prefix("10.0.0.11/32"); })), 2U);
  EXPECT_EQ(count(that([&](auto& m) { m.source = prefix("192.168.0.0/16"); })), 3U);  // either direction
  EXPECT_EQ(count(that([&](auto& m) {
              m.source = prefix("10.0.0.10");
              m.destination = prefix("10.0.0.10");
            })),
            0U);
  EXPECT_EQ(count(that([&](auto& m) {
              m.source = prefix("192.168.1.80");
              m.destination = prefix("10.0.0.10");
            })),
            1U);
  EXPECT_EQ(count(that([](auto& m) { m.protocol = 17; })), 1U);
  EXPECT_EQ(count(that([](auto& m) { m.port = 80; })), 2U);
  EXPECT_EQ(count(that([](auto& m) { m.port = 40002; })), 1U);
  EXPECT_EQ(count(that([](auto& m) { m.interface = "trust"; })), 3U);
  EXPECT_EQ(count(that([](auto& m) { m.interface = "untrust"; })), 0U);  // none began there
  EXPECT_EQ(count(that([](auto& m) { m.rule = "web"; })), 2U);
  EXPECT_EQ(count(that([](auto& m) { m.rule = "default"; })), 0U);
}

TEST(FirewallSessions, WhatIsUnknownIsAnError) {
  ControlBed bed(firewall_of_its_own(), kOpen);
  const auto workers = bed.workers();
  const auto where = [&](const control::PacketMatch& match, std::string_view cursor) {
    const auto page = bed.vnf().sessions(workers, bed.snapshot(), match, cursor, 10);
    return page ? "no error" : page.error().where;
  };
  EXPECT_EQ(where(that([](auto& m) { m.rule = "nobody"; }), ""), "rule");
  EXPECT_EQ(where(that([](auto& m) { m.interface = "eth0"; }), ""), "interface");
  for (const char* cursor :
       {"x", "1", "1.", ".1", "1.2.3", "-1.0", "2.0", "99999999999.0", "0.99999999999", "0.1 "}) {
    EXPECT_EQ(where({}, cursor), "cursor") << cursor;
  }
  EXPECT_EQ(where({}, "1.4294967295"), "no error");  // past the end: nothing there
}

TEST(FirewallSessions, FlushingEndsWhatMatchesAndNothingElse) {
  ControlBed bed(firewall_of_its_own(), kOpen);
  for (std::uint16_t port = 1000; port < 1600; ++port) {
    ASSERT_TRUE(bed.passes(ControlBed::kInside, ControlBed::from_inside().udp(port, 53)));
  }
  bed.connect(40001);
  const auto workers = bed.workers();
  const auto flushed =
      bed.vnf().flush_sessions(workers, bed.snapshot(), that([](auto& m) { m.protocol = 17; }));
  ASSERT_TRUE(flushed);
  EXPECT_EQ(*flushed, 600U);
  EXPECT_EQ(bed.vnf().session_count(workers), 1U);
  EXPECT_EQ(bed.row("rules", "name", "out").at("open_sessions"), 0);
  EXPECT_EQ(bed.row("rules", "name", "out").at("packets"), 600);
  EXPECT_FALSE(bed.passes(ControlBed::kOutside, ControlBed::from_outside().udp(53, 1000)));
  EXPECT_TRUE(bed.passes(ControlBed::kInside,
                         ControlBed::from_inside().tcp(40001, 80).flags("A").seq(1001).ack(5001)));
}

// Sessions of every kind, and the packet with which each goes on.
std::vector<std::pair<unsigned, PacketBuilder>> open_several(ControlBed& bed) {
  bed.connect(40001);
  bed.connect(40002, "2001:db8:1::10", "2001:db8:2::80");
  EXPECT_TRUE(bed.passes(ControlBed::kInside, ControlBed::from_inside().udp(4000, 53)));
  EXPECT_TRUE(bed.passes(ControlBed::kInside, ControlBed::from_inside().echo_request(9, 1)));
  std::vector<std::pair<unsigned, PacketBuilder>> next;
  next.emplace_back(ControlBed::kOutside,
                    ControlBed::from_outside().tcp(80, 40001).flags("A").seq(5001).ack(1001).payload(9));
  next.emplace_back(ControlBed::kOutside, ControlBed::from_outside("2001:db8:2::80", "2001:db8:1::10")
                                              .tcp(80, 40002)
                                              .flags("A")
                                              .seq(5001)
                                              .ack(1001));
  next.emplace_back(ControlBed::kOutside, ControlBed::from_outside().udp(53, 4000));
  next.emplace_back(ControlBed::kOutside, ControlBed::from_outside().echo_reply(9, 1));
  return next;
}

// Everything of a session but what belongs to its worker.
std::set<std::string> described(ControlBed& bed, bool with_id) {
  std::set<std::string> all;
  for (auto session : bed.sessions()) {
    session.erase("worker");
    if (!with_id) session.erase("id");
    all.insert(boost::json::serialize(session));
  }
  return all;
}

TEST(FirewallSessions, ExportedSessionsGoOnInAnotherFirewall) {
  for (const unsigned workers : {1U, 2U, 3U}) {
    ControlBed from(firewall_of_its_own(), kOpen, 2);
    const auto next = open_several(from);
    from.set_time(7000);
    const std::string stream = from.exported();

    ControlBed to(firewall_of_its_own(), kOpen, workers);
    to.set_time(100'000);
    const auto pointers = to.workers();
    const auto imported = to.vnf().import_sessions(pointers, to.snapshot(), stream);
    ASSERT_TRUE(imported) << imported.error().message();
    EXPECT_EQ(imported->taken, 4U);
    EXPECT_EQ(imported->refused, 0U);
    EXPECT_EQ(described(to, false), described(from, false));
    EXPECT_EQ(to.row("rules", "name", "web").at("open_sessions"), 2);
    for (const auto& [port, packet] : next) EXPECT_TRUE(to.passes(port, packet));
    // Out of the window, as before.
    EXPECT_FALSE(to.passes(ControlBed::kOutside,
                           ControlBed::from_outside().tcp(80, 40001).flags("A").seq(90'000'000)));
    // Once more: all of them are there.
    const auto again = to.vnf().import_sessions(pointers, to.snapshot(), stream);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->taken, 0U);
    EXPECT_EQ(again->refused, 4U);
  }
}

TEST(FirewallSessions, TheIdleTimeThatWasLeftIsKept) {
  ControlBed from(firewall_of_its_own(), kOpen);
  ASSERT_TRUE(from.passes(ControlBed::kInside, ControlBed::from_inside().udp(4000, 53)));  // 30 s, unreplied
  from.set_time(20'000);
  const std::string stream = from.exported();
  ControlBed to(firewall_of_its_own(), kOpen);
  const auto workers = to.workers();
  ASSERT_EQ(to.vnf().import_sessions(workers, to.snapshot(), stream)->taken, 1U);
  to.set_time(9000);
  EXPECT_EQ(to.vnf().session_count(workers), 1U);
  to.set_time(11'000);
  EXPECT_EQ(to.vnf().session_count(workers), 0U);
  // By then its time is over everywhere.
  ControlBed late(firewall_of_its_own(), R"(
firewall:
  rules: [{name: out, action: accept}]
  timeouts: {udp_unreplied: 15s}
)");
  const auto others = late.workers();
  EXPECT_EQ(late.vnf().import_sessions(others, late.snapshot(), stream)->refused, 1U);
}

TEST(FirewallSessions, ImportedSessionsAreJudgedByTheRulesOfTheirNewHome) {
  ControlBed from(firewall_of_its_own(), kOpen);
  const auto next = open_several(from);
  const std::string stream = from.exported();
  ControlBed to(firewall_of_its_own(), R"(
firewall:
  zones: {lan: [trust], internet: [untrust]}
  rules:
    - {name: only-dns, from: lan, service: udp/53, action: accept}
  protect: {reverse_path: off}
)");
  const auto workers = to.workers();
  ASSERT_EQ(to.vnf().import_sessions(workers, to.snapshot(), stream)->taken, 4U);
  EXPECT_FALSE(to.passes(next[0].first, next[0].second));
  EXPECT_TRUE(to.passes(next[2].first, next[2].second));
  EXPECT_EQ(to.sessions(that([](auto& m) { m.protocol = 17; }))[0].at("rule"), "only-dns");
  EXPECT_EQ(to.row("drops", "reason", "policy_changed").at("packets"), 1);
}

TEST(FirewallSessions, ADamagedStreamLeavesNothingBehind) {
  ControlBed from(firewall_of_its_own(), kOpen);
  open_several(from);
  std::string stream = from.exported();
  stream[stream.size() - 3] = static_cast<char>(stream[stream.size() - 3] ^ 1);
  ControlBed to(firewall_of_its_own(), kOpen);
  const auto workers = to.workers();
  const auto imported = to.vnf().import_sessions(workers, to.snapshot(), stream);
  ASSERT_FALSE(imported);
  EXPECT_NE(imported.error().message().find("byte"), std::string::npos);
  EXPECT_EQ(to.vnf().session_count(workers), 0U);
}

TEST(FirewallSessions, WhatDoesNotFitIsRefused) {
  ControlBed from(firewall_of_its_own(), kOpen, 1, 2048);
  for (std::uint16_t port = 1000; port < 2500; ++port) {
    ASSERT_TRUE(from.passes(ControlBed::kInside, ControlBed::from_inside().udp(port, 53)));
  }
  const std::string stream = from.exported();
  ControlBed to(firewall_of_its_own(), kOpen, 1, 1024);
  const auto workers = to.workers();
  const auto imported = to.vnf().import_sessions(workers, to.snapshot(), stream);
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->taken, firewall::state_of(*workers[0]).sessions.flows().capacity());
  EXPECT_EQ(imported->refused, 1500 - imported->taken);
}

TEST(FirewallSessions, SessionsFollowAChangeOfWorkers) {
  const auto vnf = firewall_of_its_own();
  for (const unsigned count : {1U, 2U, 3U}) {
    ControlBed before(vnf, kOpen, 2);
    const auto next = open_several(before);
    for (std::uint16_t port = 1000; port < 1200; ++port) {
      ASSERT_TRUE(before.passes(ControlBed::kInside, ControlBed::from_inside().udp(port, 53)));
    }
    ASSERT_FALSE(before.passes(ControlBed::kOutside, ControlBed::from_outside().udp(5, 6)));
    const auto hits = before.row("rules", "name", "out").at("hits");
    ControlBed after(vnf, kOpen, count);
    after.take_clock_of(before);
    const auto old_workers = before.workers();
    const auto new_workers = after.workers();
    before.vnf().move_sessions(old_workers, new_workers, after.snapshot());
    EXPECT_EQ(described(after, true), described(before, true));
    EXPECT_EQ(after.row("rules", "name", "out").at("hits"), hits);
    EXPECT_EQ(after.row("rules", "name", "out").at("open_sessions"), 202);
    EXPECT_EQ(after.row("rules", "name", "default").at("hits"), 1);
    for (const auto& [port, packet] : next) EXPECT_TRUE(after.passes(port, packet));
    // Half-open ones still come to their end.
    for (int round = 0; round < 16; ++round) after.set_time(40'000);  // a round ends a bounded number
    EXPECT_EQ(after.sessions(that([](auto& m) { m.port = 1000; })).size(), 0U);
    EXPECT_EQ(after.sessions(that([](auto& m) { m.protocol = 6; })).size(), 2U);
    EXPECT_EQ(after.row("rules", "name", "out").at("open_sessions"), 1);  // the answered DNS query
  }
}

TEST(FirewallSessions, AMovedSessionStillCountsForItsSource) {
  constexpr const char* kLimited = R"(
firewall:
  rules: [{name: out, action: accept}]
  protect: {sessions_per_source: 3, reverse_path: off}
)";
  const auto vnf = firewall_of_its_own();
  ControlBed before(vnf, kLimited, 1);
  for (std::uint16_t port = 1; port <= 3; ++port) {
    ASSERT_TRUE(before.passes(ControlBed::kInside, ControlBed::from_inside().udp(port, 53)));
  }
  ControlBed after(vnf, kLimited, 1);
  after.take_clock_of(before);
  const auto old_workers = before.workers();
  const auto new_workers = after.workers();
  before.vnf().move_sessions(old_workers, new_workers, after.snapshot());
  EXPECT_FALSE(after.passes(ControlBed::kInside, ControlBed::from_inside().udp(4, 53)));
  EXPECT_TRUE(after.passes(ControlBed::kInside, ControlBed::from_inside("10.0.0.11").udp(4, 53)));
  after.set_time(40'000);
  EXPECT_TRUE(after.passes(ControlBed::kInside, ControlBed::from_inside().udp(4, 53)));
}

}  // namespace
}  // namespace millrace::testing
