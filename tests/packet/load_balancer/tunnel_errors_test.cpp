// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors where tunnels are: RFC 2003 section 4, RFC 2473 section 8, RFC 1191, RFC 8201.
#include "tests/packet/load_balancer/tunnel_reader.h"

namespace millrace::testing {
namespace {

using load_balancer::Drop;
using load_balancer::Forwarding;

class TunnelErrors : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(TunnelErrors);

PacketBuilder large_of(const TunnelWay& way) {
  auto large = way.from_client().udp(4000, 80).payload(1380);
  return way.inner_ipv4 ? large.df() : large;
}

TEST_P(TunnelErrors, ATooBigIsSaidToTheClientAboutItsOwnPacket) {
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
    const auto large = bed.one(kClients, large_of(way));
    ASSERT_TRUE(large);
    const auto told = bed.one(kBackends, too_big(way, *large, 1400));
    ASSERT_TRUE(told);
    EXPECT_EQ(told->port, kClients);
    EXPECT_EQ(told->source, way.inner_ipv4 ? "198.51.100.2" : "2001:db8:ff::2");
    EXPECT_EQ(told->destination, way.client());
    EXPECT_EQ(told->icmp_type, way.inner_ipv4 ? 3 : 2);
    EXPECT_EQ(told->icmp_code, way.inner_ipv4 ? 4 : 0);
    EXPECT_EQ(mtu_in(*told), 1400 - way.overhead());
    EXPECT_EQ(told->embedded().source, way.client());
    EXPECT_EQ(told->embedded().destination, way.service());
    EXPECT_EQ(told->embedded().source_port, 4000);
    EXPECT_EQ(told->embedded().destination_port, 80);
    EXPECT_EQ(bed.dropped(Drop::kTunnelTooBig), 1U);
  }
}

TEST_P(TunnelErrors, NoIpv6ClientIsToldLessThanAnyLinkCarries) {
  const TunnelWay way{Forwarding::kGue, false, false};
  BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
  const auto large = bed.one(kClients, large_of(way));
  ASSERT_TRUE(large);
  const auto told = bed.one(kBackends, too_big(way, *large, 1280));
  ASSERT_TRUE(told);
  EXPECT_EQ(mtu_in(*told), 1280U);
}

// 28 bytes of the outer packet, as RFC 792 has it, say nothing of the client: it is told at its next packet.
TEST_P(TunnelErrors, OneThatQuotesTooLittleIsCounted) {
  for (const TunnelWay& way : tunnel_ways()) {
    if (!way.outer_ipv4) continue;
    SCOPED_TRACE(way.name());
    BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
    const auto large = bed.one(kClients, large_of(way));
    ASSERT_TRUE(large);
    bed.refused(kBackends, too_big(way, *large, 1400, 28), Drop::kTunnelPathMtu);
    bed.refused(kBackends, too_big(way, *large, 1400, way.overhead() + 19), Drop::kTunnelPathMtu);
    const auto told = bed.one(kBackends, too_big(way, *large, 1400, way.overhead() + 60));
    ASSERT_TRUE(told);
    EXPECT_EQ(told->destination, way.client());
  }
}

TEST_P(TunnelErrors, OthersAreCounted) {
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
    const auto left = bed.one(kClients, large_of(way));
    ASSERT_TRUE(left);
    if (way.outer_ipv4) {
      bed.refused(kBackends, from_router(way, *left, 3, 1, 0), Drop::kTunnelError);
      bed.refused(kBackends, from_router(way, *left, 3, 2, 0), Drop::kTunnelError);
      bed.refused(kBackends, from_router(way, *left, 11, 0, 0), Drop::kTunnelError);
    } else {
      bed.refused(kBackends, from_router(way, *left, 1, 4, 0), Drop::kTunnelError);
      bed.refused(kBackends, from_router(way, *left, 3, 0, 0), Drop::kTunnelError);
    }
  }
}

TEST_P(TunnelErrors, ATooBigThatNoClientCanHeedIsCounted) {
  const TunnelWay way{Forwarding::kIpip, true, true};
  BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
  const auto large = bed.one(kClients, large_of(way));
  ASSERT_TRUE(large);
  bed.refused(kBackends, too_big(way, *large, 0), Drop::kTunnelError);     // of a router before RFC 1191
  bed.refused(kBackends, too_big(way, *large, 60), Drop::kTunnelPathMtu);  // less than IPv4 needs
  bed.refused(kBackends, too_big(way, *large, 1500), Drop::kTunnelError);  // it was smaller than that
  const auto loose = bed.one(kClients, PacketBuilder(large_of(way)).df(false));
  ASSERT_TRUE(loose);
  bed.refused(kBackends, too_big(way, *loose, 1300), Drop::kTunnelPathMtu);  // its sender let it be cut
}

