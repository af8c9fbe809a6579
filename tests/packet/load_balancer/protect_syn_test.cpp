// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies in front of backends, and the connections opened by them.
#include "tests/packet/load_balancer/cookie_connection.h"

namespace millrace::testing {
namespace {

using load_balancer::Drop;
using load_balancer::ServiceSpec;

constexpr Tick kPeriod = 65'536;  // of cookies

class Cookies : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(Cookies);

TEST_P(Cookies, OneThatComesBackOpensTheConnection) {
  for (const bool ipv6 : {false, true}) {
    CookieConnection x(variant(), ipv6);
    x.open();
    x.exchange();
    EXPECT_EQ(x.bed.connections(), 1U);
    EXPECT_EQ(x.failed(), 0U);
  }
}

TEST_P(Cookies, NumbersMayWrapAnywhere) {
  for (const std::uint32_t client : {0U, 0x7fffffffU, 0x80000000U, 0xffffffffU, 0xffffff9cU}) {
    for (const std::uint32_t backend : {0U, 0x7fffffffU, 0xffffffffU, 0xfffffc18U}) {
      CookieConnection x(variant(), false, {}, client, backend);
      x.open();
      x.exchange();
    }
  }
}

// The rate is shared out among the workers.
TEST_P(Cookies, AreGivenAboveTheRate) {
  ServiceSpec service = web_service();
  service.protection = {.syn_proxy = true, .syn_proxy_above = 10};
  BalancerBed bed(variant(), {.services = {service}});
  bed.wait(1000);
  std::vector<PacketBuilder> flood;
  for (unsigned i = 0; i < 200; ++i) {
    flood.push_back(BalancerBed::from_client("192.0.2." + std::to_string(i + 1), kService)
                        .tcp(static_cast<std::uint16_t>(1000 + i), 80)
                        .flags("S")
                        .seq(i));
  }
  unsigned passed = 0;
  unsigned answered = 0;
  for (const Seen& seen : bed.pass(kClients, flood)) ++(seen.port == kBackends ? passed : answered);
  EXPECT_EQ(passed, 10U);
  EXPECT_EQ(answered, 190U);
  EXPECT_EQ(bed.connections(), 10U);
  EXPECT_EQ(bed.dropped(Drop::kSynCookie), 190U);
  // A SYN that comes again gets the same answer: a cookie that is only late may still open its connection.
  bed.wait(3000);
  unsigned again = 0;
  for (const Seen& seen : bed.pass(kClients, flood)) again += seen.port == kBackends ? 1 : 0;
  EXPECT_EQ(again, 10U);
  EXPECT_EQ(bed.connections(), 10U);
  bed.wait(6000);
  EXPECT_EQ(bed.one(kClients, BalancerBed::from_client(kClient, kService).tcp(9, 80).flags("S"))->port,
            kBackends);
}

TEST_P(Cookies, TheConnectionEndsAsAnyOther) {
  CookieConnection x(variant(), false, [](ServiceSpec& service) { service.timeouts.tcp_closing = 5'000; });
  x.open();
  x.client_sends(x.from_client("FA", x.c + 1, x.k + 1), {x.at_backend("FA", x.c + 1, x.s + 1)});
  x.backend_sends(x.from_backend("FA", x.s + 1, x.c + 2), {x.at_client("FA", x.k + 1, x.c + 2)});
  x.client_sends(x.from_client("A", x.c + 2, x.k + 2), {x.at_backend("A", x.c + 2, x.s + 2)});
  x.bed.wait(6'000);
  EXPECT_EQ(x.bed.connections(), 0U);
}

TEST_P(Cookies, AResetIsTranslatedEitherWay) {
  {
    CookieConnection x(variant());
    x.open();
    x.backend_sends(x.from_backend("R", x.s + 1, 0), {x.at_client("R", x.k + 1, 0)});
  }
  CookieConnection x(variant());
  x.open();
  x.client_sends(x.from_client("RA", x.c + 1, x.k + 1), {x.at_backend("RA", x.c + 1, x.s + 1)});
}

TEST_P(Cookies, ABadOneIsRefused) {
  CookieConnection x(variant());
  x.get_cookie();
  x.client_refused(x.from_client("A", x.c + 1, x.k + 2), Drop::kBadCookie);
  x.client_refused(x.from_client("A", x.c + 3, x.k + 1), Drop::kBadCookie);
  x.client_refused(x.from_client("PA", x.c, x.k + 1).payload(10), Drop::kBadCookie);
  x.client_refused(x.from_client("A", x.c + 1, x.k + 1).tcp(CookieConnection::kClientPort + 1, 80),
                   Drop::kBadCookie);
  x.client_refused(x.from_client("R", x.c + 1, 0), Drop::kBadCookie);
  EXPECT_EQ(x.bed.connections(), 0U);
  EXPECT_TRUE(x.bed.pass(kClients, {x.from_client("A", x.c + 1, x.k + 1).bad_transport_checksum()}).empty());
  EXPECT_EQ(x.bed.bed().dropped(static_cast<std::uint8_t>(core::Drop::kBadTransportChecksum)), 1U);
  x.redeem_cookie();
  x.backend_answers();
  x.exchange();
}

TEST_P(Cookies, OneExpires) {
  CookieConnection x(variant());
  x.get_cookie();
  x.bed.wait(2 * kPeriod);
  x.client_refused(x.from_client("A", x.c + 1, x.k + 1), Drop::kBadCookie);
}

// Below the rate, and none given for long: what another instance had goes on here.
TEST_P(Cookies, ConnectionsFromElsewhereGoOnWhileNoneAreGiven) {
  CookieConnection x(variant(), false, [](ServiceSpec& service) { service.protection.syn_proxy_above = 1; });
  const auto old = BalancerBed::from_client("192.0.2.99", kService).tcp(1, 80).flags("A");
  EXPECT_TRUE(x.bed.one(kClients, old));
  // Of the same worker as the old one, whichever that is: the second SYN of a second is too much.
  for (std::uint16_t port = 2; port < 40; ++port)
    x.bed.pass(kClients, {BalancerBed::from_client("192.0.2.98", kService).tcp(port, 80).flags("S")});
  x.client_refused(BalancerBed::from_client("192.0.2.97", kService).tcp(1, 80).flags("A"), Drop::kBadCookie);
  EXPECT_TRUE(x.bed.one(kClients, old));
  x.bed.wait(3 * kPeriod);
  EXPECT_TRUE(x.bed.one(kClients, BalancerBed::from_client("192.0.2.97", kService).tcp(1, 80).flags("A")));
}

TEST_P(Cookies, AConnectionLivesThroughChangesOfPolicy) {
  CookieConnection x(variant());
  x.get_cookie();
  x.bed.change([](BalancerSpec&) {});
  x.redeem_cookie();
  x.bed.change([](BalancerSpec& spec) {
    auto& backends = spec.services[0].backends;
    backends.push_back(backend_at("10.0.0.12"));
    backends[0].state = load_balancer::Backend::State::kDraining;
    spec.services[0].protection = {};
  });
  x.backend_answers();
  x.bed.change([](BalancerSpec& spec) { spec.services[0].backends[1].weight = 3; });
  x.exchange();
}

TEST_P(Cookies, LimitsJudgeTheConnectionWhenOneComesBack) {
  CookieConnection x(variant(), false,
                     [](ServiceSpec& service) { service.protection.connections_per_client = 1; });
  x.open();
  const std::uint32_t first = x.k;
  const std::uint32_t port = CookieConnection::kClientPort;
  // On the worker that has the first: with two workers a part of the ports leads to the other one.
  unsigned told = 0;
  for (std::uint16_t i = 1; i < 20; ++i) {
    const auto from = static_cast<std::uint16_t>(port + i);
    const auto cookie = x.bed.one(kClients, x.from_client("S", x.c, 0).tcp(from, 80).flags("S"));
    ASSERT_TRUE(cookie);
    const std::uint32_t k = number_at(cookie->frame, 34 + 4);
    const auto next = x.bed.one(kClients, x.from_client("A", x.c + 1, k + 1).tcp(from, 80).flags("A"));
    ASSERT_TRUE(next);
    if (next->port != kClients) continue;
    // Exactly the number that the client expects: RFC 5961 section 3.2.
    EXPECT_EQ(next->tcp_flags, net::tcp_flag::kRst);
    EXPECT_EQ(number_at(next->frame, 34 + 4), k + 1);
    ++told;
  }
  EXPECT_GE(told, 19U - variant().workers + 1);
  EXPECT_EQ(x.bed.dropped(Drop::kClientConnections), told);
  EXPECT_NE(first, 0U);
  x.exchange();
}

TEST_P(Cookies, WhenAllAreDownTheSynIsRefusedAtOnce) {
  CookieConnection x(variant(), false, [](ServiceSpec& service) {
    service.backends[0].state = load_balancer::Backend::State::kDown;
  });
  const auto answer = x.bed.told(kClients, x.from_client("S", x.c, 0), Drop::kNoBackend);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->tcp_flags, net::tcp_flag::kRst | net::tcp_flag::kAck);
}

TEST_P(Cookies, OneThatComesBackWhileDrainingIsToldNo) {
  CookieConnection x(variant());
  x.get_cookie();
  x.bed.change([](BalancerSpec& spec) { spec.draining = true; });
  const auto answer = x.bed.told(kClients, x.from_client("A", x.c + 1, x.k + 1), Drop::kDraining);
  ASSERT_TRUE(answer);
  EXPECT_EQ(number_at(answer->frame, 34 + 4), x.k + 1);
}

// Many at once, in one batch: each with a cookie of its own.
TEST_P(Cookies, ManyConnectionsOpenTogether) {
  CookieConnection x(variant());
  constexpr std::uint16_t kMany = 40;
  const auto client = [](std::uint16_t i) {
    return BalancerBed::from_client("192.0.2." + std::to_string(i + 1), kService).tcp(1000, 80);
  };
  std::vector<PacketBuilder> packets;
  for (std::uint16_t i = 0; i < kMany; ++i)
    packets.push_back(client(i).flags("S").seq(i * 1000U).option_mss(1460));
  const auto cookies = x.bed.pass(kClients, packets);
  ASSERT_EQ(cookies.size(), kMany);
  packets.clear();
  for (const Seen& cookie : cookies) {
    const std::uint32_t next = number_at(cookie.frame, 34 + 8);
    const auto i = static_cast<std::uint16_t>(next / 1000);
    const auto ack = client(i).flags("A").seq(next).ack(number_at(cookie.frame, 34 + 4) + 1);
    packets.push_back(ack);
    packets.push_back(ack);  // twice: one connection, whose SYN goes twice
  }
  const auto openings = x.bed.pass(kClients, packets);
  EXPECT_EQ(openings.size(), 2U * kMany);
  EXPECT_EQ(x.bed.connections(), kMany);
  packets.clear();
  for (std::uint16_t i = 0; i < kMany; ++i) {
    packets.push_back(BalancerBed::from_backend("10.0.0.11", "192.0.2." + std::to_string(i + 1))
                          .tcp(8080, 1000)
                          .flags("SA")
                          .seq(i * 77U)
                          .ack(i * 1000U + 1)
                          .option_mss(1460));
  }
  EXPECT_EQ(x.bed.pass(kBackends, packets).size(), 2U * kMany);
  EXPECT_EQ(x.bed.bed().dropped_in_all(), x.bed.dropped(Drop::kSynCookie));
}

}  // namespace
}  // namespace millrace::testing
