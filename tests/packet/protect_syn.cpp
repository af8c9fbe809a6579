// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies, and the connections opened by them: every packet byte for byte, as client and server see it.
#include <cstring>

#include "tests/packet/protect_bed.h"

namespace millrace::testing {
namespace {

using core::Forwarding;
using firewall::Drop;
using firewall::Policy;

constexpr Tick kPeriod = 65'536;  // of cookies

std::uint32_t number_at(const Frame& frame, std::size_t at) {
  if (frame.size() < at + 4) return 0;
  return std::uint32_t{frame[at]} << 24 | std::uint32_t{frame[at + 1]} << 16 |
         std::uint32_t{frame[at + 2]} << 8 | frame[at + 3];
}

// One connection through a firewall whose rate of half-open connections is used up.
class Connection {
 public:
  static constexpr std::uint16_t kClientPort = 40'000;
  static constexpr std::uint16_t kServerPort = 80;

  Connection(const Shape& shape, Forwarding forwarding, std::function<void(Policy&)> adjust = {},
             std::uint32_t client_isn = 0xfffffff0, std::uint32_t server_isn = 0x10)
      : bed(shape, forwarding,
            [adjust](Policy& policy) {
              policy.protection.syn_cookies_above = 1;
              if (adjust) adjust(policy);
            }),
        c(client_isn),
        s(server_isn),
        shape_(shape),
        routed_(forwarding == Forwarding::kRouted) {
    for (std::uint16_t port = 0; port < 64; ++port) {
      bed.send(ProtectBed::kInside, bed.from_client(200).tcp(port, 1).flags("S"));
    }
    bed.run();
    static_cast<void>(bed.sent(ProtectBed::kInside));
    EXPECT_EQ(bed.sent(ProtectBed::kOutside).size(), shape.workers);  // one each, the rest got cookies
    before_ = bed.open_sessions();
  }

  // A segment as its sender sends it.
  [[nodiscard]] PacketBuilder from_client(std::string_view flags, std::uint32_t seq,
                                          std::uint32_t ack) const {
    return bed.from_client().tcp(kClientPort, kServerPort).flags(flags).seq(seq).ack(ack).window(5000);
  }
  [[nodiscard]] PacketBuilder from_server(std::string_view flags, std::uint32_t seq,
                                          std::uint32_t ack) const {
    return bed.from_server().tcp(kServerPort, kClientPort).flags(flags).seq(seq).ack(ack).window(7000);
  }
  // The same as its receiver sees it, having passed.
  [[nodiscard]] PacketBuilder at_server(std::string_view flags, std::uint32_t seq, std::uint32_t ack) const {
    return passed(from_client(flags, seq, ack), interface_mac(1), neighbor_mac(1));
  }
  [[nodiscard]] PacketBuilder at_client(std::string_view flags, std::uint32_t seq, std::uint32_t ack) const {
    return passed(from_server(flags, seq, ack), interface_mac(0), neighbor_mac(0));
  }
  // What the firewall makes itself.
  [[nodiscard]] PacketBuilder made(PacketBuilder like) const { return like.ttl(64).id(0).df(); }

  void client_sends(const PacketBuilder& packet) { send(ProtectBed::kInside, packet); }
  void server_sends(const PacketBuilder& packet) { send(ProtectBed::kOutside, packet); }
  [[nodiscard]] Frame client_gets() { return bed.sent_one(ProtectBed::kInside); }
  [[nodiscard]] Frame server_gets() { return bed.sent_one(ProtectBed::kOutside); }
  void nobody_gets_anything() {
    EXPECT_TRUE(bed.sent(ProtectBed::kInside).empty());
    EXPECT_TRUE(bed.sent(ProtectBed::kOutside).empty());
  }
  [[nodiscard]] std::uint64_t sessions() { return bed.open_sessions() - before_; }

