// SPDX-License-Identifier: BSD-3-Clause
// Mappings that the profile makes: whole addresses, networks, and ports.
#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Static : public NatTest {};
MILLRACE_NAT_VARIANTS(Static);

NatSpec one_to_one() {
  NatSpec spec;
  spec.statics = {static_mapping("10.0.0.80", "203.0.113.8")};
  return spec;
}

// 10.0.0.90:8443 as 203.0.113.9:443.
NatSpec forwarded() {
  NatSpec spec;
  auto mapping = static_mapping("10.0.0.90", "203.0.113.9");
  mapping.whole = false;
  mapping.protocol = 6;
  mapping.inside_port = 8443;
  mapping.outside_port = 443;
  mapping.ports = 10;
  spec.statics = {mapping};
  return spec;
}

TEST_P(Static, AHostHasItsAddressOutsideForAllProtocols) {
  NatBed bed(variant(), one_to_one());
  const auto check = [&](const PacketBuilder& out) {
    const auto seen = bed.one(kInside, out);
    if (seen) {
      EXPECT_EQ(seen->source, "203.0.113.8");
    }
    return seen;
  };
  const auto udp = check(NatBed::inside("10.0.0.80", "8.8.8.8").udp(4000, 53));
  ASSERT_TRUE(udp);
  EXPECT_EQ(udp->source_port, 4000);
  const auto tcp = check(NatBed::inside("10.0.0.80", "8.8.8.8").tcp(4000, 80).flags("S"));
  ASSERT_TRUE(tcp);
  EXPECT_EQ(tcp->source_port, 4000);
  const auto ping = check(NatBed::inside("10.0.0.80", "8.8.8.8").echo_request(9, 1));
  ASSERT_TRUE(ping);
  EXPECT_EQ(ping->source_port, 9);
  ASSERT_TRUE(check(NatBed::inside("10.0.0.80", "8.8.8.8").gre(0x0800).payload(20)));
  ASSERT_TRUE(check(NatBed::inside("10.0.0.80", "8.8.8.8").esp(7, 1).payload(40)));
  ASSERT_TRUE(check(NatBed::inside("10.0.0.80", "8.8.8.8").sctp(1000, 2000)));
}

TEST_P(Static, EveryoneOutsideReachesTheHost) {
  NatBed bed(variant(), one_to_one());
  const auto udp = bed.one(kOutside, NatBed::outside("8.8.8.8", "203.0.113.8").udp(999, 53));
  ASSERT_TRUE(udp);
  EXPECT_EQ(udp->ends(), "8.8.8.8:999 > 10.0.0.80:53");
  const auto answer = bed.one(kInside, NatBed::inside("10.0.0.80", "8.8.8.8").udp(53, 999));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->ends(), "203.0.113.8:53 > 8.8.8.8:999");
  const auto ping = bed.one(kOutside, NatBed::outside("8.8.8.8", "203.0.113.8").echo_request(5, 1));
  ASSERT_TRUE(ping);
  EXPECT_EQ(ping->destination, "10.0.0.80");
  const auto esp = bed.one(kOutside, NatBed::outside("8.8.8.8", "203.0.113.8").esp(7, 1).payload(40));
  ASSERT_TRUE(esp);
  EXPECT_EQ(esp->destination, "10.0.0.80");
  EXPECT_EQ(bed.sessions(), 3U);
}

TEST_P(Static, ANetworkKeepsItsHostNumbers) {
  NatSpec spec;
  spec.statics = {static_mapping("10.0.1.0", "203.0.113.8")};
  spec.statics[0].size = 8;
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, NatBed::inside("10.0.1.5", "8.8.8.8").udp(4000, 53));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->source_end(), "203.0.113.13:4000");
  const auto in = bed.one(kOutside, NatBed::outside("8.8.8.8", "203.0.113.15").udp(1, 2));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->destination, "10.0.1.7");
  // The next address is none of it.
  const auto other = bed.one(kInside, NatBed::inside("10.0.1.8", "8.8.8.8").udp(4000, 53));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->source, "203.0.113.1");
}

