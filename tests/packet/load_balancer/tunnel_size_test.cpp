// SPDX-License-Identifier: BSD-3-Clause
// What fits a tunnel and what does not: RFC 1191, RFC 8201, RFC 2003 section 3.1 and 5.1, RFC 2473 section 7,
// RFC 4213 section 3.2; and the segments that SYNs ask for.
#include "common/core/drop_reason.h"
#include "tests/packet/load_balancer/tunnel_reader.h"

namespace millrace::testing {
namespace {

using load_balancer::Forwarding;

class TunnelSizes : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(TunnelSizes);

constexpr unsigned kWayMtu = 1500;
constexpr unsigned kNarrowMtu = 1280;

// A datagram of so many bytes that its sender wants whole.
PacketBuilder whole(const TunnelWay& way, unsigned bytes) {
  auto datagram = way.from_client().udp(4000, 80).payload(bytes - (way.inner_ipv4 ? 28 : 48));
  return way.inner_ipv4 ? datagram.df() : datagram;
}

unsigned mtu_told(const Seen& error) {
  const Frame datagram = datagram_of(error);
  const std::size_t at = datagram.at(0) >> 4U == 4 ? 20 + 4 : 40 + 4;
  return (datagram.at(at) * 256U + datagram.at(at + 1)) * 65'536U + datagram.at(at + 2) * 256U +
         datagram.at(at + 3);
}

void expect_told(const std::optional<Seen>& error, const TunnelWay& way, unsigned mtu) {
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kClients);
  EXPECT_EQ(error->destination, way.client());
  EXPECT_EQ(error->icmp_type, way.inner_ipv4 ? 3 : 2);
  EXPECT_EQ(error->icmp_code, way.inner_ipv4 ? 4 : 0);
  EXPECT_EQ(mtu_told(*error), mtu);
  EXPECT_EQ(error->embedded().source, way.client());
  EXPECT_EQ(error->embedded().destination, way.service());
  EXPECT_EQ(error->embedded().source_port, 4000);
}

TEST_P(TunnelSizes, WhatJustFitsGoesWhole) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.backend())}; });
    const auto just = whole(way, kWayMtu - way.overhead());
    const auto left = bed.one(kClients, just);
    ASSERT_TRUE(left);
    EXPECT_EQ(datagram_of(*left).size(), kWayMtu);
    EXPECT_EQ(take_out(datagram_of(*left), way).inside, PacketBuilder(just).hop().datagram());
  }
}

TEST_P(TunnelSizes, AClientThatWantsItWholeIsToldWhatFits) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.backend())}; });
    const unsigned fits = kWayMtu - way.overhead();
    expect_told(bed.one(kClients, whole(way, fits + 1)), way, fits);
    expect_told(bed.one(kClients, whole(way, kWayMtu)), way, fits);
  }
  EXPECT_EQ(bed.bed().dropped(static_cast<std::uint8_t>(core::Drop::kPacketTooBig)),
            2 * tunnel_ways().size());
}

// RFC 2003 section 5.1 leaves it to the outer header; RFC 2473 section 7.2(b) wants the outer one cut.
TEST_P(TunnelSizes, OfAClientThatDoesNotTheOuterDatagramIsCut) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    if (!way.inner_ipv4) continue;
    for (const unsigned bytes : {kWayMtu - way.overhead() + 1, kWayMtu}) {
      SCOPED_TRACE(way.name() + " " + std::to_string(bytes));
      bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.backend())}; });
      const auto large = PacketBuilder(whole(way, bytes)).df(false);
      const auto pieces = bed.pass(kClients, {large});
      ASSERT_EQ(pieces.size(), 2U);
      for (const Seen& piece : pieces) {
        EXPECT_LE(datagram_of(piece).size(), kWayMtu);
        EXPECT_EQ(piece.ttl, 64);
        EXPECT_EQ(piece.source, way.ours());
      }
      EXPECT_EQ(take_out(reassembled(pieces), way).inside, PacketBuilder(large).hop().datagram());
    }
  }
}

// Any link carries IPv6 packets of 1280 bytes, so nobody makes them smaller: RFC 2473 section 7.1(b), RFC
// 4213 section 3.2.2.
TEST_P(TunnelSizes, OfAnIpv6PacketThatAnyLinkCarriesTheOuterDatagramIsCut) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    if (way.inner_ipv4) continue;
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.far_backend())}; });
    const auto large = whole(way, 1280);
    const auto pieces = bed.pass(kClients, {large});
    ASSERT_EQ(pieces.size(), 2U);
    for (const Seen& piece : pieces) EXPECT_LE(datagram_of(piece).size(), kNarrowMtu);
    EXPECT_EQ(take_out(reassembled(pieces), way).inside, PacketBuilder(large).hop().datagram());
    expect_told(bed.one(kClients, whole(way, 1281)), way, 1280);
  }
}

TEST_P(TunnelSizes, OverANarrowWayIpv4ClientsAreToldLess) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    if (!way.inner_ipv4) continue;
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.far_backend())}; });
    const unsigned fits = kNarrowMtu - way.overhead();
    expect_told(bed.one(kClients, whole(way, fits + 1)), way, fits);
    const auto left = bed.one(kClients, whole(way, fits));
    ASSERT_TRUE(left);
    EXPECT_EQ(take_out(datagram_of(*left), way).source, way.outer_ipv4 ? "10.99.0.1" : "2001:db8:99::1");
  }
}

