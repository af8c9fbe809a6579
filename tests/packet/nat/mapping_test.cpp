// SPDX-License-Identifier: BSD-3-Clause
// How inside endpoints are mapped and what is let in to them: RFC 4787 sections 4 and 5, RFC 5382 section 4,
// RFC 6888.
#include <set>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Mapping : public NatTest {};
MILLRACE_NAT_VARIANTS(Mapping);

PacketBuilder udp_from(std::string_view host, std::uint16_t port, std::string_view to = "8.8.8.8",
                       std::uint16_t to_port = 53) {
  return NatBed::inside(host, to).udp(port, to_port).payload(20);
}
PacketBuilder answer(const Seen& sent, std::size_t bytes = 30) {
  return NatBed::outside(sent.destination, sent.source)
      .udp(sent.destination_port, sent.source_port)
      .payload(bytes);
}

TEST_P(Mapping, APacketGoesOutAndItsAnswerComesBack) {
  NatBed bed(variant());
  const auto out = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->port, kOutside);
  EXPECT_EQ(out->source, "203.0.113.1");
  EXPECT_GE(out->source_port, 1024);
  EXPECT_EQ(out->destination, "8.8.8.8");
  EXPECT_EQ(out->destination_port, 53);
  EXPECT_EQ(out->ttl, 63);
  EXPECT_EQ(out->payload.size(), 20U);

  const auto in = bed.one(kOutside, answer(*out));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->port, kInside);
  EXPECT_EQ(in->ends(), "8.8.8.8:53 > 10.0.0.10:4000");
  EXPECT_EQ(in->ttl, 63);
  EXPECT_EQ(bed.sessions(), 1U);
  EXPECT_EQ(bed.mappings(), 1U);
  EXPECT_EQ(bed.subscribers(), 1U);
}

// RFC 4787 REQ-1.
TEST_P(Mapping, AnEndpointKeepsItsOutsidePortWhereverItSends) {
  NatBed bed(variant());
  const auto first = bed.one(kInside, udp_from("10.0.0.10", 4000, "8.8.8.8"));
  ASSERT_TRUE(first);
  for (const std::string_view to : {"8.8.4.4", "1.1.1.1", "9.9.9.9"}) {
    const auto next = bed.one(kInside, udp_from("10.0.0.10", 4000, to, 443));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->source_end(), first->source_end());
  }
  EXPECT_EQ(bed.mappings(), 1U);
  EXPECT_EQ(bed.sessions(), 4U);
}

TEST_P(Mapping, ByAddressAndPortEachRemoteEndHasAnotherOne) {
  NatSpec spec;
  spec.rules[0].mapping = nat::Dependence::kAddressAndPort;
  NatBed bed(variant(), spec);
  std::set<std::string> ends;
  for (const std::string_view to : {"8.8.8.8", "8.8.4.4"}) {
    for (const std::uint16_t port : {std::uint16_t{53}, std::uint16_t{443}}) {
      const auto out = bed.one(kInside, udp_from("10.0.0.10", 4000, to, port));
      ASSERT_TRUE(out);
      EXPECT_TRUE(ends.insert(out->source_end()).second);
    }
  }
  EXPECT_EQ(bed.mappings(), 4U);
}

TEST_P(Mapping, ByAddressEachRemoteAddressHasAnotherOne) {
  NatSpec spec;
  spec.rules[0].mapping = nat::Dependence::kAddress;
  NatBed bed(variant(), spec);
  const auto first = bed.one(kInside, udp_from("10.0.0.10", 4000, "8.8.8.8", 53));
  const auto same = bed.one(kInside, udp_from("10.0.0.10", 4000, "8.8.8.8", 443));
  const auto other = bed.one(kInside, udp_from("10.0.0.10", 4000, "8.8.4.4", 53));
  ASSERT_TRUE(first && same && other);
  EXPECT_EQ(same->source_end(), first->source_end());
  EXPECT_NE(other->source_end(), first->source_end());
}