TEST_P(Static, APortIsForwardedToAnother) {
  NatBed bed(variant(), forwarded());
  const auto syn = bed.one(kOutside, NatBed::outside("8.8.8.8", "203.0.113.9").tcp(50000, 445).flags("S"));
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->ends(), "8.8.8.8:50000 > 10.0.0.90:8445");
  const auto answer = bed.one(kInside, NatBed::inside("10.0.0.90", "8.8.8.8").tcp(8445, 50000).flags("SA"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->ends(), "203.0.113.9:445 > 8.8.8.8:50000");
  bed.refused(kOutside, NatBed::outside("8.8.8.8", "203.0.113.9").tcp(50000, 453).flags("S"),
              nat::Drop::kNoBinding);
  bed.refused(kOutside, NatBed::outside("8.8.8.8", "203.0.113.9").udp(50000, 445), nat::Drop::kNoBinding);
  // What else the host sends is translated as everybody's.
  const auto other = bed.one(kInside, NatBed::inside("10.0.0.90", "8.8.8.8").tcp(1234, 80).flags("S"));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->source, "203.0.113.1");
}

TEST_P(Static, AnInsideHostReachesAForwardedPortByItsOutsideAddress) {
  NatBed bed(variant(), forwarded());
  const auto syn = bed.one(kInside, NatBed::inside("10.0.0.10", "203.0.113.9").tcp(50000, 443).flags("S"));
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->port, kInside);
  EXPECT_EQ(syn->source, "203.0.113.1");
  EXPECT_EQ(syn->destination, "10.0.0.90");
  EXPECT_EQ(syn->destination_port, 8443);
}

TEST_P(Static, FragmentsReachTheHostInAnyOrder) {
  NatBed bed(variant(), one_to_one());
  const auto whole = NatBed::outside("8.8.8.8", "203.0.113.8").udp(53, 4000).payload(3000);
  const auto in =
      bed.pass(kOutside, {whole.piece(2960, 48, 5), whole.piece(0, 1480, 5), whole.piece(1480, 1480, 5)});
  ASSERT_EQ(in.size(), 3U);
  for (const Seen& piece : in) EXPECT_EQ(piece.destination, "10.0.0.80");
}

TEST_P(Static, AMappingThatTheProfileTakesBackEnds) {
  NatBed bed(variant(), one_to_one());
  const auto udp = NatBed::outside("8.8.8.8", "203.0.113.8").udp(999, 53);
  ASSERT_TRUE(bed.one(kOutside, udp));
  bed.change([](NatSpec& spec) { spec.statics.clear(); });
  // With several workers nothing leads to the session's owner any more; it ends there by itself.
  EXPECT_TRUE(bed.pass(kOutside, {udp}).empty());
  bed.wait(11'000);
  EXPECT_EQ(bed.mappings(), 0U);
  bed.refused(kOutside, udp, nat::Drop::kNoBinding);
}

// RFC 3704: nobody outside has an address of ours.
TEST_P(Static, WhoClaimsAnAddressOfOursFromOutsideIsRefused) {
  NatBed bed(variant(), one_to_one());
  const auto sent = bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").udp(4000, 53));
  ASSERT_TRUE(sent);
  for (const std::string_view source : {"10.0.0.10", "10.0.5.5", "198.51.100.2", "203.0.113.1"})
    bed.refused(kOutside, NatBed::outside(source, "203.0.113.8").udp(999, 80), nat::Drop::kSpoofed);
  bed.change([](NatSpec& spec) { spec.rules[0].filtering = nat::Dependence::kEndpoint; });
  const auto open = bed.one(kInside, NatBed::inside("10.0.0.11", "8.8.8.8").udp(4000, 53));
  ASSERT_TRUE(open);
  bed.refused(kOutside, NatBed::outside("10.0.0.10", open->source).udp(999, open->source_port),
              nat::Drop::kSpoofed);
  EXPECT_TRUE(bed.one(kOutside, NatBed::outside("9.9.9.9", "203.0.113.8").udp(999, 80)));
}

}  // namespace
}  // namespace millrace::testing
