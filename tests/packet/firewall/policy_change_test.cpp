// SPDX-License-Identifier: BSD-3-Clause
// Another policy under traffic: sessions it would refuse end at their next packet, all others go on.
#include "tests/packet/firewall/talk.h"

namespace millrace::testing {
namespace {

using firewall::Action;

void refuse_all(PolicySpec& policy) {
  policy.rules.clear();
  policy.otherwise = Action::kDrop;
}

std::vector<Scenario> policy_change_scenarios() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Talk talk{ends};
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(let_out_only);
    };
    const auto udp = PacketBuilder(ends.client).udp(5000, 53);
    const auto answer = PacketBuilder(ends.server).udp(53, 5000);
    const auto ping = PacketBuilder(ends.client).echo_request(1, 1);
    const auto pong = PacketBuilder(ends.server).echo_reply(1, 1);

    talk.open(add("a connection ends at the client's next segment"))
        .change(refuse_all)
        .refused(kInside, talk.c("PA", 1, 1, 10), firewall::Drop::kPolicyChanged)
        .then()
        .refused(kInside, talk.c("PA", 1, 1, 10), firewall::Drop::kTcpNotSyn)
        .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 0U); });
    talk.open(add("a connection ends at the server's next segment"))
        .change(refuse_all)
        .refused(kOutside, talk.s("PA", 1, 1, 10), firewall::Drop::kPolicyChanged)
        .then()
        .refused(kOutside, talk.s("PA", 1, 1, 10), firewall::Drop::kTcpNotSyn);
    add("a udp session ends")
        .passes(kInside, udp)
        .change(refuse_all)
        .refused(kInside, udp, firewall::Drop::kPolicyChanged)
        .then()
        .refused(kInside, udp, firewall::Drop::kDeniedByDefault);
    add("a udp session ends at the answer")
        .passes(kInside, udp)
        .change(refuse_all)
        .refused(kOutside, answer, firewall::Drop::kPolicyChanged);
    add("a ping ends")
        .passes(kInside, ping)
        .change(refuse_all)
        .refused(kOutside, pong, firewall::Drop::kPolicyChanged);
    add("a burst of a refused session")
        .passes(kInside, udp)
        .change(refuse_all)
        .in(kInside, udp)
        .in(kInside, udp)
        .in(kInside, udp)
        .any_outcome()
        .check([](const Observed& seen) {
          EXPECT_TRUE(seen.sent(kOutside).empty());
          EXPECT_EQ(seen.dropped_in_all(), 3U);
          EXPECT_EQ(seen.sessions(), 0U);
        });

    talk.open(add("a connection that stays allowed"))
        .change([](PolicySpec& policy) { policy.rules = {accept("web").service("tcp/80")}; })
        .passes(kInside, talk.c("PA", 1, 1, 10))
        .passes(kOutside, talk.s("A", 1, 11))
        .passes(kOutside, talk.s("PA", 1, 11, 500));
    talk.open(add("only what is refused ends"))
        .passes(kInside, udp)
        .change([](PolicySpec& policy) { policy.rules = {accept("web").service("tcp/80")}; })
        .refused(kInside, udp, firewall::Drop::kPolicyChanged)
        .passes(kInside, talk.c("PA", 1, 1, 10))
        .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 1U); });
    talk.open(add("window tracking goes on across a change"))
        .change([](PolicySpec&) {})
        .refused(kOutside, talk.s("A", 200'000, 1, 100), firewall::Drop::kTcpOutOfWindow)
        .passes(kOutside, talk.s("A", 1, 1, 100));
    add("refused and then allowed again")
        .passes(kInside, udp)
        .change(refuse_all)
        .refused(kInside, udp, firewall::Drop::kPolicyChanged)
        .change(let_out_only)
        .passes(kInside, udp)
        .passes(kOutside, answer);
    add("a change while nothing is said changes nothing")
        .passes(kInside, udp)
        .change(refuse_all)
        .change(let_out_only)
        .passes(kOutside, answer);
    add("what was refused is allowed")
        .change(refuse_all)
        .refused(kInside, udp, firewall::Drop::kDeniedByDefault)
        .change(let_out_only)
        .passes(kInside, udp);
    // Rules are asked about the session's first packet, not about the one at hand.
    add("the answer is judged as its session")
        .passes(kInside, udp)
        .change([](PolicySpec& policy) {
          policy.rules = {drop("no answers").from(1), accept("dns").service("udp/53")};
        })
        .passes(kOutside, answer);
    add("dscp of the first packet decides")
        .set([](PolicySpec& policy) { policy.rules = {accept("voice").dscp(46)}; })
        .passes(kInside, PacketBuilder(udp).dscp(46))
        .change([](PolicySpec&) {})
        .passes(kOutside, answer)
        .passes(kInside, PacketBuilder(udp).dscp(0));
    add("zones change")
        .passes(kInside, udp)
        .change([](PolicySpec& policy) {
          policy.zone_of = {1, 1, 1, 1, 1};
        })
        .refused(kInside, udp, firewall::Drop::kPolicyChanged);
    add("to reject")
        .passes(kInside, udp)
        .change([](PolicySpec& policy) {
          policy.rules.clear();
          policy.otherwise = Action::kReject;
        })
        .refused(kOutside, answer, firewall::Drop::kPolicyChanged);

    add("counters survive by name")
        .set([](PolicySpec& policy) { policy.rules = {accept("dns").service("udp/53")}; })
        .passes(kInside, udp)
        .change([](PolicySpec& policy) {
          policy.rules = {drop("telnet").service("tcp/23"), accept("dns").service("udp/53")};
        })
        .passes(kInside, PacketBuilder(ends.client).udp(5001, 53))
        .check([](const Observed& seen) {
          EXPECT_EQ(seen.rule_hits("dns"), 2U);
          EXPECT_EQ(seen.rule_hits("telnet"), 0U);
        });
    add("a session moves to the rule that accepts it now")
        .set([](PolicySpec& policy) { policy.rules = {accept("old").service("udp/53")}; })
        .passes(kInside, udp)
        .check([](const Observed& seen) { EXPECT_EQ(seen.rule_sessions("old"), 1U); })
        .change([](PolicySpec& policy) { policy.rules = {accept("new").service("udp/53")}; })
        .passes(kInside, udp)
        .check([](const Observed& seen) {
          EXPECT_EQ(seen.rule_sessions("old"), 0U);
          EXPECT_EQ(seen.rule_sessions("new"), 1U);
        });
    add("an ended session is not counted as open")
        .passes(kInside, udp)
        .change(refuse_all)
        .refused(kInside, udp, firewall::Drop::kPolicyChanged)
        .check([](const Observed& seen) { EXPECT_EQ(seen.rule_sessions("out"), 0U); });

    auto& many = add("thirty sessions, half of them refused");
    for (std::uint16_t i = 0; i < 30; ++i)
      many.passes(kInside, PacketBuilder(ends.client)
                               .udp(static_cast<std::uint16_t>(6000 + i),
                                    static_cast<std::uint16_t>(i % 2 == 0 ? 53 : 54)));
    many.change([](PolicySpec& policy) { policy.rules = {accept("dns").service("udp/53")}; });
    for (std::uint16_t i = 0; i < 30; ++i) {
      const auto one =
          PacketBuilder(ends.client)
              .udp(static_cast<std::uint16_t>(6000 + i), static_cast<std::uint16_t>(i % 2 == 0 ? 53 : 54));
      i % 2 == 0 ? many.passes(kInside, one) : many.refused(kInside, one, firewall::Drop::kPolicyChanged);
    }
    many.check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 15U); });
  }
  return list;
}

MILLRACE_SCENARIOS(PolicyChange, policy_change_scenarios());

}  // namespace
}  // namespace millrace::testing
