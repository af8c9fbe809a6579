// SPDX-License-Identifier: BSD-3-Clause
// How long packets may be between IPv6 and IPv4, who cuts them, and what their pieces are told apart by: RFC
// 7915.
#include <algorithm>
#include <vector>

#include <rte_mbuf.h>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Nat64Sizes : public NatTest {};
MILLRACE_NAT_VARIANTS(Nat64Sizes);

constexpr std::string_view kHostBehind = "2001:db8:1::10";
constexpr std::string_view kServerBeyond = "64:ff9b::808:808";  // 8.8.8.8

// The well-known prefix must not stand for the documentation's addresses (RFC 6052 section 3.1).
NatSpec translated(std::string_view prefix = "64:ff9b::/96") {
  NatSpec spec;
  spec.nat64 = prefix;
  return spec;
}

PacketBuilder opening() { return NatBed::inside(kHostBehind, kServerBeyond).udp(4000, 53).payload(20); }

constexpr std::size_t kFrameHeader = 14;

Frame datagram_of(const Frame& frame) { return Frame(frame.begin() + kFrameHeader, frame.end()); }

// What the host is to get, from the builder.
PacketBuilder at_host(std::uint16_t source_port, std::uint16_t destination_port, std::size_t payload) {
  return NatBed::from(kWan, kServerBeyond, kHostBehind)
      .ttl(63)
      .udp(source_port, destination_port)
      .payload(payload);
}

// RFC 7915 section 4: without DF, for 1280 bytes, (1280 - 48) / 8 * 8 = 1232 in each.
TEST_P(Nat64Sizes, ADatagramThatMayBeCutIsCut) {
  NatBed bed(variant(), translated());
  const auto out = bed.one(kInside, opening());
  ASSERT_TRUE(out);
  const auto back = [&](std::size_t payload) {
    return NatBed::outside("8.8.8.8", out->source).id(77).udp(53, out->source_port).payload(payload);
  };
  const auto whole = bed.pass(kOutside, {back(1232)});
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_EQ(datagram_of(whole[0].frame), datagram_of(at_host(53, 4000, 1232).bytes()));
  for (const bool summed : {true, false}) {
    auto packet = back(1400);
    if (!summed) packet.no_udp_checksum();
    const auto in = bed.pass(kOutside, {packet});
    ASSERT_EQ(in.size(), 2U);
    const auto expected = at_host(53, 4000, 1400);
    EXPECT_EQ(datagram_of(in[0].frame), datagram_of(expected.piece(0, 1232, 77).bytes()));
    EXPECT_EQ(datagram_of(in[1].frame), datagram_of(expected.piece(1232, 176, 77).bytes()));
  }
}

TEST_P(Nat64Sizes, AFragmentIsCutFurther) {
  NatBed bed(variant(), translated());
  const auto out = bed.one(kInside, opening());
  ASSERT_TRUE(out);
  const auto back = NatBed::outside("8.8.8.8", out->source).udp(53, out->source_port).payload(2800);
  const auto in = bed.pass(kOutside, {back.piece(0, 1480, 77), back.piece(1480, 1328, 77)});
  ASSERT_EQ(in.size(), 4U);
  const auto expected = at_host(53, 4000, 2800);
  EXPECT_EQ(datagram_of(in[0].frame), datagram_of(expected.piece(0, 1232, 77).bytes()));
  EXPECT_EQ(datagram_of(in[1].frame), datagram_of(expected.piece(1232, 248, 77).bytes()));
  EXPECT_EQ(datagram_of(in[2].frame), datagram_of(expected.piece(1480, 1232, 77).bytes()));
  EXPECT_EQ(datagram_of(in[3].frame), datagram_of(expected.piece(2712, 96, 77).bytes()));
}

