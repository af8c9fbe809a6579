// SPDX-License-Identifier: BSD-3-Clause
// Hosts of IPv6 inside and hosts of IPv4 outside: RFC 6146, RFC 7915.
#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Nat64 : public NatTest {};
MILLRACE_NAT_VARIANTS(Nat64);

constexpr std::string_view kHost6 = "2001:db8:1::10";
constexpr std::string_view kOther6 = "2001:db8:1::77";
constexpr std::string_view kServer6 = "64:ff9b::808:808";  // 8.8.8.8

NatSpec nat64() {
  NatSpec spec;
  spec.nat64 = "64:ff9b::/96";
  return spec;
}

// The well-known prefix must not stand for the documentation's addresses (RFC 6052 section 3.1).
NatSpec own_prefix() {
  NatSpec spec;
  spec.nat64 = "2001:db8:64::/96";
  return spec;
}

PacketBuilder udp_through(std::string_view host, std::uint16_t port, std::string_view to = kServer6) {
  return NatBed::inside(host, to).udp(port, 53).payload(20);
}

TEST_P(Nat64, UdpGoesOutAndItsAnswerComesBack) {
  NatBed bed(variant(), nat64());
  const auto out = bed.one(kInside, udp_through(kHost6, 4000));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->port, kOutside);
  EXPECT_EQ(out->source, "203.0.113.1");
  EXPECT_EQ(out->destination, "8.8.8.8");
  EXPECT_EQ(out->destination_port, 53);
  EXPECT_EQ(out->ttl, 63);
  EXPECT_EQ(out->payload.size(), 20U);
  const auto in =
      bed.one(kOutside, NatBed::outside("8.8.8.8", out->source).udp(53, out->source_port).payload(30));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->port, kInside);
  EXPECT_EQ(in->source, kServer6);
  EXPECT_EQ(in->destination, kHost6);
  EXPECT_EQ(in->source_port, 53);
  EXPECT_EQ(in->destination_port, 4000);
  EXPECT_EQ(in->ttl, 63);
  EXPECT_EQ(in->payload.size(), 30U);
  EXPECT_EQ(bed.sessions(), 1U);
}

TEST_P(Nat64, TcpOpensAndCloses) {
  NatBed bed(variant(), nat64());
  const auto tcp = [&](std::string_view flags, std::size_t bytes = 0) {
    return NatBed::inside(kHost6, kServer6).tcp(40000, 80).flags(flags).payload(bytes);
  };
  const auto syn = bed.one(kInside, tcp("S"));
  ASSERT_TRUE(syn);
  const auto back = [&](std::string_view flags, std::size_t bytes = 0) {
    return NatBed::outside("8.8.8.8", syn->source).tcp(80, syn->source_port).flags(flags).payload(bytes);
  };
  ASSERT_TRUE(bed.one(kOutside, back("SA")));
  ASSERT_TRUE(bed.one(kInside, tcp("A")));
  const auto data = bed.one(kOutside, back("PA", 999));
  ASSERT_TRUE(data);
  EXPECT_EQ(data->payload.size(), 999U);
  bed.wait(3'600'000);
  EXPECT_EQ(bed.sessions(), 1U);
  ASSERT_TRUE(bed.one(kInside, tcp("FA")));
  ASSERT_TRUE(bed.one(kOutside, back("FA")));
  bed.wait(241'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

// RFC 6146 section 3.5.3.
TEST_P(Nat64, APingGoesThrough) {
  NatBed bed(variant(), nat64());
  const auto out = bed.one(kInside, NatBed::inside(kHost6, kServer6).echo_request(77, 3).payload(40));
  ASSERT_TRUE(out);
  EXPECT_EQ(int{out->icmp_type}, 8);
  EXPECT_EQ(out->payload.size(), 40U);
  const auto in =
      bed.one(kOutside, NatBed::outside("8.8.8.8", out->source).echo_reply(out->source_port, 3).payload(40));
  ASSERT_TRUE(in);
  EXPECT_EQ(int{in->icmp_type}, 129);
  EXPECT_EQ(in->destination, kHost6);
  EXPECT_EQ(in->source_port, 77);
}

TEST_P(Nat64, AnEndpointKeepsItsOutsidePort) {
  NatBed bed(variant(), nat64());
  const auto one = bed.one(kInside, udp_through(kHost6, 4000));
  const auto two = bed.one(kInside, udp_through(kHost6, 4000, "64:ff9b::101:101"));
  const auto other = bed.one(kInside, udp_through(kOther6, 4000));
  ASSERT_TRUE(one && two && other);
  EXPECT_EQ(two->source_end(), one->source_end());
  EXPECT_NE(other->source_end(), one->source_end());
  EXPECT_EQ(bed.subscribers(), 2U);
}

TEST_P(Nat64, FiltersAsItIsToldTo) {
  NatSpec spec = nat64();
  NatBed open(variant(), spec);
  const auto out = open.one(kInside, udp_through(kHost6, 4000));
  ASSERT_TRUE(out);
  const auto in = open.one(kOutside, NatBed::outside("9.9.9.9", out->source).udp(7, out->source_port));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->source, "64:ff9b::909:909");
  // And the host may answer.
  const auto answer = open.one(kInside, NatBed::inside(kHost6, "64:ff9b::909:909").udp(4000, 7));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->ends(), out->source_end() + " > 9.9.9.9:7");
}

