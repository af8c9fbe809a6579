// SPDX-License-Identifier: BSD-3-Clause
// Sessions between IPv6 inside and IPv4 outside: which there are, and for how long. RFC 6146 section 3.5.
#include <set>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Nat64Session : public NatTest {};
MILLRACE_NAT_VARIANTS(Nat64Session);

constexpr std::string_view kSixHost = "2001:db8:1::10";
constexpr std::string_view kPrefixedServer = "64:ff9b::808:808";  // 8.8.8.8

NatSpec with_prefix() {
  NatSpec spec;
  spec.nat64 = "64:ff9b::/96";
  return spec;
}

PacketBuilder udp_out(std::uint16_t port = 4000) {
  return NatBed::inside(kSixHost, kPrefixedServer).udp(port, 53);
}
PacketBuilder tcp_out(std::string_view flags) {
  return NatBed::inside(kSixHost, kPrefixedServer).tcp(4000, 80).flags(flags);
}

// Section 3.5.1.
TEST_P(Nat64Session, OfUdpLastsFiveMinutesFromTheLastPacketFromInside) {
  NatBed bed(variant(), with_prefix());
  ASSERT_TRUE(bed.one(kInside, udp_out()));
  bed.wait(200'000);
  ASSERT_TRUE(bed.one(kInside, udp_out()));
  bed.wait(299'000);
  EXPECT_EQ(bed.sessions(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

// Section 3.5.3.
TEST_P(Nat64Session, OfAQueryLastsAMinute) {
  NatBed bed(variant(), with_prefix());
  ASSERT_TRUE(bed.one(kInside, NatBed::inside(kSixHost, kPrefixedServer).echo_request(77, 1)));
  bed.wait(59'000);
  EXPECT_EQ(bed.sessions(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

// Section 3.5.2.2: four minutes in V6 INIT and TRANS, two hours and four minutes when established.
TEST_P(Nat64Session, OfTcpLastsByItsState) {
  NatBed bed(variant(), with_prefix());
  const auto syn = bed.one(kInside, tcp_out("S"));
  ASSERT_TRUE(syn);
  bed.wait(239'000);
  EXPECT_EQ(bed.sessions(), 1U);
  const auto back = [&](std::string_view flags) {
    return NatBed::outside("8.8.8.8", syn->source).tcp(80, syn->source_port).flags(flags);
  };
  ASSERT_TRUE(bed.one(kOutside, back("SA")));
  bed.wait((2 * 60 + 4) * 60'000 - 2'000);
  EXPECT_EQ(bed.sessions(), 1U);
  ASSERT_TRUE(bed.one(kInside, tcp_out("FA")));  // one FIN changes nothing
  bed.wait((2 * 60 + 4) * 60'000 - 2'000);
  ASSERT_TRUE(bed.one(kOutside, back("R")));
  bed.wait(200'000);
  ASSERT_TRUE(bed.one(kInside, tcp_out("A")));  // it was forged
  bed.wait(300'000);
  EXPECT_EQ(bed.sessions(), 1U);
  ASSERT_TRUE(bed.one(kOutside, back("R")));
  bed.wait(239'000);
  EXPECT_EQ(bed.sessions(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

// Section 3.5.2.2: V4 INIT, of a port in use that nothing filters.
TEST_P(Nat64Session, OfTcpIsOpenedFromOutside) {
  NatBed bed(variant(), with_prefix());
  const auto out = bed.one(kInside, tcp_out("S"));
  ASSERT_TRUE(out);
  const auto syn =
      bed.one(kOutside, NatBed::outside("9.9.9.9", out->source).tcp(7, out->source_port).flags("S"));
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->source, "64:ff9b::909:909");
  EXPECT_EQ(syn->destination, kSixHost);
  EXPECT_EQ(syn->destination_port, 4000);
  const auto answer = bed.one(kInside, NatBed::inside(kSixHost, "64:ff9b::909:909").tcp(4000, 7).flags("SA"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->ends(), out->source_end() + " > 9.9.9.9:7");
  bed.wait(3'600'000);
  EXPECT_EQ(bed.sessions(), 1U);
}

// Section 3.5.2.2: a simultaneous open.
TEST_P(Nat64Session, OfTcpIsOpenedFromBothSides) {
  NatSpec spec = with_prefix();
  spec.nat64_filtering = nat::Dependence::kAddressAndPort;
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, tcp_out("S"));
  ASSERT_TRUE(out);
  ASSERT_TRUE(
      bed.one(kOutside, NatBed::outside("8.8.8.8", out->source).tcp(80, out->source_port).flags("S")));
  ASSERT_TRUE(bed.one(kInside, tcp_out("SA")));
  bed.wait(3'600'000);
  EXPECT_EQ(bed.sessions(), 1U);
}

// Sections 3.5.1, 3.5.2.2 and 3.5.3: from outside, without a binding.
TEST_P(Nat64Session, IsNotOfferedToStrangers) {
  NatBed bed(variant(), with_prefix());
  const auto out = bed.one(kInside, udp_out());
  ASSERT_TRUE(out);
  const auto from = [&] { return NatBed::outside("8.8.8.8", out->source); };
  bed.refused(kOutside, from().udp(53, out->source_port ^ 1U), nat::Drop::kNoBinding);
  bed.refused(kOutside, from().tcp(53, out->source_port).flags("S"), nat::Drop::kNoBinding);
  bed.refused(kOutside, from().echo_request(out->source_port, 1), nat::Drop::kNoBinding);
}

// Sections 3.5.1.1 and 3.5.2.3: one outside address for all of a host; one port for one host.
TEST_P(Nat64Session, AllOfAHostHasOneOutsideAddress) {
  NatSpec spec = with_prefix();
  spec.pools[0].addresses = {"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"};
  NatBed bed(variant(), spec);
  std::set<std::string> addresses;
  std::set<std::string> ends;
  for (std::uint16_t port = 1; port <= 20; ++port) {
    const auto out = bed.one(kInside, udp_out(port));
    ASSERT_TRUE(out);
    addresses.insert(out->source);
    EXPECT_TRUE(ends.insert(out->source_end()).second);
  }
  const auto tcp = bed.one(kInside, tcp_out("S"));
  const auto ping = bed.one(kInside, NatBed::inside(kSixHost, kPrefixedServer).echo_request(77, 1));
  ASSERT_TRUE(tcp && ping);
  addresses.insert({tcp->source, ping->source});
  EXPECT_EQ(addresses.size(), 1U);
}

// Section 3.5.1.1; the code is RFC 6888's, that of something forbidden.
TEST_P(Nat64Session, ThatHasNoPortIsTold) {
  NatSpec spec = with_prefix();
  spec.pools[0].ports_per_subscriber = 1;
  NatBed bed(variant(), spec);
  ASSERT_TRUE(bed.one(kInside, udp_out(1)));
  const auto told = bed.one(kInside, udp_out(2));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->port, kInside);
  EXPECT_EQ(told->destination, kSixHost);
  EXPECT_EQ(int{told->icmp_type}, 1);
  EXPECT_EQ(int{told->icmp_code}, 1);
  EXPECT_EQ(bed.dropped(nat::Drop::kSubscriberPorts), 1U);
}

// Section 3.4: without room to put such a datagram together it is dropped silently.
TEST_P(Nat64Session, AFragmentWithoutAChecksumIsDropped) {
  NatBed bed(variant(), with_prefix());
  const auto out = bed.one(kInside, udp_out());
  ASSERT_TRUE(out);
  const auto whole =
      NatBed::outside("8.8.8.8", out->source).udp(53, out->source_port).payload(2000).no_udp_checksum();
  EXPECT_TRUE(bed.pass(kOutside, {whole.piece(0, 1000, 5), whole.piece(1000, 1008, 5)}).empty());
  EXPECT_EQ(bed.dropped(nat::Drop::kUntranslatable), 1U);
}

// Section 3.6: what a router inside says comes from the outside address of the host that it is about.
TEST_P(Nat64Session, AnErrorOfARouterInsideComesFromTheHostsAddress) {
  NatBed bed(variant(), with_prefix());
  const auto out = bed.one(kInside, udp_out());
  ASSERT_TRUE(out);
  const auto got = packet().ipv6(kPrefixedServer, kSixHost).ttl(60).udp(53, 4000).payload(20);
  const auto error =
      bed.one(kInside, NatBed::inside("2001:db8:1::ffff", kPrefixedServer).icmp(3, 0).embed(got));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->source, out->source);
  EXPECT_EQ(error->destination, "8.8.8.8");
  EXPECT_EQ(int{error->icmp_type}, 11);
  EXPECT_EQ(error->embedded().ends(), "8.8.8.8:53 > " + out->source_end());
}

// RFC 7915 section 4.1: the MTU that is told is what fits once it is translated.
TEST_P(Nat64Session, APacketTooBigForTheWayInIsTold) {
  NatBed bed(variant(), with_prefix());
  const auto out = bed.one(kInside, udp_out());
  ASSERT_TRUE(out);
  const auto back = [&](std::size_t bytes) {
    return NatBed::outside("8.8.8.8", out->source).df().udp(53, out->source_port).payload(bytes);
  };
  EXPECT_TRUE(bed.one(kOutside, back(1480 - 28)));
  const auto error = bed.one(kOutside, back(1481 - 28));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kOutside);
  EXPECT_EQ(error->destination, "8.8.8.8");
  EXPECT_EQ(int{error->icmp_type}, 3);
  EXPECT_EQ(int{error->icmp_code}, 4);
  EXPECT_EQ(error->frame.at(14 + 20 + 6) * 256 + error->frame.at(14 + 20 + 7), 1480);
}

}  // namespace
}  // namespace millrace::testing