// RFC 4787 REQ-8.
TEST_P(Mapping, FilteringByAddressAndPortLetsInWhoWasSentTo) {
  NatBed bed(variant());
  const auto out = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(out);
  bed.refused(kOutside, NatBed::outside("8.8.8.8", out->source).udp(54, out->source_port),
              nat::Drop::kFiltered);
  bed.refused(kOutside, NatBed::outside("8.8.4.4", out->source).udp(53, out->source_port),
              nat::Drop::kFiltered);
  EXPECT_TRUE(bed.one(kOutside, answer(*out)));
}

TEST_P(Mapping, FilteringByAddressLetsInAnyPortOfAHostThatWasSentTo) {
  NatSpec spec;
  spec.rules[0].filtering = nat::Dependence::kAddress;
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(out);
  bed.refused(kOutside, NatBed::outside("8.8.4.4", out->source).udp(53, out->source_port),
              nat::Drop::kFiltered);
  const auto in = bed.one(kOutside, NatBed::outside("8.8.8.8", out->source).udp(999, out->source_port));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "8.8.8.8:999 > 10.0.0.10:4000");
  // The filter forgets with the last session to that host.
  bed.wait(301'000);
  bed.refused(kOutside, NatBed::outside("8.8.8.8", out->source).udp(999, out->source_port),
              nat::Drop::kNoBinding);
}

TEST_P(Mapping, WithoutAFilterAnyoneReachesAPortInUse) {
  NatSpec spec;
  spec.rules[0].filtering = nat::Dependence::kEndpoint;
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(out);
  const auto in = bed.one(kOutside, NatBed::outside("9.9.9.9", out->source).udp(999, out->source_port));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "9.9.9.9:999 > 10.0.0.10:4000");
  bed.refused(kOutside, NatBed::outside("9.9.9.9", out->source).udp(999, out->source_port ^ 1U),
              nat::Drop::kNoBinding);
}

// RFC 4787 REQ-2, RFC 6888 REQ-2.
TEST_P(Mapping, AllOfASubscriberHasOneOutsideAddress) {
  NatSpec spec;
  spec.pools[0].addresses = {"203.0.113.1", "203.0.113.4", "203.0.113.9", "203.0.113.12"};
  NatBed bed(variant(), spec);
  std::set<std::string> in_use;
  for (int host = 10; host < 30; ++host) {
    const std::string inside = "10.0.0." + std::to_string(host);
    std::set<std::string> own;
    for (std::uint16_t port = 2000; port < 2010; ++port) {
      const auto out = bed.one(kInside, udp_from(inside, port));
      ASSERT_TRUE(out);
      own.insert(out->source);
    }
    EXPECT_EQ(own.size(), 1U);
    in_use.merge(own);
  }
  EXPECT_GE(in_use.size(), 3U);  // of four, by chance 20 times: all but certain
}

// RFC 4787 REQ-3: no two have the same outside endpoint; RFC 6056: and none follows from another.
TEST_P(Mapping, OutsidePortsAreEachOthersAndInNoOrder) {
  NatBed bed(variant());
  std::set<std::uint16_t> ports;
  unsigned steps = 0;
  std::uint16_t before = 0;
  for (std::uint16_t i = 0; i < 200; ++i) {
    const auto out = bed.one(
        kInside, udp_from("10.0.0." + std::to_string(10 + i % 5), static_cast<std::uint16_t>(3000 + i)));
    ASSERT_TRUE(out);
    EXPECT_TRUE(ports.insert(out->source_port).second) << out->source_port;
    steps += out->source_port == before + 1 ? 1 : 0;
    before = out->source_port;
  }
  EXPECT_LT(steps, 20U);
}

