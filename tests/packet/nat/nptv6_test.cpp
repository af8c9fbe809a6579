// SPDX-License-Identifier: BSD-3-Clause
// IPv6 networks that have another prefix outside: RFC 6296.
#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Nptv6 : public NatTest {};
MILLRACE_NAT_VARIANTS(Nptv6);

// fd01 + 0203 + 0405 = 030a, 2001 + 0db8 + 0002 = 2dbb; 030a - 2dbb = d54e, which is added to the subnet.
constexpr std::string_view kMappedHost = "fd01:203:405:1::10";
constexpr std::string_view kMappedHostOutside = "2001:db8:2:d54f::10";
constexpr std::string_view kMappedOther = "fd01:203:405:2::20";
constexpr std::string_view kMappedOtherOutside = "2001:db8:2:d550::20";
constexpr std::string_view kPlainServer = "2001:db8:5::80";

NatSpec one_network() {
  NatSpec spec;
  spec.prefixes = {{"fd01:203:405::/48", "2001:db8:2::/48"}};
  return spec;
}

// Of one subnet: 030a + 0100 = 040a, 2dbb + 0200 = 2fbb; 040a - 2fbb = d44e, added to the interface.
NatSpec mapped_by_interface() {
  NatSpec spec;
  spec.prefixes = {{"fd01:203:405:100::/56", "2001:db8:2:200::/56"}};
  return spec;
}

constexpr std::size_t kIpOfFrame = 14;
constexpr std::size_t kBehindAddresses = kIpOfFrame + 40;

Frame behind(const Frame& frame, std::size_t at) {
  return Frame(frame.begin() + static_cast<std::ptrdiff_t>(at), frame.end());
}

std::uint32_t word_of_icmp(const Seen& seen) {
  const Frame& frame = seen.frame;
  std::uint32_t word = 0;
  for (std::size_t at = kBehindAddresses + 4; at < kBehindAddresses + 8; ++at)
    word = word << 8 | frame.at(at);
  return word;
}

// Sections 3.2 and 3.4.
TEST_P(Nptv6, OutwardTheSourceHasAnotherPrefixAndNothingBehindItChanges) {
  NatBed bed(variant(), one_network());
  for (const PacketBuilder& packet :
       {NatBed::inside(kMappedHost, kPlainServer).tcp(4000, 80).flags("S"),
        NatBed::inside(kMappedHost, kPlainServer).udp(1, 2).payload(33),
        NatBed::inside(kMappedHost, kPlainServer).echo_request(7, 1).payload(8),
        NatBed::inside(kMappedHost, kPlainServer).sctp(5, 6, 1),
        NatBed::inside(kMappedHost, kPlainServer).gre(0x0800).payload(9),
        NatBed::inside(kMappedHost, kPlainServer).hop_by_hop().udp(1, 2).payload(5)}) {
    const auto out = bed.pass(kInside, {packet});
    ASSERT_EQ(out.size(), 1U);
    EXPECT_EQ(out[0].port, kOutside);
    EXPECT_EQ(out[0].source, kMappedHostOutside);
    EXPECT_EQ(out[0].destination, kPlainServer);
    EXPECT_EQ(int{out[0].ttl}, 63);
    EXPECT_EQ(behind(out[0].frame, kBehindAddresses), behind(packet.bytes(), kBehindAddresses));
  }
  EXPECT_EQ(bed.sessions(), 0U);
}

// Section 3.3: also unasked, there is no state.
TEST_P(Nptv6, InwardTheDestinationHasItsOwnPrefixAgain) {
  NatBed bed(variant(), one_network());
  const auto packet = NatBed::outside(kPlainServer, kMappedHostOutside).tcp(80, 4000).flags("S");
  const auto in = bed.one(kOutside, packet);
  ASSERT_TRUE(in);
  EXPECT_EQ(in->port, kInside);
  EXPECT_EQ(in->source, kPlainServer);
  EXPECT_EQ(in->destination, kMappedHost);
  EXPECT_EQ(int{in->ttl}, 63);
  EXPECT_EQ(behind(in->frame, kBehindAddresses), behind(packet.bytes(), kBehindAddresses));
}

// Sections 3.5 and 3.7.
TEST_P(Nptv6, OfLongerPrefixesTheInterfaceIsAdjusted) {
  NatBed bed(variant(), mapped_by_interface());
  const auto out =
      bed.one(kInside, NatBed::inside("fd01:203:405:1ab::10", kPlainServer).udp(1, 2).payload(9));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->source, "2001:db8:2:2ab:d44e::10");
  const auto in = bed.one(kOutside, NatBed::outside(kPlainServer, out->source).udp(2, 1).payload(9));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->destination, "fd01:203:405:1ab::10");
}

