// SPDX-License-Identifier: BSD-3-Clause
// TCP connections through a policy that lets inside open them and nobody else.
#include <algorithm>

#include "tests/packet/firewall/talk.h"

namespace millrace::testing {
namespace {

std::vector<Scenario> connections() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Talk talk{ends};
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(let_out_only);
    };
    const auto opened = [&](const std::string& name) -> Scenario& { return talk.open(add(name)); };

    opened("handshake").check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 1U); });
    opened("data both ways")
        .passes(kInside, talk.c("PA", 1, 1, 100))
        .passes(kOutside, talk.s("A", 1, 101))
        .passes(kOutside, talk.s("PA", 1, 101, 1000))
        .passes(kInside, talk.c("A", 101, 1001));
    opened("a window of segments")
        .passes(kOutside, talk.s("A", 1, 1, 1000))
        .passes(kOutside, talk.s("A", 1001, 1, 1000))
        .passes(kOutside, talk.s("A", 2001, 1, 1000))
        .passes(kOutside, talk.s("A", 3001, 1, 1000));
    opened("segments out of order")
        .passes(kOutside, talk.s("A", 2001, 1, 1000))
        .passes(kOutside, talk.s("A", 1, 1, 1000))
        .passes(kOutside, talk.s("A", 1001, 1, 1000));
    opened("a retransmission")
        .passes(kInside, talk.c("PA", 1, 1, 100))
        .passes(kInside, talk.c("PA", 1, 1, 100));
    opened("a keepalive").passes(kInside, talk.c("A", 0, 1, 1)).passes(kOutside, talk.s("A", 1, 1));
    opened("urgent data").passes(kInside, talk.c("PUA", 1, 1, 10));
    talk.close(opened("an orderly close"));
    opened("the server closes first")
        .passes(kOutside, talk.s("FA", 1, 1))
        .passes(kInside, talk.c("A", 1, 2))
        .passes(kInside, talk.c("FA", 1, 2))
        .passes(kOutside, talk.s("A", 2, 2));
    opened("both close at once")
        .passes(kInside, talk.c("FA", 1, 1))
        .passes(kOutside, talk.s("FA", 1, 1))
        .passes(kInside, talk.c("A", 2, 2))
        .passes(kOutside, talk.s("A", 2, 2));
    opened("half closed, data goes on")
        .passes(kInside, talk.c("FA", 1, 1))
        .passes(kOutside, talk.s("A", 1, 2, 1000))
        .passes(kInside, talk.c("A", 2, 1001));
    opened("a reset by the client").passes(kInside, talk.c("R", 1, 0));
    opened("a reset by the server").passes(kOutside, talk.s("RA", 1, 1));
    add("a refused connection").passes(kInside, talk.c("S", 0, 0)).passes(kOutside, talk.s("RA", 0, 1));
    add("a syn sent again")
        .passes(kInside, talk.c("S", 0, 0))
        .passes(kInside, talk.c("S", 0, 0))
        .passes(kOutside, talk.s("SA", 0, 1))
        .passes(kInside, talk.c("A", 1, 1));
    add("a syn-ack sent again")
        .passes(kInside, talk.c("S", 0, 0))
        .passes(kOutside, talk.s("SA", 0, 1))
        .passes(kOutside, talk.s("SA", 0, 1))
        .passes(kInside, talk.c("A", 1, 1));
    add("ecn is negotiated")
        .passes(kInside, talk.c("SEC", 0, 0))
        .passes(kOutside, talk.s("SAE", 0, 1))
        .passes(kInside, talk.c("A", 1, 1))
        .passes(kInside, talk.c("CPA", 1, 1, 10));
    add("simultaneous open")
        .passes(kInside, talk.c("S", 0, 0))
        .passes(kOutside, talk.s("S", 0, 0))
        .passes(kInside, talk.c("SA", 0, 1))
        .passes(kOutside, talk.s("SA", 0, 1))
        .passes(kInside, talk.c("PA", 1, 1, 5));

    const Talk wrap{.ends = ends, .client_isn = 0xffffffff, .server_isn = 0xfffffff0};
    wrap.open(add("sequence numbers wrap"))
        .passes(kOutside, wrap.s("PA", 1, 1, 100))
        .passes(kInside, wrap.c("A", 1, 101))
        .passes(kInside, wrap.c("PA", 1, 101, 7));

    // RFC 7323: 65,535 << 3 is open once both have offered a scale; a segment 400,000 ahead is inside.
    add("scaled windows")
        .passes(kInside, talk.c("S", 0, 0).option_window_scale(3))
        .passes(kOutside, talk.s("SA", 0, 1).option_window_scale(3))
        .passes(kInside, talk.c("A", 1, 1))
        .passes(kOutside, talk.s("A", 400'001, 1, 1000));
    add("a scale only one side offers is not used")
        .passes(kInside, talk.c("S", 0, 0).option_window_scale(3))
        .passes(kOutside, talk.s("SA", 0, 1))
        .passes(kInside, talk.c("A", 1, 1))
        .refused(kOutside, talk.s("A", 400'001, 1, 1000), firewall::Drop::kTcpOutOfWindow);

    auto& many = add("forty at once");
    for (int step = 0; step < 3; ++step) {
      for (std::uint16_t i = 0; i < 40; ++i) {
        const Talk one{.ends = ends, .client_port = static_cast<std::uint16_t>(30000 + 37 * i)};
        if (step == 0) many.passes(kInside, one.c("S", 0, 0));
        if (step == 1) many.passes(kOutside, one.s("SA", 0, 1));
        if (step == 2) many.passes(kInside, one.c("PA", 1, 1, i));
      }
    }
    many.check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 40U); });

    add("a server without state answers a second time")
        .passes(kInside, talk.c("S", 0, 0))
        .passes(kOutside, talk.s("SA", 0, 1))
        .passes(kOutside, Talk{.ends = ends, .server_isn = 9000}.s("SA", 0, 1));
  }
  return list;
}

