// SPDX-License-Identifier: BSD-3-Clause
// What keeps a mapping and what does not, and whose it is: RFC 7857.
#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Refresh : public NatTest {};
MILLRACE_NAT_VARIANTS(Refresh);

NatSpec unfiltered() {
  NatSpec spec;
  spec.rules[0].filtering = nat::Dependence::kEndpoint;
  return spec;
}

PacketBuilder refresh_udp_out() { return NatBed::inside("10.0.0.10", "8.8.8.8").udp(4000, 53); }

PacketBuilder refresh_tcp_out(std::string_view flags) {
  return NatBed::inside("10.0.0.10", "8.8.8.8").tcp(4000, 80).flags(flags);
}

// RFC 7857 sections 5 and 6.
TEST_P(Refresh, AMappingIsOfOneProtocol) {
  NatBed bed(variant(), unfiltered());
  const auto udp = bed.one(kInside, refresh_udp_out());
  ASSERT_TRUE(udp);
  bed.refused(kOutside, NatBed::outside("9.9.9.9", udp->source).tcp(7, udp->source_port).flags("S"),
              nat::Drop::kNoBinding);
  const auto tcp = bed.one(kInside, refresh_tcp_out("S"));
  ASSERT_TRUE(tcp);
  EXPECT_EQ(bed.mappings(), 2U);
  EXPECT_TRUE(bed.one(kOutside, NatBed::outside("9.9.9.9", tcp->source).tcp(7, tcp->source_port).flags("S")));
  EXPECT_TRUE(bed.one(kOutside, NatBed::outside("9.9.9.9", udp->source).udp(7, udp->source_port)));
}

// RFC 7857 section 7.
TEST_P(Refresh, WhatIsFilteredRefreshesNothing) {
  NatBed bed(variant());
  const auto out = bed.one(kInside, refresh_udp_out());
  ASSERT_TRUE(out);
  bed.wait(200'000);
  bed.refused(kOutside, NatBed::outside("9.9.9.9", out->source).udp(53, out->source_port),
              nat::Drop::kFiltered);
  bed.wait(99'000);
  EXPECT_EQ(bed.sessions(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

// RFC 7857 section 7.1.
TEST_P(Refresh, AnErrorFromInsideRefreshesNothing) {
  NatBed bed(variant());
  ASSERT_TRUE(bed.one(kInside, refresh_udp_out()));
  bed.wait(200'000);
  const auto got = packet().ipv4("8.8.8.8", "10.0.0.10").ttl(63).udp(53, 4000).payload(20);
  ASSERT_TRUE(bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").icmp(3, 3).embed(got, 28)));
  bed.wait(99'000);
  EXPECT_EQ(bed.sessions(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

// RFC 7857 sections 2.2 and 7.1: each is translated, and four minutes count from the first.
TEST_P(Refresh, ResetsThatComeAgainRefreshNothing) {
  NatBed bed(variant());
  const auto syn = bed.one(kInside, refresh_tcp_out("S"));
  ASSERT_TRUE(syn);
  const auto back = [&](std::string_view flags) {
    return NatBed::outside("8.8.8.8", syn->source).tcp(80, syn->source_port).flags(flags);
  };
  ASSERT_TRUE(bed.one(kOutside, back("SA")));
  ASSERT_TRUE(bed.one(kInside, refresh_tcp_out("A")));
  ASSERT_TRUE(bed.one(kInside, refresh_tcp_out("R")));
  bed.wait(120'000);
  ASSERT_TRUE(bed.one(kInside, refresh_tcp_out("R")));
  ASSERT_TRUE(bed.one(kOutside, back("R")));
  bed.wait(119'000);
  EXPECT_EQ(bed.sessions(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

// RFC 7857 section 4.
TEST_P(Refresh, AHostWhoseAddressHasNoMorePortsIsGivenNoOther) {
  NatSpec spec;
  spec.pools[0].addresses = {"203.0.113.1", "203.0.113.2"};
  spec.pools[0].first_port = 4096;
  spec.pools[0].last_port = 4103;
  NatBed bed(variant(), spec);
  const auto from = [](std::uint16_t port) { return NatBed::inside("10.0.0.10", "8.8.8.8").udp(port, 53); };
  for (std::uint16_t port = 1; port <= 8; ++port) ASSERT_TRUE(bed.one(kInside, from(port)));
  const auto told = bed.one(kInside, from(9));
  ASSERT_TRUE(told);
  EXPECT_EQ(int{told->icmp_code}, 13);
  EXPECT_EQ(bed.dropped(nat::Drop::kPoolExhausted), 1U);
  spec.pools[0].paired = false;
  NatBed arbitrary(variant(), spec);
  for (std::uint16_t port = 1; port <= 16; ++port) {
    const auto out = arbitrary.one(kInside, from(port));
    ASSERT_TRUE(out);
    EXPECT_EQ(out->port, kOutside);
  }
}

// RFC 7857 section 11; a shared port rests for two minutes before another has it.
TEST_P(Refresh, AQuerysMappingEndsAfterItsLastSession) {
  NatBed bed(variant());
  for (const std::string_view to : {"8.8.8.8", "8.8.4.4"})
    ASSERT_TRUE(bed.one(kInside, NatBed::inside("10.0.0.10", to).echo_request(77, 1)));
  EXPECT_EQ(bed.mappings(), 1U);
  bed.wait(61'000);
  EXPECT_EQ(bed.sessions(), 0U);
  bed.wait(121'000);
  EXPECT_EQ(bed.mappings(), 0U);
}

// RFC 7857 section 12, RFC 5508 REQ-7: of a host with an outside address of its own, queries too.
TEST_P(Refresh, AQueryIsHairpinned) {
  NatSpec spec;
  spec.statics = {static_mapping("10.0.0.80", "203.0.113.8")};
  NatBed bed(variant(), spec);
  const auto query = bed.one(kInside, NatBed::inside("10.0.0.10", "203.0.113.8").echo_request(77, 1));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->port, kInside);
  EXPECT_EQ(query->source, "203.0.113.1");
  EXPECT_EQ(query->destination, "10.0.0.80");
  const auto reply =
      bed.one(kInside, NatBed::inside("10.0.0.80", query->source).echo_reply(query->source_port, 1));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->source, "203.0.113.8");
  EXPECT_EQ(reply->destination, "10.0.0.10");
  EXPECT_EQ(reply->source_port, 77);
}

}  // namespace
}  // namespace millrace::testing