// Section 3.2: a destination unreachable should tell.
TEST_P(Nptv6, ASubnetWithoutACounterpartIsToldSo) {
  NatBed bed(variant(), one_network());
  const auto out = bed.one(kInside, NatBed::inside("fd01:203:405:ffff::10", kPlainServer).udp(1, 2));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->port, kInside);
  EXPECT_EQ(out->source, "2001:db8:1::1");
  EXPECT_EQ(int{out->icmp_type}, 1);
  EXPECT_EQ(int{out->icmp_code}, 5);
  EXPECT_EQ(out->embedded().source, "fd01:203:405:ffff::10");
  const auto in = bed.one(kOutside, NatBed::outside(kPlainServer, "2001:db8:2:ffff::10").udp(2, 1));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->port, kOutside);
  EXPECT_EQ(in->source, "2001:db8:ff::2");
  EXPECT_EQ(int{in->icmp_type}, 1);
  EXPECT_EQ(int{in->icmp_code}, 3);
  EXPECT_EQ(bed.dropped(nat::Drop::kNoCounterpart), 2U);
}

// Section 3.7: a parameter problem, at the address.
TEST_P(Nptv6, AnInterfaceWithoutACounterpartIsToldSo) {
  NatBed bed(variant(), mapped_by_interface());
  const auto out =
      bed.one(kInside, NatBed::inside("fd01:203:405:1ab:ffff:ffff:ffff:ffff", kPlainServer).udp(1, 2));
  ASSERT_TRUE(out);
  EXPECT_EQ(int{out->icmp_type}, 4);
  EXPECT_EQ(int{out->icmp_code}, 0);
  EXPECT_EQ(word_of_icmp(*out), 8U);
  const auto in =
      bed.one(kOutside, NatBed::outside(kPlainServer, "2001:db8:2:2ab:ffff:ffff:ffff:ffff").udp(2, 1));
  ASSERT_TRUE(in);
  EXPECT_EQ(int{in->icmp_type}, 4);
  EXPECT_EQ(word_of_icmp(*in), 24U);
  EXPECT_EQ(bed.dropped(nat::Drop::kNoCounterpart), 2U);
}

TEST_P(Nptv6, AnErrorFromOutsideIsAboutThePacketThatWasSent) {
  NatBed bed(variant(), one_network());
  const auto sent = packet().ipv6(kMappedHostOutside, kPlainServer).ttl(60).udp(4000, 53).payload(20);
  const auto error =
      bed.one(kOutside, NatBed::outside("2001:db8:77::1", kMappedHostOutside).icmp(1, 4).embed(sent));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kInside);
  EXPECT_EQ(error->source, "2001:db8:77::1");
  EXPECT_EQ(error->destination, kMappedHost);
  EXPECT_EQ(error->embedded().source, kMappedHost);
  EXPECT_EQ(error->embedded().destination, kPlainServer);
}

TEST_P(Nptv6, AnErrorFromInsideIsAboutThePacketThatCameIn) {
  NatBed bed(variant(), one_network());
  const auto got = packet().ipv6(kPlainServer, kMappedHost).ttl(60).udp(53, 4000).payload(20);
  // By the host itself, and by a router that has an address of another network.
  struct Teller {
    std::string_view inside;
    std::string_view outside;
  };
  for (const auto& [inside, outside] :
       {Teller{kMappedHost, kMappedHostOutside}, Teller{"2001:db8:1::77", "2001:db8:1::77"}}) {
    const auto error = bed.one(kInside, NatBed::inside(inside, kPlainServer).icmp(1, 4).embed(got));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->port, kOutside);
    EXPECT_EQ(error->source, outside);
    EXPECT_EQ(error->destination, kPlainServer);
    EXPECT_EQ(error->embedded().source, kPlainServer);
    EXPECT_EQ(error->embedded().destination, kMappedHostOutside);
  }
}

TEST_P(Nptv6, AnErrorThatHoldsNoWholeHeaderIsDropped) {
  NatBed bed(variant(), one_network());
  const auto sent = packet().ipv6(kMappedHostOutside, kPlainServer).udp(4000, 53);
  bed.refused(kOutside, NatBed::outside(kPlainServer, kMappedHostOutside).icmp(1, 4).embed(sent, 39),
              nat::Drop::kIcmpBadEmbedded);
  bed.refused(kOutside,
              NatBed::outside(kPlainServer, kMappedHostOutside)
                  .icmp(1, 4)
                  .embed(packet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(50)),
              nat::Drop::kIcmpBadEmbedded);
  bed.refused(kInside, NatBed::inside(kMappedHost, kPlainServer).icmp(1, 4).embed(sent, 8),
              nat::Drop::kIcmpBadEmbedded);
}