// RFC 4787 REQ-5 and REQ-6: what goes out keeps a mapping, what comes in does not.
TEST_P(Mapping, AUdpMappingEndsFiveMinutesAfterTheLastPacketFromInside) {
  NatBed bed(variant());
  const auto out = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(out);
  bed.wait(290'000);
  ASSERT_TRUE(bed.one(kInside, udp_from("10.0.0.10", 4000)));
  bed.wait(290'000);
  ASSERT_TRUE(bed.one(kOutside, answer(*out)));
  bed.wait(11'000);
  bed.refused(kOutside, answer(*out), nat::Drop::kNoBinding);
  EXPECT_EQ(bed.sessions(), 0U);
}

// RFC 6888 REQ-8.
TEST_P(Mapping, APortRestsBeforeAnotherSubscriberHasIt) {
  NatSpec spec;
  spec.pools[0].first_port = 2048;
  spec.pools[0].last_port = 2048 + 63;  // one run
  spec.pools[0].ports_per_subscriber = 64;
  NatBed bed(variant(), spec);
  const auto first = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(first);
  bed.wait(301'000);
  EXPECT_EQ(bed.sessions(), 0U);
  EXPECT_EQ(bed.mappings(), 1U);
  // Its own subscriber gets it back.
  const auto again = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->source_end(), first->source_end());
  bed.wait(301'000);
  bed.wait(121'000);
  EXPECT_EQ(bed.mappings(), 0U);
  EXPECT_EQ(bed.subscribers(), 0U);
}

TEST_P(Mapping, ASubscriberHasNoMorePortsThanItMay) {
  NatSpec spec;
  spec.pools[0].ports_per_subscriber = 3;
  NatBed bed(variant(), spec);
  for (std::uint16_t port = 1; port <= 3; ++port) ASSERT_TRUE(bed.one(kInside, udp_from("10.0.0.10", port)));
  // RFC 5508 REQ-8, RFC 6888 REQ-11: it is told, and what it has stays.
  const auto told = bed.one(kInside, udp_from("10.0.0.10", 4));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->port, kInside);
  EXPECT_EQ(told->destination, "10.0.0.10");
  EXPECT_EQ(int{told->icmp_type}, 3);
  EXPECT_EQ(int{told->icmp_code}, 13);
  EXPECT_EQ(bed.dropped(nat::Drop::kSubscriberPorts), 1U);
  EXPECT_EQ(bed.mappings(), 3U);
  EXPECT_TRUE(bed.one(kInside, udp_from("10.0.0.11", 4)));
}

// RFC 6888 REQ-5: from inside it is told, from outside nothing is.
TEST_P(Mapping, ASubscriberHasNoMoreSessionsThanItMay) {
  NatSpec spec;
  spec.pools[0].sessions_per_subscriber = 3;
  spec.rules[0].filtering = nat::Dependence::kEndpoint;
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, udp_from("10.0.0.10", 1));
  ASSERT_TRUE(out);
  for (std::uint16_t port = 1; port <= 2; ++port)
    ASSERT_TRUE(bed.one(kOutside, NatBed::outside("9.9.9.9", out->source).udp(port, out->source_port)));
  bed.refused(kOutside, NatBed::outside("9.9.9.9", out->source).udp(3, out->source_port),
              nat::Drop::kSubscriberSessions);
  const auto told = bed.one(kInside, udp_from("10.0.0.10", 2));
  ASSERT_TRUE(told);
  EXPECT_EQ(int{told->icmp_code}, 13);
  EXPECT_EQ(bed.sessions(), 3U);
  EXPECT_TRUE(bed.one(kInside, udp_from("10.0.0.11", 1)));
}

TEST_P(Mapping, APacketToABlackHoleIsDroppedThere) {
  NatBed bed(variant());
  bed.refused(kOutside, NatBed::outside("8.8.8.8", "198.18.0.9").udp(1, 2), core::Drop::kBlackhole);
}

TEST_P(Mapping, APoolWithoutAFreePortTellsSo) {
  NatSpec spec;
  spec.pools[0].first_port = 4096;
  spec.pools[0].last_port = 4103;
  NatBed bed(variant(), spec);
  // Eight ports lie in one run, which belongs to the bucket that came first.
  for (std::uint16_t port = 1; port <= 8; ++port) ASSERT_TRUE(bed.one(kInside, udp_from("10.0.0.10", port)));
  const auto told = bed.one(kInside, udp_from("10.0.0.10", 9));
  ASSERT_TRUE(told);
  EXPECT_EQ(int{told->icmp_code}, 13);
  EXPECT_EQ(bed.dropped(nat::Drop::kPoolExhausted), 1U);
  // Ports of TCP are others.
  EXPECT_TRUE(bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").tcp(1, 80).flags("S")));
}

// RFC 4787 REQ-9: by the outside address and port of the sender.
TEST_P(Mapping, TwoInsideHostsReachEachOtherByTheirOutsideAddresses) {
  NatSpec spec;
  spec.rules[0].filtering = nat::Dependence::kEndpoint;
  NatBed bed(variant(), spec);
  const auto one = bed.one(kInside, udp_from("10.0.0.10", 4000));
  const auto two = bed.one(kInside, udp_from("10.0.0.77", 5000));
  ASSERT_TRUE(one && two);
  const auto there =
      bed.one(kInside, NatBed::inside("10.0.0.10", two->source).udp(4000, two->source_port).payload(9));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->port, kInside);
  EXPECT_EQ(there->ends(), one->source_end() + " > 10.0.0.77:5000");
  EXPECT_EQ(there->ttl, 63);
  const auto back =
      bed.one(kInside, NatBed::inside("10.0.0.77", one->source).udp(5000, one->source_port).payload(9));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->ends(), two->source_end() + " > 10.0.0.10:4000");
}

TEST_P(Mapping, AHairpinObeysTheFilter) {
  NatBed bed(variant());
  const auto one = bed.one(kInside, udp_from("10.0.0.10", 4000));
  const auto two = bed.one(kInside, udp_from("10.0.0.77", 5000));
  ASSERT_TRUE(one && two);
  bed.refused(kInside, NatBed::inside("10.0.0.10", two->source).udp(4000, two->source_port),
              nat::Drop::kFiltered);
}

TEST_P(Mapping, HairpinCanBeOff) {
  NatSpec spec;
  spec.hairpin = false;
  spec.rules[0].filtering = nat::Dependence::kEndpoint;
  NatBed bed(variant(), spec);
  const auto two = bed.one(kInside, udp_from("10.0.0.77", 5000));
  ASSERT_TRUE(two);
  bed.refused(kInside, NatBed::inside("10.0.0.10", two->source).udp(4000, two->source_port),
              nat::Drop::kHairpinOff);
}

// RFC 4787 REQ-7: tenants may have the same addresses.
TEST_P(Mapping, DomainsWithTheSameAddressesAreApart) {
  NatBed bed(variant());
  const auto lan = bed.one(kInside, udp_from("10.0.0.10", 4000));
  const auto tenant =
      bed.one(kInside, NatBed::from(kTenant, "10.0.0.10", "8.8.8.8").udp(4000, 53).payload(20));
  ASSERT_TRUE(lan && tenant);
  EXPECT_NE(lan->source_end(), tenant->source_end());
  EXPECT_EQ(tenant->port, kOutside);
  const auto in = bed.one(kOutside, answer(*tenant));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "8.8.8.8:53 > 10.0.0.10:4000");
  Frame tag(in->frame.begin() + 12, in->frame.begin() + 16);
  EXPECT_EQ(tag, (Frame{0x81, 0, 0, 7}));
  EXPECT_EQ(bed.subscribers(), 2U);
}

// RFC 6888 REQ-6.
TEST_P(Mapping, SomeDestinationsAreReachedUntranslated) {
  NatSpec spec;
  nat::Rule bypass;
  bypass.destinations = {*net::Prefix::parse("100.64.0.0/16")};
  spec.rules.insert(spec.rules.begin(), bypass);
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, udp_from("10.0.0.10", 4000, "100.64.9.9"));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->ends(), "10.0.0.10:4000 > 100.64.9.9:53");
  const auto in = bed.one(kOutside, answer(*out));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "100.64.9.9:53 > 10.0.0.10:4000");
  bed.refused(kOutside, NatBed::outside("100.65.9.9", "10.0.0.10").udp(53, 4000), nat::Drop::kNotTranslated);
  EXPECT_EQ(bed.sessions(), 0U);
}

