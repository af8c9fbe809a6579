// SPDX-License-Identifier: BSD-3-Clause
// What inside hosts get by PCP, RFC 6887: the opcodes MAP and ANNOUNCE, and who is not answered.
#include "tests/packet/nat/pcp_client.h"

namespace millrace::testing {
namespace {

using namespace pcp_client;

class PortControl : public NatTest {};
MILLRACE_NAT_VARIANTS(PortControl);

TEST_P(PortControl, AMappedPortIsReachedByAnyone) {
  NatBed bed(variant(), answering());
  const auto mapping = ask(bed, map({}));
  ASSERT_TRUE(mapping);
  EXPECT_EQ(int{mapping->result}, kSuccess);
  EXPECT_EQ(int{mapping->opcode}, 1);
  EXPECT_EQ(mapping->lifetime, 600U);
  EXPECT_EQ(mapping->internal_port, 4000);
  EXPECT_EQ(mapping->address, "203.0.113.1");
  EXPECT_EQ(mapping->payload.size(), 60U);
  for (const std::string_view from : {"9.9.9.9", "8.8.8.8"}) {
    const auto in = bed.one(kOutside, into(*mapping, from));
    ASSERT_TRUE(in);
    EXPECT_EQ(in->ends(), std::string(from) + ":999 > 10.0.0.10:4000");
  }
  // RFC 6887 section 11: what the host sends from there has that port too.
  const auto out = bed.one(kInside, NatBed::inside(kHost, "1.1.1.1").udp(4000, 53));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->source_port, mapping->port);
}

TEST_P(PortControl, WhereMappingsDependOnTheRemoteEndAnAskedForOneServesAll) {
  NatSpec spec = answering();
  spec.rules[0].mapping = nat::Dependence::kAddressAndPort;
  NatBed bed(variant(), spec);
  const auto mapping = ask(bed, map({}));
  ASSERT_TRUE(mapping);
  const auto out = bed.one(kInside, NatBed::inside(kHost, "1.1.1.1").udp(4000, 53));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->source_port, mapping->port);
}

TEST_P(PortControl, TcpIsMappedToo) {
  NatBed bed(variant(), answering());
  const auto mapping = ask(bed, map({.protocol = 6, .port = 80, .suggested = 8080}));
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->port, 8080);
  const auto in = bed.one(kOutside, NatBed::outside("9.9.9.9", mapping->address).tcp(999, 8080).flags("S"));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "9.9.9.9:999 > 10.0.0.10:80");
}

// RFC 6887 section 15.
TEST_P(PortControl, AResetDoesNotEndAMapping) {
  NatBed bed(variant(), answering());
  const auto mapping = ask(bed, map({.lifetime = 3600, .protocol = 6, .port = 80}));
  ASSERT_TRUE(mapping);
  const PacketBuilder syn = NatBed::outside("9.9.9.9", mapping->address).tcp(999, mapping->port).flags("S");
  ASSERT_TRUE(bed.one(kOutside, syn));
  ASSERT_TRUE(bed.one(kInside, NatBed::inside(kHost, "9.9.9.9").tcp(80, 999).flags("RA")));
  bed.wait(250'000);
  EXPECT_EQ(bed.sessions(), 0U);
  EXPECT_TRUE(bed.one(kOutside, syn));
}

TEST_P(PortControl, TwoInsideHostsReachEachOtherByTheMapping) {
  NatBed bed(variant(), answering());
  const auto mapping = ask(bed, map({}));
  ASSERT_TRUE(mapping);
  const auto there =
      bed.one(kInside, NatBed::inside("10.0.0.77", mapping->address).udp(5000, mapping->port).payload(9));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->port, kInside);
  EXPECT_EQ(there->destination + ":" + std::to_string(there->destination_port), "10.0.0.10:4000");
}

TEST_P(PortControl, TheSuggestedPortIsGivenOnce) {
  NatBed bed(variant(), answering());
  const auto first = ask(bed, map({.suggested = 5000}));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->port, 5000);
  const auto second = ask(bed, map({.client = "10.0.0.11", .suggested = 5000}), "10.0.0.11");
  ASSERT_TRUE(second);
  EXPECT_EQ(int{second->result}, kSuccess);
  EXPECT_NE(second->port, 5000);
}

