// SPDX-License-Identifier: BSD-3-Clause
// How long sessions live, and which give way when the table is full.
#include "tests/packet/firewall/talk.h"

namespace millrace::testing {
namespace {

constexpr Tick kSecond = 1000;
constexpr std::uint16_t kCapacity = 64;

std::vector<Scenario> timeouts() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Talk talk{ends};
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(let_out_only);
    };
    const auto gone = [](const Observed& seen) { EXPECT_EQ(seen.sessions(), 0U); };
    const auto there = [](const Observed& seen) { EXPECT_EQ(seen.sessions(), 1U); };
    const auto udp = PacketBuilder(ends.client).udp(5000, 53);
    const auto answer = PacketBuilder(ends.server).udp(53, 5000);
    const auto ping = PacketBuilder(ends.client).echo_request(1, 1);
    const auto pong = PacketBuilder(ends.server).echo_reply(1, 1);

    add("an answer just in time").passes(kInside, udp).after(29 * kSecond).passes(kOutside, answer);
    add("an answer too late")
        .passes(kInside, udp)
        .after(31 * kSecond)
        .refused(kOutside, answer, firewall::Drop::kDeniedByDefault)
        .check(gone);
    add("once answered udp lives longer")
        .passes(kInside, udp)
        .passes(kOutside, answer)
        .after(119 * kSecond)
        .passes(kOutside, answer)
        .after(121 * kSecond)
        .refused(kOutside, answer, firewall::Drop::kDeniedByDefault);
    auto& refreshed = add("each packet keeps it alive").passes(kInside, udp);
    for (int i = 0; i < 10; ++i) refreshed.after(20 * kSecond).passes(kInside, udp);
    refreshed.passes(kOutside, answer);
    add("a ping just in time").passes(kInside, ping).after(29 * kSecond).passes(kOutside, pong);
    add("a ping too late")
        .passes(kInside, ping)
        .after(31 * kSecond)
        .refused(kOutside, pong, firewall::Drop::kIcmpUnsolicited);
    add("a syn without an answer")
        .passes(kInside, talk.c("S", 0, 0))
        .after(31 * kSecond)
        .refused(kOutside, talk.s("SA", 0, 1), firewall::Drop::kTcpNotSyn)
        .check(gone);
    add("a handshake that is never finished")
        .passes(kInside, talk.c("S", 0, 0))
        .passes(kOutside, talk.s("SA", 0, 1))
        .after(31 * kSecond)
        .check(gone);
    talk.open(add("an idle connection lives an hour"))
        .after(3599 * kSecond)
        .passes(kInside, talk.c("PA", 1, 1, 1))
        .check(there);
    talk.open(add("and no longer"))
        .after(3601 * kSecond)
        .refused(kInside, talk.c("PA", 1, 1, 1), firewall::Drop::kTcpNotSyn)
        .check(gone);
    talk.open(add("half closed"))
        .passes(kInside, talk.c("FA", 1, 1))
        .after(239 * kSecond)
        .check(there)
        .after(3 * kSecond)
        .check(gone);
    talk.close(talk.open(add("closed"))).check(there).after(31 * kSecond).check(gone);
    talk.open(add("reset")).passes(kInside, talk.c("R", 1, 0)).check(there).after(11 * kSecond).check(gone);
    add("gre")
        .passes(kInside, PacketBuilder(ends.client).gre(0x0800))
        .after(599 * kSecond)
        .check(there)
        .after(3 * kSecond)
        .check(gone);
    // A change of policy brings new times for the sessions that are there.
    add("shorter by another policy")
        .passes(kInside, udp)
        .passes(kOutside, answer)
        .change([](PolicySpec& policy) { policy.timeouts.udp = 10 * kSecond; })
        .passes(kInside, udp)
        .after(11 * kSecond)
        .passes(kInside, udp)
        .after(130 * kSecond)
        .check(gone);
    // A refused segment is no sign of life.
    talk.open(add("an attacker does not keep a connection alive").set([](PolicySpec& policy) {
          policy.timeouts.tcp_established = 60 * kSecond;
        }))
        .after(50 * kSecond)
        .refused(kOutside, talk.s("A", 0x40000000, 1, 100), firewall::Drop::kTcpOutOfWindow)
        .after(15 * kSecond)
        .check(gone);
  }
  return list;
}

