// SPDX-License-Identifier: BSD-3-Clause
// ICMP through the translation: RFC 5508, RFC 4787 REQ-12 to REQ-14.
#include <array>
#include <span>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Icmp : public NatTest {};
MILLRACE_NAT_VARIANTS(Icmp);

PacketBuilder ping(std::string_view host, std::uint16_t id = 77) {
  return NatBed::inside(host, "8.8.8.8").echo_request(id, 1).payload(40);
}

// RFC 5508 REQ-1 and REQ-2.
TEST_P(Icmp, AQueryGoesOutAndItsReplyComesBack) {
  NatBed bed(variant());
  const auto one = bed.one(kInside, ping("10.0.0.10"));
  const auto two = bed.one(kInside, ping("10.0.0.11"));
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->source, "203.0.113.1");
  EXPECT_EQ(int{one->icmp_type}, 8);
  EXPECT_NE(one->source_port, two->source_port);
  const auto reply =
      bed.one(kOutside, NatBed::outside("8.8.8.8", one->source).echo_reply(one->source_port, 1).payload(40));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->destination, "10.0.0.10");
  EXPECT_EQ(reply->source_port, 77);
  bed.wait(59'000);
  EXPECT_EQ(bed.sessions(), 2U);
  bed.wait(2'000);
  EXPECT_EQ(bed.sessions(), 0U);
}

TEST_P(Icmp, AReplyNobodyAskedForIsDropped) {
  NatBed bed(variant());
  bed.refused(kOutside, NatBed::outside("8.8.8.8", "203.0.113.1").echo_reply(77, 1), nat::Drop::kNoBinding);
  bed.refused(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").echo_reply(77, 1), nat::Drop::kIcmpUnsolicited);
}

// RFC 5508 REQ-4, RFC 5382 REQ-9: a router outside tells of a packet that went out.
TEST_P(Icmp, AnErrorFromOutsideReachesTheSenderAboutThePacketItSent) {
  NatBed bed(variant());
  const auto udp = NatBed::inside("10.0.0.10", "8.8.8.8").ttl(64).udp(4000, 53).payload(64);
  const auto out = bed.one(kInside, udp);
  ASSERT_TRUE(out);
  // As it was seen outside, one hop later.
  const auto seen = packet().ipv4(out->source, "8.8.8.8").ttl(63).udp(out->source_port, 53).payload(64);
  const auto error =
      bed.one(kOutside, NatBed::outside("100.100.1.1", out->source).icmp(3, 1).embed(seen, 28));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kInside);
  EXPECT_EQ(error->source, "100.100.1.1");
  EXPECT_EQ(error->destination, "10.0.0.10");
  EXPECT_EQ(int{error->icmp_type}, 3);
  EXPECT_EQ(int{error->icmp_code}, 1);
  EXPECT_EQ(error->embedded().ends(), "10.0.0.10:4000 > 8.8.8.8:53");
  // RFC 5508 REQ-6, RFC 4787 REQ-12: the session is as it was.
  EXPECT_EQ(bed.sessions(), 1U);
}

TEST_P(Icmp, AnErrorHoldsTheWholePacketAsItWasSent) {
  NatBed bed(variant());
  const auto out = bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").df().tcp(4000, 80).flags("S"));
  ASSERT_TRUE(out);
  const auto seen = packet().ipv4(out->source, "8.8.8.8").df().ttl(63).tcp(out->source_port, 80).flags("S");
  const auto error =
      bed.one(kOutside, NatBed::outside("100.100.1.1", out->source).icmp(3, 4, 1400).embed(seen));
  ASSERT_TRUE(error);
  // Its TCP checksum is that of the packet the host sent.
  const auto sent = packet().ipv4("10.0.0.10", "8.8.8.8").df().ttl(63).tcp(4000, 80).flags("S").datagram();
  EXPECT_EQ(error->payload, sent);
}

// RFC 5508 REQ-5: from inside, about a packet that came in.
TEST_P(Icmp, AnErrorFromInsideShowsTheOutsideAddresses) {
  NatBed bed(variant());
  const auto out = bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").udp(4000, 53));
  ASSERT_TRUE(out);
  const auto in = packet().ipv4("8.8.8.8", "10.0.0.10").ttl(63).udp(53, 4000).payload(20);
  for (const std::string_view from : {"10.0.0.10", "10.0.200.1"}) {
    const auto error = bed.one(kInside, NatBed::inside(from, "8.8.8.8").icmp(3, 3).embed(in, 28));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->port, kOutside);
    EXPECT_EQ(error->source, "203.0.113.1");
    EXPECT_EQ(error->destination, "8.8.8.8");
    EXPECT_EQ(error->embedded().ends(), "8.8.8.8:53 > " + out->source_end());
  }
}

// RFC 5508 REQ-7.
TEST_P(Icmp, AnErrorGoesTheWayOfAHairpin) {
  NatSpec spec;
  spec.rules[0].filtering = nat::Dependence::kEndpoint;
  NatBed bed(variant(), spec);
  const auto one = bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").udp(4000, 53));
  const auto two = bed.one(kInside, NatBed::inside("10.0.0.77", "8.8.8.8").udp(5000, 53));
  ASSERT_TRUE(one && two);
  const auto there = bed.one(kInside, NatBed::inside("10.0.0.10", two->source).udp(4000, two->source_port));
  ASSERT_TRUE(there);
  // The second host says that nobody listens there.
  const auto got = packet().ipv4(one->source, "10.0.0.77").ttl(63).udp(one->source_port, 5000);
  const auto error = bed.one(kInside, NatBed::inside("10.0.0.77", one->source).icmp(3, 3).embed(got));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kInside);
  EXPECT_EQ(error->source, two->source);
  EXPECT_EQ(error->destination, "10.0.0.10");
  EXPECT_EQ(error->embedded().ends(), "10.0.0.10:4000 > " + two->source_end());
}

