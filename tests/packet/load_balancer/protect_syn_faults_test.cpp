// SPDX-License-Identifier: BSD-3-Clause
// Connections opened by a SYN cookie when something is lost, refused or out of place.
#include "tests/packet/load_balancer/cookie_connection.h"

namespace millrace::testing {
namespace {

using load_balancer::Drop;
using load_balancer::ServiceSpec;

class CookieFaults : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(CookieFaults);

TEST_P(CookieFaults, DataWithTheAckIsLeftToBeSentAgain) {
  for (const bool ipv6 : {false, true}) {
    CookieConnection x(variant(), ipv6);
    x.get_cookie();
    x.client_sends(x.from_client("PA", x.c + 1, x.k + 1).option_timestamps(1, 2).payload(100), {x.opening()});
    x.backend_answers();
    x.exchange();
  }
}

TEST_P(CookieFaults, AProbeOfTheClosedWindowStandsForTheLostAck) {
  CookieConnection x(variant());
  x.get_cookie();
  x.client_sends(x.from_client("A", x.c, x.k + 1), {x.opening()});
  x.backend_answers();
  x.exchange();
}

TEST_P(CookieFaults, ALostSynIsSentAgainWhenTheClientProbes) {
  CookieConnection x(variant());
  x.get_cookie();
  x.redeem_cookie();
  x.client_sends(x.from_client("A", x.c, x.k + 1), {x.opening()});
  x.client_sends(x.from_client("PA", x.c + 1, x.k + 1).payload(7), {x.opening()});
  EXPECT_EQ(x.bed.connections(), 1U);
  x.backend_answers();
  x.exchange();
}

TEST_P(CookieFaults, ABackendThatSaysSynAckAgainIsAnsweredAgain) {
  CookieConnection x(variant());
  x.open();
  x.backend_answers();
  x.exchange();
  x.backend_refused(x.from_backend("SA", x.s + 5, x.c + 1), Drop::kBadHandshake);
}

TEST_P(CookieFaults, ABackendThatRefusesResetsTheClientAndIsCounted) {
  for (const bool ipv6 : {false, true}) {
    CookieConnection x(variant(), ipv6);
    x.get_cookie();
    x.redeem_cookie();
    x.backend_sends(x.from_backend("RA", 0, x.c + 1), {x.at_client("RA", x.k + 1, x.c + 1)});
    EXPECT_EQ(x.failed(), 1U);
    x.client_refused(x.from_client("A", x.c + 1, x.k + 1), Drop::kBadHandshake);  // crossed on the way
  }
}

// The client waits for it, and says nothing.
TEST_P(CookieFaults, WhenTheBackendKeepsSilentTheClientIsReset) {
  for (const bool ipv6 : {false, true}) {
    CookieConnection x(variant(), ipv6, [](ServiceSpec& service) { service.timeouts.tcp_opening = 5'000; });
    x.get_cookie();
    x.redeem_cookie();
    x.bed.wait(6'000);
    const auto told = x.bed.pass(kClients, {});
    CookieConnection::expect(told, {x.made(x.at_client("R", x.k + 1, 0).window(0))});
    EXPECT_EQ(x.bed.connections(), 0U);
    EXPECT_EQ(x.failed(), 1U);
  }
}

// The same of one that asks again and again, which would keep the connection for ever.
TEST_P(CookieFaults, WhenTheBackendKeepsSilentAClientThatProbesIsReset) {
  CookieConnection x(variant(), false, [](ServiceSpec& service) { service.timeouts.tcp_opening = 5'000; });
  x.get_cookie();
  x.redeem_cookie();
  x.bed.wait(4'000);
  x.client_sends(x.from_client("A", x.c, x.k + 1), {x.opening()});
  x.bed.wait(4'000);
  const std::uint64_t before = x.bed.dropped(Drop::kBackendSilent);
  x.client_sends(x.from_client("A", x.c, x.k + 1), {x.made(x.at_client("R", x.k + 1, 0).window(0))});
  EXPECT_EQ(x.bed.dropped(Drop::kBackendSilent), before + 1);
  EXPECT_EQ(x.bed.connections(), 0U);
  EXPECT_EQ(x.failed(), 1U);
}

TEST_P(CookieFaults, WhatDoesNotAnswerTheSynChangesNothing) {
  CookieConnection x(variant());
  x.get_cookie();
  x.redeem_cookie();
  x.backend_refused(x.from_backend("RA", 0, x.c + 2), Drop::kBadHandshake);
  x.backend_refused(x.from_backend("S", x.s, 0), Drop::kBadHandshake);
  x.backend_refused(x.from_backend("FA", x.s, x.c + 1), Drop::kBadHandshake);
  x.client_refused(x.from_client("S", x.c + 77, 0), Drop::kBadHandshake);
  x.client_refused(x.from_client("A", x.c + 1, x.k + 2), Drop::kBadHandshake);
  EXPECT_EQ(x.failed(), 0U);
  x.backend_answers();
  x.exchange();
}

TEST_P(CookieFaults, ABackendWithAnOlderConnectionIsToldToForgetIt) {
  CookieConnection x(variant());
  x.get_cookie();
  x.redeem_cookie();
  for (const char* flags : {"A", "PA", "FA", "SA"}) {
    x.backend_sends(x.from_backend(flags, 999, 12345), {x.made(x.at_backend("R", 12345, 0).window(0))});
  }
  x.client_sends(x.from_client("A", x.c, x.k + 1), {x.opening()});
  x.backend_answers();
}

TEST_P(CookieFaults, ASynWithImpossibleOptionsGetsNoCookie) {
  CookieConnection x(variant());
  x.client_refused(x.from_client("S", x.c, 0).option({2, 40, 0, 0}), Drop::kTcpBadOption);
}

TEST_P(CookieFaults, WithoutRoomForTheConnectionTheClientIsTold) {
  ServiceSpec service = web_service();
  service.protection.syn_proxy = true;
  BalancerBed bed(variant(), {.services = {service}}, 2);
  std::uint64_t told = 0;
  for (std::uint16_t port = 1000; port < 1020; ++port) {
    const auto from = BalancerBed::from_client(kClient, kService).tcp(port, 80);
    const auto cookie = bed.one(kClients, PacketBuilder(from).flags("S").seq(7));
    ASSERT_TRUE(cookie);
    const std::uint32_t k = number_at(cookie->frame, 34 + 4);
    const auto next = bed.one(kClients, PacketBuilder(from).flags("A").seq(8).ack(k + 1));
    ASSERT_TRUE(next);
    if (next->port == kBackends) continue;
    EXPECT_EQ(next->tcp_flags, net::tcp_flag::kRst);
    EXPECT_EQ(number_at(next->frame, 34 + 4), k + 1);
    ++told;
  }
  EXPECT_GT(told, 0U);
  EXPECT_EQ(bed.dropped(Drop::kTableFull), told);
  EXPECT_EQ(bed.connections(), 20 - told);
}

// A router on the client's side can not carry what the backend sent; the backend has to know it for its own:
// RFC 5927 section 4.1.
TEST_P(CookieFaults, AnErrorForTheBackendQuotesItsOwnNumbers) {
  for (const bool ipv6 : {false, true}) {
    CookieConnection x(variant(), ipv6);
    x.open();
    const auto error = [&](const PacketBuilder& outer, std::string_view source, std::uint16_t port,
                           std::uint32_t quoted) {
      auto segment = ipv6 ? packet().ipv6(source, x.client()) : packet().ipv4(source, x.client());
      segment.ttl(60).tcp(port, CookieConnection::kClientPort).seq(quoted).ack(x.c + 1).payload(1000);
      return ipv6 ? PacketBuilder(outer).icmp(2, 0, 1280).embed(segment, 60)
                  : PacketBuilder(outer).icmp(3, 4, 1280).embed(segment, 40);
    };
    const std::string router = ipv6 ? "2001:db8:ff::99" : "198.51.100.77";
    const auto to = BalancerBed::from_client(router, x.backend())
                        .ethernet(interface_mac(kLan), neighbor_mac(kFirstBackend + 11))
                        .ttl(63);
    x.client_sends(error(BalancerBed::from_client(router, x.vip()), x.vip(), 80, x.k + 1),
                   {error(to, x.backend(), CookieConnection::kBackendPort, x.s + 1)});
  }
}

TEST_P(CookieFaults, AnErrorForTheClientQuotesWhatItAcknowledged) {
  CookieConnection x(variant());
  x.open();
  const auto error = [&](const PacketBuilder& outer, std::string_view destination, std::uint16_t port,
                         std::uint32_t quoted) {
    const auto segment = packet()
                             .ipv4(x.client(), destination)
                             .ttl(60)
                             .tcp(CookieConnection::kClientPort, port)
                             .seq(x.c + 1)
                             .ack(quoted)
                             .payload(1000);
    return PacketBuilder(outer).icmp(3, 4, 1280).embed(segment, 40);
  };
  const auto to = BalancerBed::from_client("10.0.0.9", x.client())
                      .ethernet(interface_mac(kWan), neighbor_mac(kWan))
                      .ttl(63);
  x.backend_sends(error(BalancerBed::from_backend("10.0.0.9", x.client()), x.backend(),
                        CookieConnection::kBackendPort, x.s + 1),
                  {error(to, x.vip(), CookieConnection::kServicePort, x.k + 1)});
}

// The appliance's own: the backend's segment does not fit, and it is told so about the segment it sent.
TEST_P(CookieFaults, AnErrorOfOursQuotesWhatTheBackendSent) {
  CookieConnection x(variant());
  x.open();
  const auto segment = x.from_backend("A", x.s + 1, x.c + 1).df().ttl(1).payload(10);
  const auto told = x.bed.pass(kBackends, {segment});
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].icmp_type, 11);
  EXPECT_EQ(number_at(told[0].payload, 20 + 4), x.s + 1);
}

}  // namespace
}  // namespace millrace::testing