TEST_P(PortControl, TheSuggestedAddressIsGivenWhenThePoolHasIt) {
  NatSpec spec = answering();
  spec.pools[0].addresses = {"203.0.113.1", "203.0.113.4", "203.0.113.9"};
  NatBed bed(variant(), spec);
  const auto mapping = ask(bed, map({.suggested = 5000, .suggested_address = "203.0.113.4"}));
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->address, "203.0.113.4");
  EXPECT_EQ(mapping->port, 5000);
  // RFC 4787 REQ-2: a host has one address.
  const auto other = ask(bed, map({.port = 4001, .suggested = 5001, .suggested_address = "203.0.113.9"}));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->address, "203.0.113.4");
  EXPECT_EQ(other->port, 5001);
}

// RFC 6887 section 11.3.
TEST_P(PortControl, RenewalNeedsTheNonce) {
  NatBed bed(variant(), answering());
  const auto first = ask(bed, map({.suggested = 5000}));
  ASSERT_TRUE(first);
  bed.wait(500'000);
  const auto renewed = ask(bed, map({.lifetime = 900}));
  ASSERT_TRUE(renewed);
  EXPECT_EQ(renewed->port, 5000);
  EXPECT_EQ(renewed->lifetime, 900U);
  bed.wait(500'000);
  EXPECT_TRUE(bed.one(kOutside, into(*first)));
  const auto wrong = ask(bed, map({.lifetime = 900, .nonce = 2}));
  ASSERT_TRUE(wrong);
  EXPECT_EQ(int{wrong->result}, kNotAuthorized);
  EXPECT_GE(wrong->lifetime, 390U);  // as long as the mapping has
  EXPECT_LE(wrong->lifetime, 400U);
  EXPECT_EQ(leases(bed), 1U);
}

TEST_P(PortControl, AMappingEndsWithItsLifetime) {
  NatBed bed(variant(), answering());
  const auto mapping = ask(bed, map({.suggested = 5000}));
  ASSERT_TRUE(mapping);
  bed.wait(595'000);
  EXPECT_EQ(bed.mappings(), 1U);
  bed.wait(10'000);
  bed.refused(kOutside, into(*mapping), nat::Drop::kNoBinding);
  EXPECT_EQ(leases(bed), 0U);
  bed.wait(130'000);
  EXPECT_EQ(bed.mappings(), 0U);
  EXPECT_EQ(bed.subscribers(), 0U);
}

// RFC 6887 section 15.
TEST_P(PortControl, LifetimesAreBounded) {
  NatBed bed(variant(), answering());
  const auto shortest = ask(bed, map({.lifetime = 1}));
  ASSERT_TRUE(shortest);
  EXPECT_EQ(shortest->lifetime, 120U);
  const auto longest = ask(bed, map({.lifetime = 0xffffffff}));
  ASSERT_TRUE(longest);
  EXPECT_EQ(longest->lifetime, 86'400U);
}

TEST_P(PortControl, LifetimeZeroDeletes) {
  NatBed bed(variant(), answering());
  const auto mapping = ask(bed, map({.suggested = 5000}));
  ASSERT_TRUE(mapping);
  EXPECT_EQ(result_of(bed, map({.lifetime = 0, .nonce = 2})), kNotAuthorized);
  EXPECT_TRUE(bed.one(kOutside, into(*mapping)));
  const auto deleted = ask(bed, map({.lifetime = 0}));
  ASSERT_TRUE(deleted);
  EXPECT_EQ(int{deleted->result}, kSuccess);
  EXPECT_EQ(deleted->lifetime, 0U);
  EXPECT_EQ(deleted->port, 5000);
  bed.refused(kOutside, into(*mapping, "7.7.7.7"), nat::Drop::kFiltered);  // what is open ends by itself
  // Again, and what never was: RFC 6887 section 15 wants no error.
  EXPECT_EQ(result_of(bed, map({.lifetime = 0})), kSuccess);
  EXPECT_EQ(result_of(bed, map({.lifetime = 0, .port = 1}), kHost), kSuccess);
}

TEST_P(PortControl, PortZeroDeletesAllOfTheHost) {
  NatBed bed(variant(), answering());
  for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
    for (const std::uint16_t port : {std::uint16_t{1}, std::uint16_t{2}})
      ASSERT_TRUE(ask(bed, map({.protocol = protocol, .port = port})));
  }
  ASSERT_TRUE(ask(bed, map({.port = 3, .nonce = 9})));
  ASSERT_TRUE(ask(bed, map({.client = "10.0.0.11"}), "10.0.0.11"));
  EXPECT_EQ(result_of(bed, map({.lifetime = 0, .protocol = 6, .port = 0})), kSuccess);
  EXPECT_EQ(leases(bed), 4U);
  EXPECT_EQ(result_of(bed, map({.lifetime = 0, .protocol = 0, .port = 0})), kSuccess);
  EXPECT_EQ(leases(bed), 2U);  // another's nonce, another's host
  EXPECT_EQ(result_of(bed, map({.lifetime = 0, .protocol = 0, .port = 0})), kNotAuthorized);
}

// RFC 6887 section 11.3: what traffic has opened is kept.
TEST_P(PortControl, AMappingMadeByTrafficIsKept) {
  NatBed bed(variant(), answering());
  const auto out = bed.one(kInside, NatBed::inside(kHost, "1.1.1.1").udp(4000, 53));
  ASSERT_TRUE(out);
  const auto mapping = ask(bed, map({.lifetime = 3600, .suggested = 5000}));
  ASSERT_TRUE(mapping);
  EXPECT_EQ(mapping->port, out->source_port);
  bed.wait(310'000);
  EXPECT_EQ(bed.sessions(), 0U);
  EXPECT_TRUE(bed.one(kOutside, into(*mapping)));
  EXPECT_EQ(bed.mappings(), 1U);
}

// RFC 6888 REQ-9 with a limit per subscriber.
TEST_P(PortControl, AHostHasItsQuota) {
  NatSpec spec = answering();
  spec.port_control->mappings_per_subscriber = 2;
  NatBed bed(variant(), spec);
  EXPECT_EQ(result_of(bed, map({.port = 1})), kSuccess);
  EXPECT_EQ(result_of(bed, map({.port = 2})), kSuccess);
  const auto third = ask(bed, map({.port = 3}));
  ASSERT_TRUE(third);
  EXPECT_EQ(int{third->result}, kUserExQuota);
  EXPECT_EQ(third->lifetime, 30U);
  EXPECT_EQ(bed.mappings(), 2U);
  EXPECT_EQ(result_of(bed, map({.port = 2})), kSuccess);
  EXPECT_EQ(result_of(bed, map({.client = "10.0.0.11"}), "10.0.0.11"), kSuccess);
}

TEST_P(PortControl, WithoutRoomThereAreNoResources) {
  NatSpec spec = answering();
  spec.pools[0].first_port = 4096;
  spec.pools[0].last_port = 4097;
  NatBed bed(variant(), spec);
  for (const std::uint16_t port : {std::uint16_t{1}, std::uint16_t{2}})
    EXPECT_EQ(result_of(bed, map({.port = port})), kSuccess);
  EXPECT_EQ(result_of(bed, map({.port = 3})), kNoResources);
  NatBed small(variant(), answering(), {.sessions = 64, .subscribers = 64, .leases = 1});
  EXPECT_EQ(result_of(small, map({.port = 1})), kSuccess);
  EXPECT_EQ(result_of(small, map({.port = 2})), kNoResources);
  EXPECT_EQ(small.mappings(), 1U);
  small.change([](NatSpec& changed) { changed.draining = true; });
  EXPECT_EQ(result_of(small, map({.client = "10.0.0.12"}), "10.0.0.12"), kNoResources);
  EXPECT_EQ(result_of(small, map({.port = 1})), kSuccess);
}

TEST_P(PortControl, AHostThatIsNotTranslatedIsNotServed) {
  NatSpec spec = answering();
  spec.rules[0].sources = {*net::Prefix::parse("10.0.0.0/24")};
  NatBed bed(variant(), spec);
  const auto refused = ask(bed, map({.client = "10.0.1.10"}), "10.0.1.10");
  ASSERT_TRUE(refused);
  EXPECT_EQ(int{refused->result}, kNotAuthorized);
  EXPECT_EQ(refused->lifetime, 1800U);
}

TEST_P(PortControl, OnlyTcpAndUdpPortsAreMapped) {
  NatBed bed(variant(), answering());
  EXPECT_EQ(result_of(bed, map({.protocol = 132})), kUnsuppProtocol);
  EXPECT_EQ(result_of(bed, map({.port = 0})), kUnsuppProtocol);
  EXPECT_EQ(result_of(bed, map({.protocol = 0, .port = 0})), kUnsuppProtocol);
}

// RFC 6887 sections 8.5 and 14.1.2.
TEST_P(PortControl, AnnounceTellsTheEpoch) {
  NatBed bed(variant(), answering());
  const auto first = ask(bed, announce());
  ASSERT_TRUE(first);
  EXPECT_EQ(int{first->result}, kSuccess);
  EXPECT_EQ(int{first->opcode}, 0);
  EXPECT_EQ(first->lifetime, 0U);
  EXPECT_EQ(first->payload.size(), 24U);
  bed.wait(5'000);
  const auto second = ask(bed, announce());
  ASSERT_TRUE(second);
  EXPECT_EQ(second->epoch, first->epoch + 5);
}

// RFC 6887 sections 8.2 and 9.
TEST_P(PortControl, WhatIsWrongIsSaid) {
  NatBed bed(variant(), answering());
  EXPECT_EQ(result_of(bed, map({.client = "10.0.0.11"})), kAddressMismatch);
  EXPECT_EQ(result_of(bed, with(map({}), option(100, {}))), kUnsuppOption);
  EXPECT_EQ(result_of(bed, with(map({}), option(200, {1, 2}))), kSuccess);
  Frame newer = map({});
  newer[0] = 3;
  EXPECT_EQ(result_of(bed, newer), kUnsuppVersion);
  Frame other = map({});
  other[1] = 3;
  EXPECT_EQ(result_of(bed, other), kUnsuppOpcode);
  Frame cut = map({});
  cut.resize(40);
  EXPECT_EQ(result_of(bed, cut), kMalformedRequest);
}

TEST_P(PortControl, ResponsesAndBrokenDatagramsAreNotAnswered) {
  NatBed bed(variant(), answering());
  Frame response = announce();
  response[1] = 0x80;
  bed.refused(kInside, packet_of(response), nat::Drop::kPortControlMalformed);
  bed.refused(kInside, packet_of({}), nat::Drop::kPortControlMalformed);
  bed.refused(kInside, packet_of({2}), nat::Drop::kPortControlMalformed);
  bed.refused(kInside, packet_of(announce()).bad_transport_checksum(), nat::Drop::kPortControlMalformed);
}

// RFC 6887 section 18.1.
TEST_P(PortControl, RequestsFromOutsideAreTheTwins) {
  NatBed bed(variant(), answering());
  const auto asked = bed.pass(
      kOutside, {NatBed::outside("8.8.8.8", "198.51.100.2").udp(40000, 5351).payload(announce("8.8.8.8"))});
  EXPECT_TRUE(asked.empty());
  EXPECT_EQ(bed.to_host().size(), 1U);
}

TEST_P(PortControl, WithoutItThePortIsTheTwins) {
  NatBed bed(variant());
  EXPECT_TRUE(bed.pass(kInside, {packet_of(map({}))}).empty());
  EXPECT_EQ(bed.to_host().size(), 1U);
  NatBed with_it(variant(), answering());
  EXPECT_TRUE(with_it.pass(kInside, {NatBed::inside(kHost, "10.0.0.1").udp(40000, 5350)}).empty());
  EXPECT_EQ(with_it.to_host().size(), 1U);
}

constexpr std::string_view kMappedHost6 = "2001:db8:1::10";

NatSpec answering_through() {
  NatSpec spec = answering();
  spec.nat64 = "64:ff9b::/96";
  return spec;
}

TEST_P(PortControl, AnIpv6HostThatIsNotTranslatedIsAnswered) {
  NatBed bed(variant(), answering());
  EXPECT_EQ(result_of(bed, announce(kMappedHost6), kMappedHost6), kSuccess);
  EXPECT_EQ(result_of(bed, map({.client = kMappedHost6}), kMappedHost6), kNotAuthorized);
}

// RFC 6887 section 11: behind a NAT64 the internal address is of IPv6, the external one of IPv4.
TEST_P(PortControl, AnIpv6HostGetsAPortOfIpv4) {
  NatBed bed(variant(), answering_through());
  const auto mapping = ask(bed, map({.client = kMappedHost6, .suggested = 4040}), kMappedHost6);
  ASSERT_TRUE(mapping);
  EXPECT_EQ(int{mapping->result}, kSuccess);
  EXPECT_EQ(mapping->address, "203.0.113.1");
  EXPECT_EQ(mapping->port, 4040);
  const auto in = bed.one(kOutside, into(*mapping));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "64:ff9b::909:909:999 > 2001:db8:1::10:4000");
  const auto out =
      bed.one(kInside, NatBed::inside(kMappedHost6, "64:ff9b::808:808").udp(4000, 53).payload(9));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->source_end(), "203.0.113.1:4040");
  bed.wait(30'000);
  EXPECT_EQ(leases(bed), 1U);
  // Under a policy without NAT64 it ends.
  bed.change([](NatSpec& spec) { spec.nat64.reset(); });
  bed.wait(30'000);
  EXPECT_EQ(leases(bed), 0U);
}

TEST_P(PortControl, AChangeThatTakesTheAddressEndsTheMapping) {
  NatBed bed(variant(), answering());
  ASSERT_TRUE(ask(bed, map({})));
  bed.wait(3'000);
  EXPECT_EQ(leases(bed), 1U);
  bed.change([](NatSpec& spec) { spec.pools[0].addresses = {"203.0.113.2"}; });
  bed.wait(3'000);
  EXPECT_EQ(leases(bed), 0U);
  EXPECT_EQ(bed.mappings(), 0U);
}

TEST_P(PortControl, TenantsWithTheSameAddressHaveTheirOwn) {
  NatBed bed(variant(), answering());
  const auto lan = ask(bed, map({.suggested = 5000}));
  ASSERT_TRUE(lan);
  const auto tenant = bed.one(
      kInside, NatBed::from(kTenant, kHost, "10.0.0.1").udp(40000, 5351).payload(map({.suggested = 5001})));
  ASSERT_TRUE(tenant);
  EXPECT_EQ(tenant->ends(), "10.0.0.1:5351 > 10.0.0.10:40000");
  const auto in = bed.one(kOutside, NatBed::outside("9.9.9.9", lan->address).udp(999, 5001));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "9.9.9.9:999 > 10.0.0.10:4000");
  EXPECT_EQ(Frame(in->frame.begin() + 12, in->frame.begin() + 16), (Frame{0x81, 0, 0, 7}));
}

TEST_P(PortControl, NoiseIsSurvived) {
  NatSpec spec = answering();
  spec.port_control->third_party = spec.port_control->prefer_failure = true;
  NatBed bed(variant(), spec);
  std::uint32_t random = 1;
  for (int i = 0; i < 200; ++i) {
    Frame message = i % 2 == 0 ? with(map({}), filter("9.9.9.9", 128, 1)) : peer({}, "8.8.8.8", 53);
    for (int changes = 0; changes < 4; ++changes) {
      random = random * 1664525 + 1013904223;
      message[(random >> 8) % message.size()] = static_cast<std::uint8_t>(random >> 24);
    }
    message.resize((random >> 12) % 3 == 0 ? random % 1200 : message.size());
    static_cast<void>(bed.pass(kInside, {packet_of(message)}));
  }
  EXPECT_EQ(result_of(bed, announce()), kSuccess);
}

}  // namespace
}  // namespace millrace::testing