// Section 4.3.
TEST_P(Nptv6, HostsReachEachOtherByTheirOutsideAddresses) {
  NatBed bed(variant(), one_network());
  const auto there = bed.one(kInside, NatBed::inside(kMappedHost, kMappedOtherOutside).udp(1, 2).payload(9));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->port, kInside);
  EXPECT_EQ(there->source, kMappedHostOutside);
  EXPECT_EQ(there->destination, kMappedOther);
  EXPECT_EQ(int{there->ttl}, 63);
  // And an error goes back the same way.
  const auto got = packet().ipv6(kMappedHostOutside, kMappedOther).udp(1, 2).payload(9);
  const auto error = bed.one(kInside, NatBed::inside(kMappedOther, kMappedHostOutside).icmp(1, 4).embed(got));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->source, kMappedOtherOutside);
  EXPECT_EQ(error->destination, kMappedHost);
  EXPECT_EQ(error->embedded().source, kMappedHost);
  EXPECT_EQ(error->embedded().destination, kMappedOtherOutside);
}

TEST_P(Nptv6, HostsDoNotReachEachOtherSoWhenHairpinIsOff) {
  NatSpec spec = one_network();
  spec.hairpin = false;
  NatBed bed(variant(), spec);
  bed.refused(kInside, NatBed::inside(kMappedHost, kMappedOtherOutside).udp(1, 2), nat::Drop::kHairpinOff);
}

TEST_P(Nptv6, WhatDoesNotLeaveIsRoutedAsItIs) {
  NatBed bed(variant(), one_network());
  const auto inside = bed.one(kInside, NatBed::inside(kMappedHost, "2001:db8:1::77").udp(1, 2).payload(3));
  ASSERT_TRUE(inside);
  EXPECT_EQ(inside->port, kInside);
  EXPECT_EQ(inside->source, kMappedHost);
  const auto other = bed.one(kInside, NatBed::inside("2001:db8:1::77", kPlainServer).udp(1, 2).payload(3));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->port, kOutside);
  EXPECT_EQ(other->source, "2001:db8:1::77");
  const auto in = bed.one(kOutside, NatBed::outside(kPlainServer, "2001:db8:1::77").udp(1, 2).payload(3));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->destination, "2001:db8:1::77");
}

TEST_P(Nptv6, NobodyOutsideReachesAnInsideAddressAsItIs) {
  NatBed bed(variant(), one_network());
  bed.refused(kOutside, NatBed::outside(kPlainServer, kMappedHost).udp(1, 2), nat::Drop::kNotTranslated);
}

// The gateway's own inside address would answer as itself.
TEST_P(Nptv6, TheGatewayIsNoHostOfTheNetwork) {
  NatSpec spec;
  spec.prefixes = {{"2001:db8:1::/48", "2001:db8:2::/48"}};  // 2dba - 2dbb = fffe
  NatBed bed(variant(), spec);
  const auto in = bed.one(kOutside, NatBed::outside(kPlainServer, "2001:db8:2:fffe::77").udp(1, 2));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->destination, "2001:db8:1::77");
  bed.refused(kOutside, NatBed::outside(kPlainServer, "2001:db8:2:fffe::1").udp(1, 2),
              nat::Drop::kNotTranslated);
}

TEST_P(Nptv6, ATraceSeesTheGatewayFromBothSides) {
  NatBed bed(variant(), one_network());
  const auto out = bed.one(kInside, NatBed::inside(kMappedHost, kPlainServer).ttl(1).udp(1, 2));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->source, "2001:db8:1::1");
  EXPECT_EQ(out->destination, kMappedHost);
  EXPECT_EQ(int{out->icmp_type}, 3);
  EXPECT_EQ(out->embedded().source, kMappedHost);
  const auto in = bed.one(kOutside, NatBed::outside(kPlainServer, kMappedHostOutside).ttl(1).udp(1, 2));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->source, "2001:db8:ff::2");
  EXPECT_EQ(in->destination, kPlainServer);
  EXPECT_EQ(int{in->icmp_type}, 3);
  EXPECT_EQ(in->embedded().destination, kMappedHostOutside);
}