TEST_P(Icmp, ErrorsAboutNothingKnownOrNothingLegibleAreDropped) {
  NatBed bed(variant());
  const auto out = bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").udp(4000, 53));
  ASSERT_TRUE(out);
  const auto about = [&](std::uint16_t port) {
    return packet().ipv4(out->source, "8.8.8.8").ttl(63).udp(port, 53);
  };
  const auto error = [&] { return NatBed::outside("100.100.1.1", out->source).icmp(11, 0); };
  bed.refused(kOutside, error().embed(about(out->source_port ^ 1U)), nat::Drop::kIcmpUnrelated);
  bed.refused(kOutside, error().embed(about(out->source_port), 20), nat::Drop::kIcmpBadEmbedded);
  // RFC 5508 REQ-3 a.
  bed.refused(kOutside, error().embed(about(out->source_port)).bad_transport_checksum(),
              nat::Drop::kIcmpBadChecksum);
  EXPECT_TRUE(bed.one(kOutside, error().embed(about(out->source_port))));
}

// RFC 4787 REQ-13; the packet in the error is the one that was sent.
TEST_P(Icmp, APacketTooBigForTheWayOutIsToldOfAsItWasSent) {
  NatBed bed(variant());
  const auto big = NatBed::inside("10.0.0.10", "192.0.2.9").df().udp(4000, 53).payload(1300);
  const auto error = bed.one(kInside, big);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kInside);
  EXPECT_EQ(int{error->icmp_type}, 3);
  EXPECT_EQ(int{error->icmp_code}, 4);
  EXPECT_EQ(error->embedded().ends(), "10.0.0.10:4000 > 192.0.2.9:53");
}

// RFC 1812 section 4.2.2.7. Not all devices send packets of several buffers.
TEST_P(Icmp, ADatagramThatMayBeCutLeavesInPiecesOfOneBufferEach) {
  NatBed bed(variant());
  const auto big = NatBed::inside("10.0.0.10", "192.0.2.9").udp(4000, 53).payload(1300);
  bed.bed().receive(kInside, big.bytes());
  bed.bed().run();
  std::array<rte_mbuf*, 4> pieces{};
  ASSERT_EQ(bed.bed().take_transmitted(kOutside, pieces), 2U);
  std::size_t payload = 0;
  for (rte_mbuf* piece : std::span(pieces).first(2)) {
    EXPECT_EQ(piece->nb_segs, 1);
    EXPECT_EQ(piece->data_len, piece->pkt_len);
    payload += piece->pkt_len - 18 - 20;  // Ethernet with a tag, IPv4
    rte_pktmbuf_free(piece);
  }
  EXPECT_EQ(payload, 1308U);
}

TEST_P(Icmp, ATraceSeesTheGatewayFromBothSides) {
  NatSpec spec;
  spec.rules[0].filtering = nat::Dependence::kEndpoint;
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").udp(4000, 53));
  ASSERT_TRUE(out);
  const auto inside = bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").ttl(1).udp(4000, 53));
  ASSERT_TRUE(inside);
  EXPECT_EQ(inside->source, "10.0.0.1");
  EXPECT_EQ(int{inside->icmp_type}, 11);
  EXPECT_EQ(inside->embedded().ends(), "10.0.0.10:4000 > 8.8.8.8:53");
  const auto outside =
      bed.one(kOutside, NatBed::outside("8.8.8.8", out->source).ttl(1).udp(53, out->source_port));
  ASSERT_TRUE(outside);
  EXPECT_EQ(outside->source, "198.51.100.2");
  EXPECT_EQ(outside->embedded().ends(), "8.8.8.8:53 > " + out->source_end());
}

// RFC 4787 REQ-14.
TEST_P(Icmp, FragmentsGoThroughInAnyOrder) {
  NatBed bed(variant());
  const auto whole = NatBed::inside("10.0.0.10", "8.8.8.8").udp(4000, 53).payload(3000);
  const std::vector<PacketBuilder> pieces{whole.piece(1480, 1480, 9), whole.piece(2960, 48, 9),
                                          whole.piece(0, 1480, 9)};
  const auto out = bed.pass(kInside, pieces);
  ASSERT_EQ(out.size(), 3U);
  std::uint16_t port = 0;
  for (const Seen& piece : out) {
    EXPECT_EQ(piece.source, "203.0.113.1");
    if (piece.source_port != 0) port = piece.source_port;
  }
  ASSERT_NE(port, 0);
  const auto back = NatBed::outside("8.8.8.8", "203.0.113.1").udp(53, port).payload(3000);
  const auto in =
      bed.pass(kOutside, {back.piece(2960, 48, 5), back.piece(0, 1480, 5), back.piece(1480, 1480, 5)});
  ASSERT_EQ(in.size(), 3U);
  for (const Seen& piece : in) EXPECT_EQ(piece.destination, "10.0.0.10");
}

}  // namespace
}  // namespace millrace::testing