TEST_P(Mapping, AnAddressThatNoRuleTranslatesDoesNotGetOut) {
  NatSpec spec;
  spec.rules[0].sources = {*net::Prefix::parse("10.0.0.0/24")};
  NatBed bed(variant(), spec);
  EXPECT_TRUE(bed.one(kInside, udp_from("10.0.0.10", 4000)));
  bed.refused(kInside, udp_from("10.0.1.10", 4000), nat::Drop::kNoRule);
}

TEST_P(Mapping, OtherProtocolsDoNotShareAnAddress) {
  NatBed bed(variant());
  for (const PacketBuilder& packet : {NatBed::inside("10.0.0.10", "8.8.8.8").gre(0x0800).payload(20),
                                      NatBed::inside("10.0.0.10", "8.8.8.8").sctp(1000, 2000)}) {
    const auto told = bed.told(kInside, packet, nat::Drop::kUnsupportedProtocol);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->destination, "10.0.0.10");
    EXPECT_EQ(told->icmp_type, 3);
    EXPECT_EQ(told->icmp_code, 2);
  }
}

// Design section 5: what the new profile still allows lives on.
TEST_P(Mapping, SessionsSurviveAChangeThatAllowsThem) {
  NatBed bed(variant());
  const auto out = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(out);
  bed.change([](NatSpec& spec) { spec.pools[0].addresses = {"203.0.113.1", "203.0.113.2"}; });
  const auto again = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->source_end(), out->source_end());
  ASSERT_TRUE(bed.one(kOutside, answer(*out)));
  bed.change([](NatSpec& spec) { spec.pools[0].addresses = {"203.0.113.2"}; });
  bed.refused(kInside, udp_from("10.0.0.10", 4000), nat::Drop::kPolicyChanged);
  const auto moved = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->source, "203.0.113.2");
}