TEST_P(Nptv6, APacketTooBigForTheWayOutIsTold) {
  NatBed bed(variant(), one_network());
  const auto error = bed.one(kInside, NatBed::inside(kMappedHost, "2001:db8:9::1").udp(1, 2).payload(1300));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->destination, kMappedHost);
  EXPECT_EQ(int{error->icmp_type}, 2);
  EXPECT_EQ(word_of_icmp(*error), 1280U);
  EXPECT_EQ(error->embedded().source, kMappedHost);
}

TEST_P(Nptv6, AnInsideNetworkWithoutARouteIsTold) {
  NatSpec spec = one_network();
  spec.prefixes = {{"fd99::/48", "2001:db8:2::/48"}};
  spec.prefixes.front().domain = 1;  // where nothing leads anywhere else
  NatBed bed(variant(), spec);
  const auto error = bed.one(kOutside, NatBed::outside(kPlainServer, "2001:db8:2:1::1").udp(1, 2));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kOutside);
  EXPECT_EQ(int{error->icmp_type}, 1);
  EXPECT_EQ(int{error->icmp_code}, 0);
  EXPECT_EQ(error->embedded().destination, "2001:db8:2:1::1");
}

TEST_P(Nptv6, FragmentsGoThroughInAnyOrder) {
  NatBed bed(variant(), one_network());
  const auto whole = NatBed::inside(kMappedHost, kPlainServer).udp(4000, 53).payload(2000);
  const auto out = bed.pass(kInside, {whole.piece(1000, 1008, 9), whole.piece(0, 1000, 9)});
  ASSERT_EQ(out.size(), 2U);
  for (const Seen& piece : out) EXPECT_EQ(piece.source, kMappedHostOutside);
  const auto back = NatBed::outside(kPlainServer, kMappedHostOutside).udp(53, 4000).payload(2000);
  const auto in = bed.pass(kOutside, {back.piece(1000, 1008, 5), back.piece(0, 1000, 5)});
  ASSERT_EQ(in.size(), 2U);
  for (const Seen& piece : in) EXPECT_EQ(piece.destination, kMappedHost);
}

// Two domains have the same network; each has a prefix of its own outside. 2001 + 0db8 + 0003 = 2dbc;
// 030a - 2dbc = d54d.
TEST_P(Nptv6, DomainsMayHaveTheSameNetwork) {
  NatSpec spec = one_network();
  spec.prefixes.push_back({"fd01:203:405::/48", "2001:db8:3::/48", 1});
  NatBed bed(variant(), spec);
  const auto lan = bed.one(kInside, NatBed::inside(kMappedHost, kPlainServer).udp(1, 2).payload(3));
  const auto tenant = bed.one(kInside, NatBed::from(kTenant, kMappedHost, kPlainServer).udp(1, 2).payload(3));
  ASSERT_TRUE(lan && tenant);
  EXPECT_EQ(lan->source, kMappedHostOutside);
  EXPECT_EQ(tenant->port, kOutside);
  EXPECT_EQ(tenant->source, "2001:db8:3:d54e::10");
  const auto in = bed.one(kOutside, NatBed::outside(kPlainServer, tenant->source).udp(2, 1).payload(3));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->destination, kMappedHost);
  EXPECT_EQ(in->frame.at(12) * 256 + in->frame.at(13), 0x8100) << "the tenant's VLAN";
  // They reach each other, too.
  const auto across =
      bed.one(kInside, NatBed::from(kTenant, kMappedHost, kMappedOtherOutside).udp(1, 2).payload(3));
  ASSERT_TRUE(across);
  EXPECT_EQ(across->source, "2001:db8:3:d54e::10");
  EXPECT_EQ(across->destination, kMappedOther);
}

TEST_P(Nptv6, AHostOfTheNetworkReachesIpv4ByNat64) {
  NatSpec spec = one_network();
  spec.nat64 = "64:ff9b::/96";
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, NatBed::inside(kMappedHost, "64:ff9b::808:808").udp(4000, 53).payload(9));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->destination, "8.8.8.8");
  const auto in =
      bed.one(kOutside, NatBed::outside("8.8.8.8", out->source).udp(53, out->source_port).payload(9));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->destination, kMappedHost);
}

TEST_P(Nptv6, AnotherPrefixHoldsAtOnce) {
  NatBed bed(variant(), one_network());
  ASSERT_TRUE(bed.one(kInside, NatBed::inside(kMappedHost, kPlainServer).udp(1, 2)));
  bed.change([](NatSpec& spec) { spec.prefixes.front().outside = "2001:db8:3::/48"; });
  const auto out = bed.one(kInside, NatBed::inside(kMappedHost, kPlainServer).udp(1, 2));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->source, "2001:db8:3:d54e::10");
}

}  // namespace
}  // namespace millrace::testing