TEST_P(Nat64, FiltersByAddress) {
  NatSpec spec = nat64();
  spec.nat64_filtering = nat::Dependence::kAddress;
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, udp_through(kHost6, 4000));
  ASSERT_TRUE(out);
  bed.refused(kOutside, NatBed::outside("9.9.9.9", out->source).udp(7, out->source_port),
              nat::Drop::kFiltered);
  EXPECT_TRUE(bed.one(kOutside, NatBed::outside("8.8.8.8", out->source).udp(7, out->source_port)));
}

// RFC 7915 sections 4.1 and 5.1.
TEST_P(Nat64, ATraceSeesTheGatewayFromBothSides) {
  NatBed bed(variant(), nat64());
  const auto out = bed.one(kInside, udp_through(kHost6, 4000));
  ASSERT_TRUE(out);
  const auto inside = bed.one(kInside, udp_through(kHost6, 4000).ttl(1));
  ASSERT_TRUE(inside);
  EXPECT_EQ(inside->source, "2001:db8:1::1");
  EXPECT_EQ(int{inside->icmp_type}, 3);
  EXPECT_EQ(inside->embedded().destination, kServer6);
  const auto outside =
      bed.one(kOutside, NatBed::outside("8.8.8.8", out->source).ttl(1).udp(53, out->source_port).payload(30));
  ASSERT_TRUE(outside);
  EXPECT_EQ(outside->source, "198.51.100.2");
  EXPECT_EQ(int{outside->icmp_type}, 11);
  EXPECT_EQ(outside->embedded().ends(), "8.8.8.8:53 > " + out->source_end());
}

// RFC 7915 section 4.2, RFC 6146 sections 3.4 and 3.7.
TEST_P(Nat64, AnErrorFromOutsideIsAboutThePacketThatWasSent) {
  NatBed bed(variant(), nat64());
  const auto out = bed.one(kInside, udp_through(kHost6, 4000));
  ASSERT_TRUE(out);
  const auto seen = packet().ipv4(out->source, "8.8.8.8").ttl(60).udp(out->source_port, 53).payload(20);
  const auto error = bed.one(kOutside, NatBed::outside("100.100.1.1", out->source).icmp(3, 3).embed(seen));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kInside);
  EXPECT_EQ(error->source, "64:ff9b::6464:101");
  EXPECT_EQ(error->destination, kHost6);
  EXPECT_EQ(int{error->icmp_type}, 1);
  EXPECT_EQ(int{error->icmp_code}, 4);
  const Seen embedded = error->embedded();
  EXPECT_EQ(embedded.source, kHost6);
  EXPECT_EQ(embedded.destination, kServer6);
  EXPECT_EQ(embedded.source_port, 4000);
  EXPECT_EQ(embedded.destination_port, 53);
}

TEST_P(Nat64, AnErrorFromInsideIsAboutThePacketThatCameIn) {
  NatBed bed(variant(), nat64());
  const auto out = bed.one(kInside, udp_through(kHost6, 4000));
  ASSERT_TRUE(out);
  const auto got = packet().ipv6(kServer6, kHost6).ttl(60).udp(53, 4000).payload(20);
  const auto error = bed.one(kInside, NatBed::inside(kHost6, kServer6).icmp(1, 4).embed(got));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kOutside);
  EXPECT_EQ(error->source, "203.0.113.1");
  EXPECT_EQ(error->destination, "8.8.8.8");
  EXPECT_EQ(int{error->icmp_type}, 3);
  EXPECT_EQ(int{error->icmp_code}, 3);
  EXPECT_EQ(error->embedded().ends(), "8.8.8.8:53 > " + out->source_end());
}

TEST_P(Nat64, FragmentsGoThroughInAnyOrder) {
  NatBed bed(variant(), nat64());
  const auto whole = NatBed::inside(kHost6, kServer6).udp(4000, 53).payload(2000);
  const auto out = bed.pass(kInside, {whole.piece(1000, 1008, 9), whole.piece(0, 1000, 9)});
  ASSERT_EQ(out.size(), 2U);
  std::uint16_t port = 0;
  for (const Seen& piece : out) {
    EXPECT_EQ(piece.port, kOutside);
    EXPECT_EQ(piece.source, "203.0.113.1");
    if (piece.source_port != 0) port = piece.source_port;
  }
  const auto back = NatBed::outside("8.8.8.8", "203.0.113.1").udp(53, port).payload(2000);
  const auto in = bed.pass(kOutside, {back.piece(1000, 1008, 5), back.piece(0, 1000, 5)});
  ASSERT_EQ(in.size(), 2U);
  for (const Seen& piece : in) EXPECT_EQ(piece.destination, kHost6);
}