  // The client's SYN, and the cookie it gets.
  void get_cookie() {
    client_sends(from_client("S", c, 0).option_mss(1400).option_window_scale(7).option_sack_permitted());
    const Frame answer = client_gets();
    k = number_at(answer, tcp_offset() + 4);
    const std::uint16_t size = shape_.ipv6 ? 1440 : 1460;
    auto expected = routed_ ? at_client("SA", k, c + 1) : from_server("SA", k, c + 1);
    EXPECT_TRUE(same_packet(made(expected.window(0).option_mss(size)).bytes(), answer));
    EXPECT_TRUE(bed.sent(ProtectBed::kOutside).empty());
    EXPECT_EQ(sessions(), 0U);
  }
  [[nodiscard]] Frame opening() const { return at_server("S", c, 0).option_mss(1400).bytes(); }
  void redeem_cookie() {
    client_sends(from_client("A", c + 1, k + 1));
    EXPECT_TRUE(same_packet(opening(), server_gets()));
    EXPECT_TRUE(bed.sent(ProtectBed::kInside).empty());
    EXPECT_EQ(sessions(), 1U);
  }
  void server_answers() {
    server_sends(from_server("SA", s, c + 1).option_mss(1460));
    EXPECT_TRUE(same_packet(made(acknowledgment_to_server()).bytes(), server_gets()));
    EXPECT_TRUE(same_packet(at_client("A", k + 1, c + 1).bytes(), client_gets()));
  }
  void open() {
    get_cookie();
    redeem_cookie();
    server_answers();
  }
  // Both ways, with data, from these numbers on.
  void exchange() {
    client_sends(from_client("PA", c + 1, k + 1).payload(100));
    EXPECT_TRUE(same_packet(at_server("PA", c + 1, s + 1).payload(100).bytes(), server_gets()));
    server_sends(from_server("PA", s + 1, c + 101).payload(1000));
    EXPECT_TRUE(same_packet(at_client("PA", k + 1, c + 101).payload(1000).bytes(), client_gets()));
    client_sends(from_client("A", c + 101, k + 1001));
    EXPECT_TRUE(same_packet(at_server("A", c + 101, s + 1001).bytes(), server_gets()));
  }

  ProtectBed bed;
  const std::uint32_t c;  // the client's initial sequence number
  const std::uint32_t s;  // the server's
  std::uint32_t k = 0;    // the cookie

 private:
  [[nodiscard]] std::size_t tcp_offset() const { return shape_.ipv6 ? 54 : 34; }
  [[nodiscard]] PacketBuilder passed(PacketBuilder builder, const net::MacAddress& from,
                                     const net::MacAddress& to) const {
    return routed_ ? builder.ethernet(from, to).ttl(63) : builder;
  }
  [[nodiscard]] PacketBuilder acknowledgment_to_server() const {
    return routed_ ? at_server("A", c + 1, s + 1) : from_client("A", c + 1, s + 1);
  }
  void send(unsigned port, const PacketBuilder& packet) {
    bed.send(port, packet);
    bed.run();
  }

  const Shape shape_;
  const bool routed_;
  std::uint64_t before_ = 0;
};

void for_each_case(const std::function<void(const Shape&, Forwarding)>& body) {
  for_each_shape([&](const Shape& shape) {
    for (const Forwarding forwarding : {Forwarding::kRouted, Forwarding::kTransparent}) {
      SCOPED_TRACE(forwarding == Forwarding::kRouted ? "routed" : "transparent");
      body(shape, forwarding);
    }
  });
}

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
    EXPECT_EQ(bed.dropped(Drop::kSynCookie), kSyns - 10U * shape.workers);
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
    EXPECT_EQ(connection.bed.dropped(Drop::kTcpBadCookie), 0U);
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
    EXPECT_EQ(x.bed.dropped(Drop::kTcpOutOfWindow), 2U);
    x.client_sends(x.from_client("A", x.c + 1, x.k + 5'000'000));
    x.nobody_gets_anything();
    EXPECT_EQ(x.bed.dropped(Drop::kTcpBadAck), 1U);
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
    EXPECT_EQ(x.bed.dropped(Drop::kTcpBadCookie), 5U);
    EXPECT_EQ(x.sessions(), 0U);
    x.redeem_cookie();
  });
}