TEST_P(Nat64Sizes, WhatWaitsForItsNeighborIsCutAfterwards) {
  NatBed bed(variant(), translated());
  const auto out = bed.one(kInside, NatBed::inside("2001:db8:1::99", kServerBeyond).udp(4000, 53));
  ASSERT_TRUE(out);
  bed.change([](NatSpec& spec) { spec.knows_neighbor = false; });
  EXPECT_TRUE(
      bed.pass(kOutside, {NatBed::outside("8.8.8.8", out->source).udp(53, out->source_port).payload(1400)})
          .empty());
  const auto in = bed.neighbor_answers();
  ASSERT_EQ(in.size(), 2U);
  EXPECT_EQ(in[0].frame.size(), kFrameHeader + 48 + 1232);
  EXPECT_EQ(in[1].frame.size(), kFrameHeader + 48 + 176);
}

// Segments that a port put together, which no link carries as they are.
TEST_P(Nat64Sizes, AnAggregateIsCutIntoItsSegments) {
  NatBed bed(variant(), translated());
  const auto tcp = [](std::string_view flags) {
    return NatBed::inside(kHostBehind, kServerBeyond).tcp(4000, 80).flags(flags);
  };
  const auto syn = bed.one(kInside, tcp("S"));
  ASSERT_TRUE(syn);
  const auto back = [&](std::string_view flags) {
    return NatBed::outside("8.8.8.8", syn->source).df().tcp(80, syn->source_port).flags(flags);
  };
  ASSERT_TRUE(bed.one(kOutside, back("SA")));
  ASSERT_TRUE(bed.one(kInside, tcp("A")));
  const Marks marks{.flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE, .segment_size = 1000};
  for (const bool df : {true, false}) {
    const auto in = bed.pass(kOutside, {back("A").df(df).payload(4000).bad_transport_checksum()}, marks);
    ASSERT_EQ(in.size(), 4U);
    for (const Seen& segment : in) {
      EXPECT_EQ(segment.destination, kHostBehind);
      EXPECT_EQ(segment.payload.size(), 1000U);
    }
  }
  const auto out = bed.pass(kInside, {tcp("A").payload(4000).bad_transport_checksum()}, marks);
  ASSERT_EQ(out.size(), 4U);
  for (const Seen& segment : out) {
    EXPECT_EQ(segment.destination, "8.8.8.8");
    EXPECT_EQ(segment.payload.size(), 1000U);
  }
}

TEST_P(Nat64Sizes, ALargeEchoIsCut) {
  NatBed bed(variant(), translated());
  const auto out =
      bed.one(kInside, NatBed::inside(kHostBehind, kServerBeyond).echo_request(77, 3).payload(1400));
  ASSERT_TRUE(out);
  const auto in =
      bed.pass(kOutside,
               {NatBed::outside("8.8.8.8", out->source).id(5).echo_reply(out->source_port, 3).payload(1400)});
  ASSERT_EQ(in.size(), 2U);
  const auto expected =
      NatBed::from(kWan, kServerBeyond, kHostBehind).ttl(63).echo_reply(77, 3).payload(1400);
  EXPECT_EQ(datagram_of(in[0].frame), datagram_of(expected.piece(0, 1232, 5).bytes()));
  EXPECT_EQ(datagram_of(in[1].frame), datagram_of(expected.piece(1232, 176, 5).bytes()));
}

// (1400 - 48) / 8 * 8 = 1352; and no more than the next link carries, 1500: 1448.
TEST_P(Nat64Sizes, TheLeastMtuIsConfigured) {
  NatSpec spec = translated();
  spec.lowest_ipv6_mtu = 1400;
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, opening());
  ASSERT_TRUE(out);
  const auto packet = NatBed::outside("8.8.8.8", out->source).udp(53, out->source_port).payload(1472);
  const auto in = bed.pass(kOutside, {packet});
  ASSERT_EQ(in.size(), 2U);
  EXPECT_EQ(in[0].frame.size(), kFrameHeader + 48 + 1352);
  EXPECT_EQ(in[1].frame.size(), kFrameHeader + 48 + 128);
  bed.change([](NatSpec& changed) { changed.lowest_ipv6_mtu = 9000; });
  const auto wide = bed.pass(kOutside, {packet});
  ASSERT_EQ(wide.size(), 2U);
  EXPECT_EQ(wide[0].frame.size(), kFrameHeader + 48 + 1448);
  EXPECT_EQ(wide[1].frame.size(), kFrameHeader + 48 + 32);
}