// A small table on one worker. Half-open sessions give way, oldest first; those the other side has answered
// do not.
std::vector<Scenario> full_tables() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(let_out_only).sessions(kCapacity).one_worker();
    };
    const auto udp = [&](unsigned n) {
      return PacketBuilder(ends.client).udp(static_cast<std::uint16_t>(5000 + n), 53);
    };
    const auto answer = [&](unsigned n) {
      return PacketBuilder(ends.server).udp(53, static_cast<std::uint16_t>(5000 + n));
    };
    const auto full = [](const Observed& seen) { EXPECT_EQ(seen.sessions(), kCapacity); };

    auto& answered = add("answered sessions stay");
    for (unsigned i = 0; i < kCapacity; ++i) answered.passes(kInside, udp(i));
    for (unsigned i = 0; i < kCapacity; ++i) answered.passes(kOutside, answer(i));
    for (unsigned i = 0; i < 10; ++i)
      answered.refused(kInside, udp(1000 + i), firewall::Drop::kSessionTableFull);
    for (unsigned i = 0; i < kCapacity; ++i) answered.passes(kOutside, answer(i));
    answered.check(full);

    auto& oldest = add("the oldest half-open session gives way");
    for (unsigned i = 0; i < kCapacity; ++i) oldest.passes(kInside, udp(i)).then();
    oldest.passes(kInside, udp(1000)).check(full);
    oldest.then().passes(kOutside, answer(1)).refused(kOutside, answer(0), firewall::Drop::kDeniedByDefault);

    // Its next packet comes in one burst with the one it gives way to, whose record that is now.
    // Over IPv6 they have all but the client's upper 64 bits in common.
    const auto other =
        ends.v6 ? received_on(packet().ipv6("2001:db8:1:9::10", kServer6), kTrust) : ends.client;
    const auto newcomer = PacketBuilder(other).udp(ends.v6 ? 5000 : 4999, 53).payload(7);
    auto& late = add("a late packet of the one that gave way").one_burst();
    for (unsigned i = 0; i < kCapacity; ++i) late.passes(kInside, udp(i)).then();
    late.in(kInside, udp(0))
        .dropped(firewall::Drop::kSessionEnded)
        .passes(kInside, newcomer)
        .then()
        .refused(kOutside, answer(0), firewall::Drop::kDeniedByDefault);

    auto& flood = add("connections survive a syn flood");
    std::vector<Talk> talks;
    for (std::uint16_t i = 0; i < 16; ++i)
      talks.push_back({.ends = ends, .client_port = static_cast<std::uint16_t>(40000 + i)});
    for (const Talk& one : talks) one.open(flood);
    for (unsigned round = 0; round < 10; ++round) {
      flood.then();
      for (std::uint16_t i = 0; i < 30; ++i) {
        const Talk one{.ends = ends, .client_port = static_cast<std::uint16_t>(1000 + 30 * round + i)};
        flood.passes(kInside, one.c("S", 0, 0));
      }
    }
    for (const Talk& one : talks) flood.passes(kInside, one.c("PA", 1, 1, 10));
    for (const Talk& one : talks) flood.passes(kOutside, one.s("PA", 1, 11, 10));
    flood.check(full);

    auto& later = add("room is made by time");
    for (unsigned i = 0; i < kCapacity; ++i) later.passes(kInside, udp(i));
    for (unsigned i = 0; i < kCapacity; ++i) later.passes(kOutside, answer(i));
    later.refused(kInside, udp(1000), firewall::Drop::kSessionTableFull)
        .after(121 * kSecond)
        .passes(kInside, udp(1000))
        .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 1U); });
  }
  return list;
}

MILLRACE_SCENARIOS(Timeouts, timeouts());
MILLRACE_SCENARIOS(FullTables, full_tables());

}  // namespace
}  // namespace millrace::testing