// RFC 6146 section 3.8.
TEST_P(Nat64, TwoHostsReachEachOtherByTheirOutsideAddresses) {
  NatBed bed(variant(), own_prefix());
  const auto one = bed.one(kInside, udp_through(kHost6, 4000, "2001:db8:64::808:808"));
  const auto two = bed.one(kInside, udp_through(kOther6, 5000, "2001:db8:64::808:808"));
  ASSERT_TRUE(one && two);
  const auto there = bed.one(
      kInside, NatBed::inside(kHost6, "2001:db8:64::cb00:7101").udp(4000, two->source_port).payload(9));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->port, kInside);
  EXPECT_EQ(there->source, "2001:db8:64::cb00:7101");
  EXPECT_EQ(there->source_port, one->source_port);
  EXPECT_EQ(there->destination, kOther6);
  EXPECT_EQ(there->destination_port, 5000);
}

// RFC 7915 section 4.5.
TEST_P(Nat64, UdpWithoutAChecksumGetsOne) {
  NatBed bed(variant(), nat64());
  const auto out = bed.one(kInside, udp_through(kHost6, 4000));
  ASSERT_TRUE(out);
  const auto in = bed.one(
      kOutside,
      NatBed::outside("8.8.8.8", out->source).udp(53, out->source_port).payload(31).no_udp_checksum());
  ASSERT_TRUE(in);
  EXPECT_EQ(in->payload.size(), 31U);
}

TEST_P(Nat64, WhatMeansNothingInIpv4IsDropped) {
  NatBed bed(variant(), nat64());
  // RFC 6052 section 3.1: no private address under the well-known prefix. RFC 7915 section 5.4.
  const auto told = bed.one(kInside, udp_through(kHost6, 4000, "64:ff9b::a00:a"));
  ASSERT_TRUE(told);
  EXPECT_EQ(bed.dropped(nat::Drop::kUntranslatable), 1U);
  EXPECT_EQ(told->source, "2001:db8:1::1");
  EXPECT_EQ(told->destination, kHost6);
  EXPECT_EQ(int{told->icmp_type}, 1);
  EXPECT_EQ(int{told->icmp_code}, 1);
  EXPECT_EQ(told->embedded().destination, "64:ff9b::a00:a");
  // RFC 6146 section 3.4.
  const auto unknown = bed.told(kInside, NatBed::inside(kHost6, kServer6).gre(0x0800).payload(9),
                                nat::Drop::kUnsupportedProtocol);
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->destination, kHost6);
  EXPECT_EQ(unknown->icmp_type, 1);
  EXPECT_EQ(unknown->icmp_code, 4);
  bed.refused(kInside, NatBed::inside(kHost6, kServer6).tcp(1, 2).flags("A"), nat::Drop::kTcpNotSyn);
  bed.refused(kInside, NatBed::inside("64:ff9b::101:101", kServer6).udp(1, 2), nat::Drop::kUntranslatable);
}

// RFC 7915 section 4.4, and section 4.5 for what it is about: a checksum that nobody can compute.
TEST_P(Nat64, WhatMeansNothingInIpv6IsTold) {
  NatBed bed(variant(), nat64());
  const auto out = bed.one(kInside, NatBed::inside(kHost6, kServer6).echo_request(77, 1).payload(600));
  ASSERT_TRUE(out);
  // Section 1.2: no fragment of ICMP.
  const auto whole = NatBed::outside("8.8.8.8", out->source).echo_reply(out->source_port, 1).payload(600);
  const auto told = bed.one(kOutside, whole.piece(0, 400, 7));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->port, kOutside);
  EXPECT_EQ(told->source, "198.51.100.2");
  EXPECT_EQ(told->destination, "8.8.8.8");
  EXPECT_EQ(int{told->icmp_type}, 3);
  EXPECT_EQ(int{told->icmp_code}, 13);
  EXPECT_EQ(told->embedded().destination, out->source);
  EXPECT_EQ(bed.dropped(nat::Drop::kUntranslatable), 1U);
}

// RFC 7915 section 5.1.1.
TEST_P(Nat64, AnExtensionBehindAFragmentHeaderIsTold) {
  NatBed bed(variant(), nat64());
  ASSERT_TRUE(bed.one(kInside, udp_through(kHost6, 4000)));
  const auto told = bed.one(kInside, NatBed::inside(kHost6, kServer6)
                                         .fragment_header(0, true, 9)
                                         .destination_options()
                                         .udp(4000, 53)
                                         .payload(32));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->destination, kHost6);
  EXPECT_EQ(int{told->icmp_type}, 1);
  EXPECT_EQ(int{told->icmp_code}, 1);
  EXPECT_EQ(bed.dropped(nat::Drop::kUntranslatable), 1U);
}

TEST_P(Nat64, OtherIpv6IsRoutedAsItIs) {
  NatBed bed(variant(), nat64());
  const auto out = bed.pass(kInside, {NatBed::inside(kHost6, kOther6).udp(1, 2)});
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].destination, kOther6);
  EXPECT_EQ(bed.sessions(), 0U);
}

}  // namespace
}  // namespace millrace::testing