// RFC 7915 section 4.1: with DF, 1500 less the 20 bytes that IPv6 needs more.
TEST_P(Nat64Sizes, APacketThatMayNotBeCutIsTold) {
  NatBed bed(variant(), translated());
  const auto out = bed.one(kInside, opening());
  ASSERT_TRUE(out);
  const auto back = [&](std::size_t payload) {
    return NatBed::outside("8.8.8.8", out->source).df().udp(53, out->source_port).payload(payload);
  };
  const auto in = bed.one(kOutside, back(1452));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->frame.size(), kFrameHeader + 1500);
  const auto error = bed.one(kOutside, back(1453));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kOutside);
  EXPECT_EQ(error->destination, "8.8.8.8");
  EXPECT_EQ(int{error->icmp_type}, 3);
  EXPECT_EQ(int{error->icmp_code}, 4);
  EXPECT_EQ(error->frame.at(kFrameHeader + 20 + 6) * 256 + error->frame.at(kFrameHeader + 20 + 7), 1480);
  EXPECT_EQ(error->embedded().destination, out->source);
}

// RFC 7915 section 5 for DF, RFC 6864 section 4.3 for the identification: up to 1260 bytes routers may cut.
TEST_P(Nat64Sizes, PacketsThatRoutersMayCutAreToldApart) {
  NatBed bed(variant(), translated());
  constexpr unsigned kDf = 0x4000;
  const auto field = [](const Seen& seen, std::size_t at) {
    return seen.frame.at(kFrameHeader + at) * 256U + seen.frame.at(kFrameHeader + at + 1);
  };
  std::vector<unsigned> ids;
  for (unsigned i = 0; i < 50; ++i) {
    const auto out = bed.one(kInside, NatBed::inside(kHostBehind, kServerBeyond).udp(4000, 53).payload(1232));
    ASSERT_TRUE(out);
    EXPECT_EQ(field(*out, 2), 1260U);
    EXPECT_EQ(field(*out, 6), 0U);
    ids.push_back(field(*out, 4));
  }
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
  const auto large = bed.one(kInside, NatBed::inside(kHostBehind, kServerBeyond).udp(4000, 53).payload(1233));
  ASSERT_TRUE(large);
  EXPECT_EQ(field(*large, 6), kDf);
}

// RFC 7915 section 5.1.1: a fragment may be cut where it does not fit, so nobody is told.
TEST_P(Nat64Sizes, AFragmentTooBigForTheWayOutIsCut) {
  NatBed bed(variant(), translated("2001:db8:64::/96"));
  const auto whole = NatBed::inside(kHostBehind, "2001:db8:64::c000:209").udp(4000, 53).payload(2000);
  const auto out = bed.pass(kInside, {whole.piece(0, 1400, 9)});
  ASSERT_EQ(out.size(), 2U);
  for (const Seen& piece : out) {
    EXPECT_EQ(piece.port, kOutside);
    EXPECT_EQ(piece.destination, "192.0.2.9");
    EXPECT_LE(piece.frame.size(), 18U + 1280U);
  }
}

// RFC 7915 section 5.1.1: what fits once it is 20 bytes shorter.
TEST_P(Nat64Sizes, APacketTooBigForTheWayOutIsTold) {
  NatBed bed(variant(), translated("2001:db8:64::/96"));
  const auto error =
      bed.one(kInside, NatBed::inside(kHostBehind, "2001:db8:64::c000:209").udp(4000, 53).payload(1300));
  ASSERT_TRUE(error);
  EXPECT_EQ(int{error->icmp_type}, 2);
  // MTU 1280 there and 20 more.
  EXPECT_EQ(error->frame.at(kFrameHeader + 40 + 6) * 256 + error->frame.at(kFrameHeader + 40 + 7), 1300);
}

}  // namespace
}  // namespace millrace::testing
