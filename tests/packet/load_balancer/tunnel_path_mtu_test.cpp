// SPDX-License-Identifier: BSD-3-Clause
// What routers on the way to backends carry is remembered: RFC 2003 section 5.1, RFC 1191 section 6.3, RFC
// 8201 section 5.3.
#include "tests/packet/load_balancer/tunnel_reader.h"

namespace millrace::testing {
namespace {

using load_balancer::Drop;
using load_balancer::Forwarding;

constexpr unsigned kPath = 1400;
constexpr Tick kTenMinutes = 10 * 60'000;

PacketBuilder datagram(const TunnelWay& way, unsigned bytes) {
  const unsigned headers = (way.inner_ipv4 ? 20U : 40U) + 8U;
  auto packet = way.from_client().udp(4000, 80).payload(bytes - headers);
  return way.inner_ipv4 ? packet.df() : packet;
}

class TunnelPathMtus : public BalancerTest {
 public:
  // Routers on the way say that they carry so much of one packet, and not whose it was.
  static void hear(BalancerBed& bed, const TunnelWay& way, const std::vector<unsigned>& mtus) {
    const auto left = bed.one(kClients, datagram(way, 1440));
    ASSERT_TRUE(left);
    for (const unsigned mtu : mtus)
      bed.refused(kBackends, too_big(way, *left, mtu, way.outer_ipv4 ? 28 : 48), Drop::kTunnelPathMtu);
  }
  static void expect_fits(BalancerBed& bed, const TunnelWay& way, unsigned bytes) {
    const auto whole = bed.one(kClients, datagram(way, bytes));
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->port, kBackends);
    const auto refused = bed.one(kClients, datagram(way, bytes + 1));
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->port, kClients);
    EXPECT_EQ(mtu_in(*refused), bytes);
  }
};
MILLRACE_BALANCER_VARIANTS(TunnelPathMtus);

TEST_P(TunnelPathMtus, ClientsAreToldWhatFitsTenMinutesLong) {
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
    expect_fits(bed, way, 1500 - way.overhead());
    hear(bed, way, {kPath});
    expect_fits(bed, way, kPath - way.overhead());
    bed.wait(kTenMinutes - 1000);
    expect_fits(bed, way, kPath - way.overhead());
    bed.wait(2000);
    expect_fits(bed, way, 1500 - way.overhead());
  }
}

TEST_P(TunnelPathMtus, TheNarrowestRouterCounts) {
  const TunnelWay way{Forwarding::kGue, true, true};
  BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
  hear(bed, way, {kPath, kPath - 50, kPath + 50});
  expect_fits(bed, way, kPath - 50 - way.overhead());
}

// RFC 791 has every host take 576 bytes, RFC 8200 every link 1280: a word that says less is more likely
// forged than true.
TEST_P(TunnelPathMtus, NoRouterIsBelievedToCarryNextToNothing) {
  for (const bool outer_ipv4 : {true, false}) {
    const TunnelWay way{Forwarding::kIpip, true, outer_ipv4};
    SCOPED_TRACE(way.name());
    BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
    hear(bed, way, {68});
    expect_fits(bed, way, (outer_ipv4 ? 576 : 1280) - way.overhead());
  }
}

// It could be known to be made up: about a packet that is no service's, or that was no larger.
TEST_P(TunnelPathMtus, MadeUpWordsChangeNothing) {
  const TunnelWay way{Forwarding::kIpip, true, true};
  BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
  const auto stray = packet().ipv4(kClient, "203.0.113.99").df().udp(4000, 80).payload(1380);
  const auto about = packet().ipv4("10.0.0.1", "10.0.0.11").df().protocol(4).embed(stray, 1408).datagram();
  bed.refused(kBackends, BalancerBed::from_backend("10.0.0.99", "10.0.0.1").icmp(3, 4, kPath).payload(about),
              Drop::kTunnelError);
  const auto small = bed.one(kClients, datagram(way, 1000));
  ASSERT_TRUE(small);
  bed.refused(kBackends, too_big(way, *small, 1000 + way.overhead(), 28), Drop::kTunnelError);
  expect_fits(bed, way, 1500 - way.overhead());
}

TEST_P(TunnelPathMtus, AreOfTheHostWhateverServiceItIsBehind) {
  const TunnelWay four{Forwarding::kGue, true, true};
  const TunnelWay six{Forwarding::kGue, false, true};
  BalancerBed bed(variant(), {.services = {four.service_at(four.backend()), six.service_at(six.backend())}});
  hear(bed, four, {kPath});
  expect_fits(bed, six, kPath - six.overhead());
}

TEST_P(TunnelPathMtus, OutliveChangesOfThePoolButNotTheHost) {
  const TunnelWay way{Forwarding::kGre, true, true};
  BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
  hear(bed, way, {kPath});
  bed.change([](BalancerSpec&) {});
  expect_fits(bed, way, kPath - way.overhead());
  bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at("10.0.0.12")}; });
  bed.wait(kTenMinutes);  // the connection of the first
  expect_fits(bed, way, 1500 - way.overhead());
}

// Nobody on the way cuts an outer IPv6 datagram: who may cut it is us, and to what the way carries.
TEST_P(TunnelPathMtus, OuterIpv6DatagramsAreCutToFit) {
  const TunnelWay way{Forwarding::kGue, true, false};
  BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
  hear(bed, way, {kPath});
  const auto large = PacketBuilder(datagram(way, kPath)).df(false);
  const auto pieces = bed.pass(kClients, {large});
  ASSERT_EQ(pieces.size(), 2U);
  for (const Seen& piece : pieces) EXPECT_LE(datagram_of(piece).size(), kPath);
  EXPECT_EQ(take_out(reassembled(pieces), way).inside, PacketBuilder(large).hop().datagram());
}

TEST_P(TunnelPathMtus, SynsAreHeldToWhatFits) {
  const TunnelWay way{Forwarding::kIpip, true, true};
  BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
  hear(bed, way, {kPath});
  const auto left = bed.one(kClients, way.from_client().tcp(4001, 80).flags("S").option_mss(1460));
  ASSERT_TRUE(left);
  const Frame inside = take_out(datagram_of(*left), way).inside;
  EXPECT_EQ(inside.at(42) * 256U + inside.at(43), kPath - way.overhead() - 40);
}

}  // namespace
}  // namespace millrace::testing