TEST_P(Mapping, DrainingKeepsTheOldAndRefusesTheNew) {
  NatBed bed(variant());
  const auto out = bed.one(kInside, udp_from("10.0.0.10", 4000));
  ASSERT_TRUE(out);
  bed.change([](NatSpec& spec) { spec.draining = true; });
  EXPECT_TRUE(bed.one(kInside, udp_from("10.0.0.10", 4000)));
  EXPECT_TRUE(bed.one(kOutside, answer(*out)));
  bed.refused(kInside, udp_from("10.0.0.10", 4001), nat::Drop::kDraining);
}

TEST_P(Mapping, AFullTableTellsSo) {
  NatBed bed(variant(), {}, {.sessions = 4, .subscribers = 64});
  std::uint16_t port = 1;
  std::size_t inside = 0;
  for (; port < 20 && inside == 0; ++port) {
    const auto out = bed.one(kInside, udp_from("10.0.0.10", port));
    ASSERT_TRUE(out);
    inside += out->port == kInside ? 1 : 0;
  }
  EXPECT_EQ(port, 6);
  EXPECT_EQ(bed.dropped(nat::Drop::kSessionTableFull), 1U);
}

// A packet that shows an inside session's addresses, but comes from outside.
TEST_P(Mapping, AnInsideAddressIsNotBelievedFromOutside) {
  NatSpec spec;
  spec.rules[0].filtering = nat::Dependence::kEndpoint;
  NatBed bed(variant(), spec);
  const auto two = bed.one(kInside, udp_from("10.0.0.77", 5000));
  ASSERT_TRUE(two);
  ASSERT_TRUE(bed.one(kInside, NatBed::inside("10.0.0.10", two->source).udp(4000, two->source_port)));
  const auto seen =
      bed.pass(kOutside, {NatBed::outside("10.0.0.10", two->source).udp(4000, two->source_port)});
  EXPECT_TRUE(seen.empty());
}

}  // namespace
}  // namespace millrace::testing
