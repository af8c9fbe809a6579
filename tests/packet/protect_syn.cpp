// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies, and the connections opened by them.
#include "tests/packet/syn_connection.h"

namespace millrace::testing {
namespace {

constexpr Tick kPeriod = 65'536;  // of cookies

TEST(ProtectSyn, BelowTheRateAConnectionOpensAsEver) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted,
                   [](Policy& policy) { policy.protection.syn_cookies_above = 100; });
    for (std::uint16_t port = 0; port < 50; ++port) {
      bed.send(ProtectBed::kInside, bed.from_client().tcp(port, 80).flags("S"));
    }
    bed.run();
    EXPECT_EQ(bed.sent(ProtectBed::kOutside).size(), 50U);
    EXPECT_EQ(bed.total(&core::WorkerCounters::originated), 0U);
  });
}

TEST(ProtectSyn, AFloodKeepsNoSessions) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted,
                   [](Policy& policy) { policy.protection.syn_cookies_above = 10; });
    constexpr unsigned kSyns = 1000;
    for (unsigned i = 0; i < kSyns; ++i) {
      bed.send(ProtectBed::kInside,
               bed.from_client(i % 250 + 1).tcp(static_cast<std::uint16_t>(i), 80).flags("S").seq(i));
    }
    bed.run();
    EXPECT_EQ(bed.open_sessions(), 10U * shape.workers);
    EXPECT_EQ(bed.sent(ProtectBed::kOutside).size(), 10U * shape.workers);
    EXPECT_EQ(bed.dropped(firewall::Drop::kSynCookie), kSyns - 10U * shape.workers);
    EXPECT_EQ(bed.sent(ProtectBed::kInside).size(), kSyns - 10U * shape.workers);
    bed.set_time(1000);  // the rate is per second
    bed.send(ProtectBed::kInside, bed.from_client(1).tcp(50'000, 80).flags("S"));
    bed.run();
    EXPECT_EQ(bed.sent(ProtectBed::kOutside).size(), 1U);
  });
}

TEST(ProtectSyn, ACookieThatComesBackOpensTheConnection) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection connection(shape, forwarding);
    connection.open();
    connection.exchange();
    EXPECT_EQ(connection.sessions(), 1U);
    EXPECT_EQ(connection.bed.dropped(firewall::Drop::kTcpBadCookie), 0U);
  });
}

TEST(ProtectSyn, NumbersMayWrapAnywhere) {
  for (const std::uint32_t client : {0U, 0x7fffffffU, 0x80000000U, 0xffffffffU, 0xffffff9cU}) {
    for (const std::uint32_t server : {0U, 0x7fffffffU, 0x80000000U, 0xffffffffU, 0xfffffc18U}) {
      SCOPED_TRACE(std::to_string(client) + " " + std::to_string(server));
      Connection connection({}, Forwarding::kRouted, {}, client, server);
      connection.open();
      connection.exchange();
    }
  }
}

TEST(ProtectSyn, TheConnectionEndsAsAnyOther) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.open();
    x.client_sends(x.from_client("FA", x.c + 1, x.k + 1));
    EXPECT_TRUE(same_packet(x.at_server("FA", x.c + 1, x.s + 1).bytes(), x.server_gets()));
    x.server_sends(x.from_server("FA", x.s + 1, x.c + 2));
    EXPECT_TRUE(same_packet(x.at_client("FA", x.k + 1, x.c + 2).bytes(), x.client_gets()));
    x.client_sends(x.from_client("A", x.c + 2, x.k + 2));
    EXPECT_TRUE(same_packet(x.at_server("A", x.c + 2, x.s + 2).bytes(), x.server_gets()));
    x.bed.set_time(60'000);
    x.bed.run();
    EXPECT_EQ(x.bed.open_sessions(), 0U);
  });
}

TEST(ProtectSyn, AResetIsTranslatedEitherWay) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    {
      Connection x(shape, forwarding);
      x.open();
      x.server_sends(x.from_server("R", x.s + 1, 0));
      EXPECT_TRUE(same_packet(x.at_client("R", x.k + 1, 0).bytes(), x.client_gets()));
    }
    Connection x(shape, forwarding);
    x.open();
    x.client_sends(x.from_client("RA", x.c + 1, x.k + 1));
    EXPECT_TRUE(same_packet(x.at_server("RA", x.c + 1, x.s + 1).bytes(), x.server_gets()));
  });
}

// The window is judged in one set of numbers.
TEST(ProtectSyn, SegmentsOutOfTheWindowAreRefused) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.open();
    x.client_sends(x.from_client("A", x.c + 1'000'000, x.k + 1).payload(10));
    x.server_sends(x.from_server("A", x.s + 1'000'000, x.c + 1).payload(10));
    x.nobody_gets_anything();
    EXPECT_EQ(x.bed.dropped(firewall::Drop::kTcpOutOfWindow), 2U);
    x.client_sends(x.from_client("A", x.c + 1, x.k + 5'000'000));
    x.nobody_gets_anything();
    EXPECT_EQ(x.bed.dropped(firewall::Drop::kTcpBadAck), 1U);
    x.exchange();
  });
}

TEST(ProtectSyn, ABadCookieIsRefused) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.client_sends(x.from_client("A", x.c + 1, x.k + 2));
    x.client_sends(x.from_client("A", x.c + 1, x.k));
    x.client_sends(x.from_client("A", x.c + 3, x.k + 1));
    x.client_sends(x.from_client("PA", x.c, x.k + 1).payload(10));
    x.client_sends(x.from_client("A", x.c + 1, x.k + 1).tcp(Connection::kClientPort + 1, 80));
    x.nobody_gets_anything();
    EXPECT_EQ(x.bed.dropped(firewall::Drop::kTcpBadCookie), 5U);
    EXPECT_EQ(x.sessions(), 0U);
    x.redeem_cookie();
  });
}

