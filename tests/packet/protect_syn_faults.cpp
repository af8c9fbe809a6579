// SPDX-License-Identifier: BSD-3-Clause
// Connections opened by a SYN cookie when something is lost, refused or out of place.
#include "tests/packet/syn_connection.h"

namespace millrace::testing {
namespace {

TEST(ProtectSynFaults, DataWithTheAckIsLeftToBeSentAgain) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.client_sends(x.from_client("PA", x.c + 1, x.k + 1).option_timestamps(1, 2).payload(100));
    EXPECT_TRUE(same_packet(x.opening(), x.server_gets()));
    x.server_answers();
    x.exchange();
  });
}

TEST(ProtectSynFaults, AProbeOfTheClosedWindowStandsForTheLostAck) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.client_sends(x.from_client("A", x.c, x.k + 1));
    EXPECT_TRUE(same_packet(x.opening(), x.server_gets()));
    x.server_answers();
    x.exchange();
  });
}

TEST(ProtectSynFaults, ALostSynIsSentAgainWhenTheClientProbes) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.redeem_cookie();
    x.client_sends(x.from_client("A", x.c, x.k + 1));
    EXPECT_TRUE(same_packet(x.opening(), x.server_gets()));
    x.client_sends(x.from_client("PA", x.c + 1, x.k + 1).payload(7));
    EXPECT_TRUE(same_packet(x.opening(), x.server_gets()));
    EXPECT_EQ(x.sessions(), 1U);
    x.server_answers();
    x.exchange();
  });
}

TEST(ProtectSynFaults, AServerThatSaysSynAckAgainIsAnsweredAgain) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.open();
    x.server_answers();
    x.exchange();
  });
}

TEST(ProtectSynFaults, AServerThatRefusesResetsTheClient) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.redeem_cookie();
    x.server_sends(x.from_server("RA", 0, x.c + 1));
    EXPECT_TRUE(same_packet(x.at_client("RA", x.k + 1, x.c + 1).bytes(), x.client_gets()));
    x.client_sends(x.from_client("A", x.c + 1, x.k + 1));  // crossed on the way
    x.nobody_gets_anything();
  });
}

TEST(ProtectSynFaults, WhatDoesNotAnswerTheSynChangesNothing) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.redeem_cookie();
    x.server_sends(x.from_server("RA", 0, x.c + 2));
    x.server_sends(x.from_server("S", x.s, 0));
    x.server_sends(x.from_server("FA", x.s, x.c + 1));
    EXPECT_EQ(x.bed.dropped(firewall::Drop::kTcpBadAck), 3U);
    x.client_sends(x.from_client("S", x.c + 77, 0));
    EXPECT_EQ(x.bed.dropped(firewall::Drop::kTcpSynInEstablished), 1U);
    x.client_sends(x.from_client("A", x.c + 1, x.k + 2));
    EXPECT_EQ(x.bed.dropped(firewall::Drop::kTcpBadAck), 4U);
    x.nobody_gets_anything();
    x.server_answers();
    x.exchange();
  });
}

TEST(ProtectSynFaults, AServerWithAnOlderConnectionIsToldToForgetIt) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.redeem_cookie();
    for (const char* flags : {"A", "PA", "FA", "SA"}) {
      x.server_sends(x.from_server(flags, 999, 12345));
      auto reset =
          forwarding == Forwarding::kRouted ? x.at_server("R", 12345, 0) : x.from_client("R", 12345, 0);
      EXPECT_TRUE(same_packet(x.made(reset.window(0)).bytes(), x.server_gets()));
      EXPECT_TRUE(x.bed.sent(ProtectBed::kInside).empty());
    }
    x.client_sends(x.from_client("A", x.c, x.k + 1));
    EXPECT_TRUE(same_packet(x.opening(), x.server_gets()));
    x.server_answers();
  });
}

TEST(ProtectSynFaults, ASynWithImpossibleOptionsGetsNoCookie) {
  for_each_shape([](const Shape& shape) {
    Connection x(shape, Forwarding::kRouted);
    x.client_sends(x.from_client("S", x.c, 0).option({2, 40, 0, 0}));
    x.nobody_gets_anything();
    EXPECT_EQ(x.bed.dropped(firewall::Drop::kTcpBadOption), 1U);
  });
}

TEST(ProtectSynFaults, AServerThatNeverAnswersIsForgottenSoon) {
  for_each_shape([](const Shape& shape) {
    Connection x(shape, Forwarding::kRouted);
    x.get_cookie();
    x.redeem_cookie();
    x.bed.set_time(31'000);  // tcp_embryonic is 30 s
    x.bed.run();
    EXPECT_EQ(x.bed.open_sessions(), 0U);
  });
}

// A router on the client's side finds the server's segment too big; the server has to know it for its own.
TEST(ProtectSynFaults, AnIcmpErrorForTheServerQuotesItsOwnNumbers) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    if (shape.workers != 1) return;  // the worker that gets an error is chosen by the error's own addresses
    Connection x(shape, forwarding);
    x.open();
    x.server_sends(x.from_server("A", x.s + 1, x.c + 1).payload(1000));
    static_cast<void>(x.client_gets());
    const auto error = [&](std::uint32_t quoted) {
      const auto inner = packet();
      auto segment = shape.ipv6 ? PacketBuilder(inner).ipv6(x.bed.server(), x.bed.client())
                                : PacketBuilder(inner).ipv4(x.bed.server(), x.bed.client());
      segment.ttl(60)
          .tcp(Connection::kServerPort, Connection::kClientPort)
          .seq(quoted)
          .ack(x.c + 1)
          .payload(1000);
      auto outer = x.bed.from_inside(shape.ipv6 ? "2001:db8:1::fe" : "10.0.1.254", x.bed.server());
      return shape.ipv6 ? outer.icmp(2, 0, 1280).embed(segment, 48)
                        : outer.icmp(3, 4, 1280).embed(segment, 28);
    };
    x.client_sends(error(x.k + 1));
    auto expected = error(x.s + 1);
    if (forwarding == Forwarding::kRouted) expected.ethernet(interface_mac(1), neighbor_mac(1)).ttl(63);
    EXPECT_TRUE(same_packet(expected.bytes(), x.server_gets()));
  });
}

}  // namespace
}  // namespace millrace::testing