std::vector<Scenario> refusals() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Talk talk{ends};
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(let_out_only);
    };
    const auto opened = [&](const std::string& name) -> Scenario& { return talk.open(add(name)); };

    for (const std::string_view flags : {"A", "SA", "FA", "R", "RA", "PA"})
      add("begins with " + std::string(flags))
          .refused(kInside, talk.c(flags, 1, 1), firewall::Drop::kTcpNotSyn)
          .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 0U); });
    for (const std::string_view flags : {"", "F", "P", "U", "FPU", "SF", "SFA", "SR", "FR", "FSRPAU"}) {
      const std::string name = flags.empty() ? "no flags" : std::string(flags);
      add("invalid " + name).refused(kInside, talk.c(flags, 0, 0), firewall::Drop::kTcpInvalidFlags);
      opened("invalid in a connection " + name)
          .refused(kInside, talk.c(flags, 1, 1), firewall::Drop::kTcpInvalidFlags)
          .passes(kInside, talk.c("PA", 1, 1, 10));
    }
    add("a syn from outside").refused(kOutside, talk.s("S", 0, 0), firewall::Drop::kDeniedByDefault);
    add("a syn-ack from outside").refused(kOutside, talk.s("SA", 0, 1), firewall::Drop::kTcpNotSyn);
    add("an option of length 1")
        .refused(kInside, talk.c("S", 0, 0).option({5, 1, 0, 0}), firewall::Drop::kTcpBadOption)
        .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 0U); });
    add("an option past the header")
        .refused(kInside, talk.c("S", 0, 0).option({2, 9, 0, 0}), firewall::Drop::kTcpBadOption);

    opened("far above the window")
        .refused(kOutside, talk.s("A", 200'000, 1, 100), firewall::Drop::kTcpOutOfWindow)
        .passes(kOutside, talk.s("PA", 1, 1, 100));
    opened("far below the window")
        .refused(kOutside, talk.s("A", 0x80000000, 1, 100), firewall::Drop::kTcpOutOfWindow);
    opened("an acknowledgment of what was not sent")
        .refused(kOutside, talk.s("A", 1, 50'000), firewall::Drop::kTcpBadAck)
        .passes(kOutside, talk.s("A", 1, 1));
    opened("a blind reset")
        .refused(kOutside, talk.s("R", 0x40000000, 0), firewall::Drop::kTcpRstOutOfWindow)
        .passes(kOutside, talk.s("PA", 1, 1, 100));
    // RFC 5961 section 3.2: inside the window but not exact, the receiver answers with a challenge; the
    // connection lives.
    opened("a reset in the window")
        .passes(kOutside, talk.s("R", 500, 0))
        .passes(kOutside, talk.s("PA", 1, 1, 100))
        .passes(kInside, talk.c("A", 1, 101));
    opened("a syn from the server")
        .refused(kOutside, talk.s("S", 77, 0), firewall::Drop::kTcpSynInEstablished)
        .passes(kOutside, talk.s("PA", 1, 1, 100));
    // RFC 5961 section 4.2: the server answers a SYN of its peer with a challenge; it is let through and
    // changes nothing.
    opened("a syn from the client")
        .passes(kInside, talk.c("S", 77'000, 0))
        .passes(kOutside, talk.s("A", 1, 1))
        .passes(kInside, talk.c("PA", 1, 1, 100));
    add("data before the answer")
        .passes(kInside, talk.c("S", 0, 0))
        .then()
        .refused(kInside, talk.c("A", 1, 1, 10), firewall::Drop::kTcpOutOfWindow);
    add("an answer to another syn")
        .passes(kInside, talk.c("S", 0, 0))
        .refused(kOutside, talk.s("SA", 0, 99), firewall::Drop::kTcpBadAck);
    add("another client port")
        .passes(kInside, talk.c("S", 0, 0))
        .refused(kOutside, Talk{.ends = ends, .client_port = 40001}.s("SA", 0, 1),
                 firewall::Drop::kTcpNotSyn);
    add("pick-up allowed")
        .set([](PolicySpec& policy) { policy.tcp.midstream_pickup = true; })
        .passes(kInside, talk.c("PA", 500, 700, 10))
        .passes(kOutside, talk.s("A", 700, 510));
    add("liberal windows").set([](PolicySpec& policy) { policy.tcp.liberal_window = true; });
    talk.open(list.back())
        .passes(kOutside, talk.s("A", 200'000, 1, 100))
        .refused(kOutside, talk.s("R", 0x40000000, 0), firewall::Drop::kTcpRstOutOfWindow);
  }
  return list;
}

// RFC 9293 section 3.6.1: the ports of an ended connection may be used again at once.
std::vector<Scenario> again() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Talk first{ends};
    const Talk second{.ends = ends, .client_isn = 800'000, .server_isn = 900'000};
    const auto add = [&](const std::string& name) -> Scenario& {
      return first.open(list.emplace_back(name + " " + ends.name).set(let_out_only));
    };
    second.open(first.close(add("after a close")))
        .passes(kInside, second.c("PA", 1, 1, 10))
        .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 1U); });
    second.open(add("after a reset").passes(kOutside, first.s("R", 1, 0))).check([](const Observed& seen) {
      EXPECT_EQ(seen.sessions(), 1U);
    });
    // The rules are asked again.
    first.close(add("after a close, no longer allowed"))
        .change([](PolicySpec& policy) { policy.rules.clear(); })
        .refused(kInside, second.c("S", 0, 0), firewall::Drop::kDeniedByDefault);
    // The last segments of the old connection come right before the new one's first.
    // A late segment of the old connection comes right before the new one's first: it may be lost, the SYN
    // may not.
    const auto syn = second.c("S", 0, 0);
    first.close(add("late segments in one burst with the syn"))
        .then()
        .in(kInside, first.c("A", 2, 2))
        .in(kInside, syn)
        .any_outcome()
        .check([syn](const Observed& seen) {
          const Frame sent = forwarded(syn, kUntrust).bytes();
          EXPECT_EQ(std::count(seen.sent(kOutside).begin(), seen.sent(kOutside).end(), sent), 1);
        })
        .passes(kOutside, second.s("SA", 0, 1))
        .passes(kInside, second.c("A", 1, 1));
    first.close(add("the server opens where it ended"))
        .then()
        .refused(kOutside, second.s("S", 0, 0), firewall::Drop::kDeniedByDefault);
    first.close(add("two syns in one burst"))
        .passes(kInside, second.c("S", 0, 0))
        .passes(kInside, second.c("S", 0, 0))
        .passes(kOutside, second.s("SA", 0, 1));
  }
  return list;
}

MILLRACE_SCENARIOS(TcpConnections, connections());
MILLRACE_SCENARIOS(TcpRefusals, refusals());
MILLRACE_SCENARIOS(TcpAgain, again());

}  // namespace
}  // namespace millrace::testing