TEST(ProtectSyn, ACookieExpires) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.bed.set_time(2 * kPeriod);
    x.client_sends(x.from_client("A", x.c + 1, x.k + 1));
    x.nobody_gets_anything();
    EXPECT_EQ(x.bed.dropped(Drop::kTcpBadCookie), 1U);
    x.bed.set_time(4 * kPeriod);  // long after the last: an ACK like any other
    x.client_sends(x.from_client("A", x.c + 1, x.k + 1));
    EXPECT_EQ(x.bed.dropped(Drop::kTcpNotSyn), 1U);
  });
}

TEST(ProtectSyn, AnAckOfNoCookieIsJustNotASyn) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted,
                   [](Policy& policy) { policy.protection.syn_cookies_above = 100; });
    bed.send(ProtectBed::kInside, bed.from_client().tcp(1, 2).flags("A"));
    bed.run();
    EXPECT_EQ(bed.dropped(Drop::kTcpNotSyn), 1U);
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
    EXPECT_EQ(x.bed.dropped(Drop::kDeniedByDefault), 1U);

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

TEST(ProtectSyn, DataWithTheAckIsLeftToBeSentAgain) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.client_sends(x.from_client("PA", x.c + 1, x.k + 1).option_timestamps(1, 2).payload(100));
    EXPECT_TRUE(same_packet(x.opening(), x.server_gets()));
    x.server_answers();
    x.exchange();
  });
}

TEST(ProtectSyn, AProbeOfTheClosedWindowStandsForTheLostAck) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.client_sends(x.from_client("A", x.c, x.k + 1));
    EXPECT_TRUE(same_packet(x.opening(), x.server_gets()));
    x.server_answers();
    x.exchange();
  });
}

TEST(ProtectSyn, ALostSynIsSentAgainWhenTheClientProbes) {
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

TEST(ProtectSyn, AServerThatSaysSynAckAgainIsAnsweredAgain) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.open();
    x.server_answers();
    x.exchange();
  });
}

TEST(ProtectSyn, AServerThatRefusesResetsTheClient) {
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

TEST(ProtectSyn, WhatDoesNotAnswerTheSynChangesNothing) {
  for_each_case([](const Shape& shape, Forwarding forwarding) {
    Connection x(shape, forwarding);
    x.get_cookie();
    x.redeem_cookie();
    x.server_sends(x.from_server("RA", 0, x.c + 2));
    x.server_sends(x.from_server("S", x.s, 0));
    x.server_sends(x.from_server("FA", x.s, x.c + 1));
    EXPECT_EQ(x.bed.dropped(Drop::kTcpBadAck), 3U);
    x.client_sends(x.from_client("S", x.c + 77, 0));
    EXPECT_EQ(x.bed.dropped(Drop::kTcpSynInEstablished), 1U);
    x.client_sends(x.from_client("A", x.c + 1, x.k + 2));
    EXPECT_EQ(x.bed.dropped(Drop::kTcpBadAck), 4U);
    x.nobody_gets_anything();
    x.server_answers();
    x.exchange();
  });
}

TEST(ProtectSyn, AServerWithAnOlderConnectionIsToldToForgetIt) {
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

TEST(ProtectSyn, ASynWithImpossibleOptionsGetsNoCookie) {
  for_each_shape([](const Shape& shape) {
    Connection x(shape, Forwarding::kRouted);
    x.client_sends(x.from_client("S", x.c, 0).option({2, 40, 0, 0}));
    x.nobody_gets_anything();
    EXPECT_EQ(x.bed.dropped(Drop::kTcpBadOption), 1U);
  });
}

TEST(ProtectSyn, AServerThatNeverAnswersIsForgottenSoon) {
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
TEST(ProtectSyn, AnIcmpErrorForTheServerQuotesItsOwnNumbers) {
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
    EXPECT_EQ(x.bed.dropped_in_all(), x.bed.dropped(Drop::kSynCookie));
  });
}

}  // namespace
}  // namespace millrace::testing