// Nobody makes us speak to whom we did not carry anything for.
TEST_P(TunnelErrors, ThoseThatWereMadeUpAreNotAnswered) {
  const TunnelWay way{Forwarding::kIpip, true, true};
  BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
  const auto large = bed.one(kClients, large_of(way));
  ASSERT_TRUE(large);
  const auto about = [&](std::string_view source, std::string_view destination) {
    const auto inside = packet().ipv4(source, destination).df().udp(4000, 80).payload(1380);
    return BalancerBed::from_backend("10.0.0.99", "10.0.0.1")
        .icmp(3, 4, 1400)
        .payload(packet().ipv4("10.0.0.1", "10.0.0.11").df().protocol(4).embed(inside, 1408).datagram());
  };
  EXPECT_TRUE(bed.one(kBackends, about(kClient, kService)));
  bed.refused(kBackends, about(kClient, "203.0.113.99"), Drop::kTunnelError);  // no service
  EXPECT_TRUE(bed.pass(kBackends, {about("224.0.0.5", kService)}).empty());
  EXPECT_TRUE(bed.pass(kBackends, {about("127.0.0.1", kService)}).empty());
  bed.refused(kBackends, about(kClient, kService).bad_transport_checksum(), Drop::kIcmpBadChecksum);
}

// The twin has connections of its own from the same address, to the same hosts.
TEST_P(TunnelErrors, OfTheTwinsPacketsAreTheTwins) {
  const TunnelWay way{Forwarding::kGue, true, true};
  BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
  const auto to_twin = [&](const PacketBuilder& about) {
    const auto error =
        BalancerBed::from_backend("10.0.0.99", "10.0.0.1").icmp(3, 4, 1400).payload(about.datagram());
    EXPECT_TRUE(bed.pass(kBackends, {error}).empty());
    EXPECT_EQ(bed.to_host(), 1U);
  };
  to_twin(packet().ipv4("10.0.0.1", "10.0.0.11").df().tcp(50'000, 80).payload(20));
  to_twin(packet().ipv4("10.0.0.1", "10.0.0.11").df().udp(50'000, 53).payload(20));
  to_twin(packet().ipv4("10.0.0.1", "10.0.0.12").df().udp(50'000, 6080).payload(20));
  // One that can not be read is not for us to judge.
  EXPECT_TRUE(
      bed.pass(kBackends, {BalancerBed::from_backend("10.0.0.99", "10.0.0.1").icmp(3, 4, 1400).payload(9)})
          .empty());
  EXPECT_EQ(bed.to_host(), 1U);
}

// A host behind two services, of either family, is one far end.
TEST_P(TunnelErrors, OfBothFamiliesThroughOneFarEnd) {
  for (const auto forwarding : {Forwarding::kIpip, Forwarding::kGre, Forwarding::kGue}) {
    const TunnelWay four{forwarding, true, true};
    const TunnelWay six{forwarding, false, true};
    SCOPED_TRACE(four.name());
    BalancerBed bed(variant(), {.services = {four.service_at("10.0.0.11"), six.service_at("10.0.0.11")}});
    const auto large = bed.one(kClients, large_of(four));
    const auto large6 = bed.one(kClients, large_of(six));
    ASSERT_TRUE(large && large6);
    const auto told = bed.one(kBackends, too_big(four, *large, 1400));
    ASSERT_TRUE(told);
    EXPECT_EQ(told->destination, four.client());
    const auto told6 = bed.one(kBackends, too_big(six, *large6, 1400));
    ASSERT_TRUE(told6);
    EXPECT_EQ(told6->destination, six.client());
  }
}

// A router on the way back can not carry what the backend sent to the client by itself.
TEST_P(TunnelErrors, AboutWhatTheBackendSentReachItInsideTheTunnel) {
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    auto service = way.service_at(way.backend());
    service.backends.push_back(backend_at(way.outer_ipv4 ? "10.0.0.12" : "2001:db8:10::12"));
    BalancerBed bed(variant(), {.services = {service}});
    const auto there = bed.one(kClients, way.from_client().tcp(4000, 80).flags("S"));
    ASSERT_TRUE(there);
    const auto about = packet();
    auto sent = PacketBuilder(about);
    if (way.inner_ipv4) {
      sent.ipv4(way.service(), way.client()).df();
    } else {
      sent.ipv6(way.service(), way.client());
    }
    sent.tcp(80, 4000).flags("A").payload(20);
    const auto error =
        BalancerBed::from_client(way.inner_ipv4 ? "198.51.100.77" : "2001:db8:9::77", way.service())
            .icmp(way.inner_ipv4 ? 3 : 2, way.inner_ipv4 ? 4 : 0, 1400)
            .payload(sent.datagram());
    const auto left = bed.one(kClients, error);
    ASSERT_TRUE(left);
    const Outer outer = take_out(datagram_of(*left), way);
    EXPECT_EQ(outer.destination, take_out(datagram_of(*there), way).destination);
    EXPECT_EQ(outer.inside, PacketBuilder(error).hop().datagram());
    EXPECT_EQ(outer.ttl, 64);
  }
}

TEST_P(TunnelErrors, DoNotKeepAConnection) {
  const TunnelWay way{Forwarding::kGre, true, true};
  auto service = way.service_at(way.backend());
  service.timeouts.udp = 10'000;
  BalancerBed bed(variant(), {.services = {service}});
  ASSERT_TRUE(bed.one(kClients, way.from_client().udp(4000, 80).payload(5)));
  bed.wait(9'000);
  const auto error = BalancerBed::from_client("198.51.100.77", kService)
                         .icmp(3, 4, 1400)
                         .payload(packet().ipv4(kService, kClient).df().udp(80, 4000).payload(20).datagram());
  ASSERT_TRUE(bed.one(kClients, error));
  EXPECT_EQ(bed.connections(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.connections(), 0U);
}

}  // namespace
}  // namespace millrace::testing
