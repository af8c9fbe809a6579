// SPDX-License-Identifier: BSD-3-Clause
// The opcode PEER of PCP: RFC 6887 section 12.
#include "tests/packet/nat/pcp_client.h"

namespace millrace::testing {
namespace {

using namespace pcp_client;

class PortPeer : public NatTest {};
MILLRACE_NAT_VARIANTS(PortPeer);

TEST_P(PortPeer, ASessionIsKeptWithoutTraffic) {
  NatBed bed(variant(), answering());
  const auto out = bed.one(kInside, NatBed::inside(kHost, "8.8.8.8").udp(4000, 53));
  ASSERT_TRUE(out);
  const auto kept = ask(bed, peer({.lifetime = 3600}, "8.8.8.8", 53));
  ASSERT_TRUE(kept);
  EXPECT_EQ(int{kept->result}, kSuccess);
  EXPECT_EQ(int{kept->opcode}, 2);
  EXPECT_EQ(kept->lifetime, 3600U);
  EXPECT_EQ(kept->port, out->source_port);
  EXPECT_EQ(kept->address, out->source);
  EXPECT_EQ(kept->payload.size(), 80U);
  const auto answer = NatBed::outside("8.8.8.8", out->source).udp(53, out->source_port);
  bed.wait(1'000'000);
  EXPECT_TRUE(bed.one(kOutside, answer));
  bed.wait(3'000'000);
  bed.refused(kOutside, answer, nat::Drop::kNoBinding);
  EXPECT_EQ(bed.sessions(), 0U);
}

TEST_P(PortPeer, ASessionIsOpenedAsIfTheHostHadSent) {
  NatBed bed(variant(), answering());
  const auto made = ask(bed, peer({.suggested = 5000}, "8.8.8.8", 53));
  ASSERT_TRUE(made);
  EXPECT_EQ(int{made->result}, kSuccess);
  EXPECT_EQ(made->port, 5000);
  const auto in = bed.one(kOutside, NatBed::outside("8.8.8.8", made->address).udp(53, 5000));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "8.8.8.8:53 > 10.0.0.10:4000");
  bed.refused(kOutside, NatBed::outside("8.8.4.4", made->address).udp(53, 5000), nat::Drop::kFiltered);
  const auto out = bed.one(kInside, NatBed::inside(kHost, "8.8.8.8").udp(4000, 53));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->source_port, 5000);
}

TEST_P(PortPeer, AnotherNonceChangesNothing) {
  NatBed bed(variant(), answering());
  ASSERT_TRUE(ask(bed, peer({}, "8.8.8.8", 53)));
  EXPECT_EQ(result_of(bed, peer({.nonce = 2}, "8.8.8.8", 53)), kNotAuthorized);
  EXPECT_EQ(result_of(bed, peer({.nonce = 2}, "8.8.4.4", 53)), kSuccess);
}

// RFC 6887 section 12.1: it may not be possible to take a session away; this gives back what was asked for.
TEST_P(PortPeer, LifetimeZeroLeavesTheSessionItsIdleTime) {
  NatBed bed(variant(), answering());
  ASSERT_TRUE(ask(bed, peer({.lifetime = 3600}, "8.8.8.8", 53)));
  const auto left = ask(bed, peer({.lifetime = 0}, "8.8.8.8", 53));
  ASSERT_TRUE(left);
  EXPECT_EQ(int{left->result}, kSuccess);
  EXPECT_EQ(left->lifetime, 300U);
  bed.wait(310'000);
  EXPECT_EQ(bed.sessions(), 0U);
  EXPECT_EQ(result_of(bed, peer({.lifetime = 0}, "8.8.8.8", 53)), kSuccess);
  EXPECT_EQ(bed.sessions(), 0U);
}

TEST_P(PortPeer, WhatCanNotBeIsRefused) {
  NatBed bed(variant(), answering());
  EXPECT_EQ(result_of(bed, peer({.protocol = 132}, "8.8.8.8", 53)), kUnsuppProtocol);
  EXPECT_EQ(result_of(bed, peer({.port = 0}, "8.8.8.8", 53)), kMalformedRequest);
  EXPECT_EQ(result_of(bed, peer({}, "8.8.8.8", 0)), kMalformedRequest);
  EXPECT_EQ(result_of(bed, peer({}, "2001:db8::1", 53)), kNotAuthorized);
  EXPECT_EQ(result_of(bed, peer({}, "10.0.3.3", 53)), kNotAuthorized);  // not translated on the way there
  EXPECT_EQ(result_of(bed, with(peer({}, "8.8.8.8", 53), filter("9.9.9.9", 128, 0))), kMalformedOption);
  EXPECT_EQ(bed.mappings(), 0U);
}

TEST_P(PortPeer, ItCountsForTheQuota) {
  NatSpec spec = answering();
  spec.port_control->mappings_per_subscriber = 1;
  NatBed bed(variant(), spec);
  EXPECT_EQ(result_of(bed, peer({}, "8.8.8.8", 53)), kSuccess);
  EXPECT_EQ(result_of(bed, peer({}, "8.8.4.4", 53)), kUserExQuota);
  EXPECT_EQ(bed.sessions(), 1U);
  EXPECT_EQ(result_of(bed, map({.port = 9})), kUserExQuota);
}

TEST_P(PortPeer, AClosedConnectionIsNotKept) {
  NatBed bed(variant(), answering());
  const auto out = bed.one(kInside, NatBed::inside(kHost, "8.8.8.8").tcp(4000, 80).flags("S"));
  ASSERT_TRUE(out);
  ASSERT_TRUE(ask(bed, peer({.lifetime = 3600, .protocol = 6}, "8.8.8.8", 80)));
  ASSERT_TRUE(bed.one(kInside, NatBed::inside(kHost, "8.8.8.8").tcp(4000, 80).flags("R")));
  bed.wait(250'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

TEST_P(PortPeer, AnIpv6HostReachesAnIpv4PeerByItsEmbeddedAddress) {
  NatSpec spec = answering();
  spec.nat64 = "64:ff9b::/96";
  NatBed bed(variant(), spec);
  constexpr std::string_view kPeerHost6 = "2001:db8:1::10";
  const auto answer = ask(bed, peer({.client = kPeerHost6}, "64:ff9b::808:808", 53), kPeerHost6);
  ASSERT_TRUE(answer);
  EXPECT_EQ(int{answer->result}, kSuccess);
  const auto in = bed.one(kOutside, into(*answer, "8.8.8.8", 53));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "64:ff9b::808:808:53 > 2001:db8:1::10:4000");
  // Neither a peer that no prefix stands for, nor one that may not be embedded (RFC 6052 section 3.1).
  EXPECT_EQ(result_of(bed, peer({.client = kPeerHost6}, "2001:db8:9::1", 53), kPeerHost6), kNotAuthorized);
  EXPECT_EQ(result_of(bed, peer({.client = kPeerHost6}, "64:ff9b::a00:1", 53), kPeerHost6), kNotAuthorized);
  EXPECT_EQ(result_of(bed, peer({.client = kPeerHost6}, "8.8.8.8", 53), kPeerHost6), kNotAuthorized);
}

}  // namespace
}  // namespace millrace::testing