// What is to be cut is cut when it leaves, though it waited in between.
TEST_P(TunnelSizes, PiecesAreMadeAfterTheNeighborAnswered) {
  for (const TunnelWay& way : tunnel_ways()) {
    if (!way.inner_ipv4) continue;
    SCOPED_TRACE(way.name());
    BalancerBed bed(
        variant(), {.services = {way.service_at(way.backend())}, .unresolved = {std::string(way.backend())}});
    const auto large = PacketBuilder(whole(way, kWayMtu)).df(false);
    EXPECT_TRUE(bed.pass(kClients, {large}).empty());
    const auto pieces = bed.neighbors_answer();
    ASSERT_EQ(pieces.size(), 2U);
    EXPECT_EQ(take_out(reassembled(pieces), way).inside, PacketBuilder(large).hop().datagram());
  }
}

TEST_P(TunnelSizes, FragmentsOfTheClientAreCutOnceMore) {
  const TunnelWay way{Forwarding::kGue, true, false};
  BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
  const auto first = way.from_client().fragment(0, true).id(7).udp(4000, 80).payload(1472);
  const auto pieces = bed.pass(kClients, {first});
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(take_out(reassembled(pieces), way).inside, PacketBuilder(first).hop().datagram());
}

// The pieces of two datagrams can be told apart.
TEST_P(TunnelSizes, EachDatagramThatIsCutHasAnIdentificationOfItsOwn) {
  for (const bool outer_ipv4 : {true, false}) {
    const TunnelWay way{Forwarding::kIpip, true, outer_ipv4};
    BalancerBed bed(variant(), {.services = {way.service_at(way.backend())}});
    std::vector<Frame> ids;
    for (unsigned i = 0; i < 4; ++i) {
      const auto pieces = bed.pass(kClients, {PacketBuilder(whole(way, kWayMtu)).df(false)});
      ASSERT_EQ(pieces.size(), 2U);
      const Frame datagram = datagram_of(pieces[0]);
      const auto at = datagram.begin() + (outer_ipv4 ? 4 : 44);
      ids.emplace_back(at, at + (outer_ipv4 ? 2 : 4));
    }
    std::ranges::sort(ids);
    EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
  }
}

PacketBuilder syn_of(const TunnelWay& way, std::uint16_t mss) {
  return way.from_client().tcp(4000, 80).flags("S").option_mss(mss).option_window_scale(7);
}

// The segments that fit: the MTU without the headers of the tunnel, of IP (20 or 40) and of TCP (20).
std::uint16_t segment_of(const TunnelWay& way, unsigned mtu = kWayMtu) {
  return static_cast<std::uint16_t>(mtu - way.overhead() - (way.inner_ipv4 ? 40 : 60));
}

TEST_P(TunnelSizes, SynsAreHeldToTheSegmentsThatFit) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.backend())}; });
    const std::uint16_t fits = segment_of(way);
    for (const auto& [asked, held] :
         {std::pair{std::uint16_t{1460}, fits}, {fits, fits}, {std::uint16_t{536}, std::uint16_t{536}}}) {
      const auto left = bed.one(kClients, syn_of(way, asked));
      ASSERT_TRUE(left);
      EXPECT_EQ(take_out(datagram_of(*left), way).inside, syn_of(way, held).hop().datagram());
    }
    const auto plain = way.from_client().tcp(4001, 80).flags("S");
    const auto left = bed.one(kClients, plain);
    ASSERT_TRUE(left);
    EXPECT_EQ(take_out(datagram_of(*left), way).inside, PacketBuilder(plain).hop().datagram());
  }
}

// What the backend offers to take is what the client sends through the tunnel.
TEST_P(TunnelSizes, AnswersToSynsThatComeByUsAreHeldToo) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.far_backend())}; });
    ASSERT_TRUE(bed.one(kClients, syn_of(way, 1460)));
    const auto answer = [&](std::uint16_t mss) {
      return BalancerBed::from_backend(way.service(), way.client()).tcp(80, 4000).flags("SA").option_mss(mss);
    };
    const auto back = bed.one(kBackends, answer(1460));
    ASSERT_TRUE(back);
    EXPECT_EQ(datagram_of(*back), answer(segment_of(way, kNarrowMtu)).hop().datagram());
  }
}

TEST_P(TunnelSizes, AServiceMayAskForLess) {
  const TunnelWay way{Forwarding::kGue, true, true};
  auto service = way.service_at(way.backend());
  service.mss = 1200;
  BalancerBed bed(variant(), {.services = {service}});
  const auto less = bed.one(kClients, syn_of(way, 1460));
  ASSERT_TRUE(less);
  EXPECT_EQ(take_out(datagram_of(*less), way).inside, syn_of(way, 1200).hop().datagram());
  // But not for more than fits.
  bed.change([](BalancerSpec& spec) { spec.services[0].mss = 8000; });
  const auto most = bed.one(kClients, syn_of(way, 9000));
  ASSERT_TRUE(most);
  EXPECT_EQ(take_out(datagram_of(*most), way).inside, syn_of(way, segment_of(way)).hop().datagram());
}

}  // namespace
}  // namespace millrace::testing