TEST(ProtectSyn, ACookieWithABadChecksumOpensNothing) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.client_sends(x.from_client("A", x.c + 1, x.k + 1).bad_transport_checksum());
    x.nobody_gets_anything();
    EXPECT_EQ(x.bed.dropped(core::Drop::kBadTransportChecksum), 1U);
    EXPECT_EQ(x.sessions(), 0U);
    x.redeem_cookie();
    x.server_answers();
    x.exchange();
  });
}

TEST(ProtectSyn, ACookieExpires) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.bed.set_time(2 * kPeriod);
    x.client_sends(x.from_client("A", x.c + 1, x.k + 1));
    x.nobody_gets_anything();
    EXPECT_EQ(x.bed.dropped(firewall::Drop::kTcpBadCookie), 1U);
    x.bed.set_time(4 * kPeriod);  // long after the last: an ACK like any other
    x.client_sends(x.from_client("A", x.c + 1, x.k + 1));
    EXPECT_EQ(x.bed.dropped(firewall::Drop::kTcpNotSyn), 1U);
  });
}

TEST(ProtectSyn, AnAckOfNoCookieIsJustNotASyn) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted,
                   [](Policy& policy) { policy.protection.syn_cookies_above = 100; });
    bed.send(ProtectBed::kInside, bed.from_client().tcp(1, 2).flags("A"));
    bed.run();
    EXPECT_EQ(bed.dropped(firewall::Drop::kTcpNotSyn), 1U);
  });
}

TEST(ProtectSyn, MidStreamPickUpStillTakesWhatIsNoCookie) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding, [](Policy& policy) { policy.tcp.midstream_pickup = true; });
    x.get_cookie();
    x.redeem_cookie();
    x.client_sends(x.from_client("A", 77, 99).tcp(Connection::kClientPort + 1, 80));
    EXPECT_FALSE(x.server_gets().empty());
  });
}

TEST(ProtectSyn, TheRulesJudgeTheReturnedCookieAsTheSyn) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.bed.publish([](Policy& policy) { policy.otherwise.action = firewall::Action::kDrop; });
    x.client_sends(x.from_client("A", x.c + 1, x.k + 1));
    x.nobody_gets_anything();
    EXPECT_EQ(x.bed.dropped(firewall::Drop::kDeniedByDefault), 1U);

    // A rule for opening segments alone is met by it.
    x.bed.publish([](Policy& policy) {
      firewall::Rule syn{.name = "syn"};
      syn.tcp_flags = firewall::TcpFlagsMatch{.value = 0x02, .mask = 0x12};
      syn.action = firewall::Action::kAccept;
      policy.otherwise.action = firewall::Action::kDrop;
      policy.matcher = *firewall::RuleMatcher::compile(std::span(&syn, 1), {});
      policy.outcomes = {{.action = syn.action, .slot = 1, .limits = {}}};
    });
    x.client_sends(x.from_client("A", x.c + 1, x.k + 1));
    EXPECT_TRUE(same_packet(x.opening(), x.server_gets()));
  });
}

TEST(ProtectSyn, TheConnectionLivesThroughAChangeOfPolicy) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.bed.publish({});
    x.redeem_cookie();
    x.bed.publish({});
    x.server_answers();
    x.bed.publish({});
    x.exchange();
  });
}

// Many at once, in one batch: each with a cookie of its own.
TEST(ProtectSyn, ManyConnectionsOpenTogether) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    constexpr std::uint16_t kMany = 40;
    const auto client = [&](std::uint16_t i) { return x.bed.from_client(i + 1U).tcp(1000, 80); };
    for (std::uint16_t i = 0; i < kMany; ++i) {
      x.bed.send(ProtectBed::kInside, client(i).flags("S").seq(i * 1000U).option_mss(1460));
    }
    x.bed.run();
    const auto cookies = x.bed.sent(ProtectBed::kInside);
    ASSERT_EQ(cookies.size(), kMany);
    const std::size_t tcp = shape.ipv6 ? 54 : 34;
    for (const Frame& frame : cookies) {
      const std::uint32_t next = number_at(frame, tcp + 8);
      x.bed.send(ProtectBed::kInside, client(static_cast<std::uint16_t>(next / 1000))
                                          .flags("A")
                                          .seq(next)
                                          .ack(number_at(frame, tcp + 4) + 1));
    }
    x.bed.run();
    EXPECT_EQ(x.sessions(), kMany);
    EXPECT_EQ(x.bed.sent(ProtectBed::kOutside).size(), kMany);
    for (std::uint16_t i = 0; i < kMany; ++i) {
      x.bed.send(ProtectBed::kOutside, x.bed.from_server(i + 1U)
                                           .tcp(80, 1000)
                                           .flags("SA")
                                           .seq(i * 77U)
                                           .ack(i * 1000U + 1)
                                           .option_mss(1460));
    }
    x.bed.run();
    EXPECT_EQ(x.bed.sent(ProtectBed::kOutside).size(), kMany);
    EXPECT_EQ(x.bed.sent(ProtectBed::kInside).size(), kMany);
    EXPECT_EQ(x.bed.dropped_in_all(), x.bed.dropped(firewall::Drop::kSynCookie));
  });
}

}  // namespace
}  // namespace millrace::testing
