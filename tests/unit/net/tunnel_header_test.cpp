// SPDX-License-Identifier: BSD-3-Clause
// Headers of tunnels, byte by byte: RFC 2003, RFC 2473, RFC 2784, draft-ietf-intarea-gue-09. What is expected
// is written by the packet builder, which knows nothing of the code under test, or by hand.
#include "common/net/tunnel_header.h"

#include <array>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace millrace::net {
namespace {

using testing::Frame;
using testing::PacketBuilder;

constexpr std::uint8_t kClass = 0xb9;  // EF, ECT(1)
constexpr std::uint32_t kFlow = 0x9abcdef1;
constexpr std::uint16_t kFlowPort = 0xdef1;  // 0xc000 | 0xdef1

struct Case {
  Tunnel tunnel;
  bool inner_ipv4;
  bool outer_ipv4;
};

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  constexpr std::array kNames = {"None", "IpIp", "Gre", "Gue"};
  return std::string(kNames.at(static_cast<unsigned>(info.param.tunnel))) +
         (info.param.inner_ipv4 ? "Of4" : "Of6") + (info.param.outer_ipv4 ? "In4" : "In6");
}

PacketBuilder inner_of(const Case& of) {
  PacketBuilder inner;
  if (of.inner_ipv4) {
    inner.ipv4("192.0.2.7", "203.0.113.80").df();
  } else {
    inner.ipv6("2001:db8:9::7", "2001:db8:80::80");
  }
  return inner.traffic_class(kClass).udp(4000, 80).payload(33);
}

// The outer datagram as the documents have it.
PacketBuilder outer_of(const Case& of, const Frame& inner) {
  PacketBuilder outer;
  if (of.outer_ipv4) {
    outer.ipv4("10.0.0.1", "10.0.0.11");
  } else {
    outer.ipv6("2001:db8:10::1", "2001:db8:10::11").flow_label(kFlow & 0xfffffU);
  }
  outer.traffic_class(kClass).ttl(65);
  const std::uint8_t protocol = of.inner_ipv4 ? 4 : 41;
  Frame body;
  switch (of.tunnel) {
    case Tunnel::kGre:
      outer.protocol(47);
      body = {0, 0, of.inner_ipv4 ? std::uint8_t{0x08} : std::uint8_t{0x86},
              of.inner_ipv4 ? std::uint8_t{0x00} : std::uint8_t{0xdd}};
      break;
    case Tunnel::kGue:
      outer.udp(kFlowPort, 6080).no_udp_checksum();
      body = {0, protocol, 0, 0};
      break;
    default:
      outer.protocol(protocol);
  }
  body.insert(body.end(), inner.begin(), inner.end());
  return outer.payload(body);
}

struct Written {
  Frame frame;
  std::size_t begin;  // of the outer datagram
};

Written written(const Case& of, const Frame& inner, bool may_be_cut, std::uint16_t id) {
  constexpr std::size_t kRoom = 80;
  Written out{.frame = Frame(kRoom, 0xee), .begin = 0};
  out.frame.insert(out.frame.end(), inner.begin(), inner.end());
  const auto far_end = *IpAddress::parse(of.outer_ipv4 ? "10.0.0.11" : "2001:db8:10::11");
  const auto source = *IpAddress::parse(of.outer_ipv4 ? "10.0.0.1" : "2001:db8:10::1");
  TunnelHeader header(of.tunnel, of.inner_ipv4 ? Family::kIpv4 : Family::kIpv6, far_end);
  header.set_source(source);
  const std::uint8_t* begin =
      header.write(out.frame.data() + kRoom, {.length = static_cast<std::uint16_t>(inner.size()),
                                              .traffic_class = kClass,
                                              .may_be_cut = may_be_cut,
                                              .id = be16(id),
                                              .flow = kFlow});
  out.begin = static_cast<std::size_t>(begin - out.frame.data());
  EXPECT_EQ(kRoom - out.begin, header.length());
  return out;
}

Frame datagram_of(const Written& from) {
  return {from.frame.begin() + static_cast<std::ptrdiff_t>(from.begin), from.frame.end()};
}

class TunnelHeaders : public ::testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Each, TunnelHeaders,
                         ::testing::Values(Case{Tunnel::kIpIp, true, true}, Case{Tunnel::kIpIp, true, false},
                                           Case{Tunnel::kIpIp, false, true},
                                           Case{Tunnel::kIpIp, false, false}, Case{Tunnel::kGre, true, true},
                                           Case{Tunnel::kGre, true, false}, Case{Tunnel::kGre, false, true},
                                           Case{Tunnel::kGre, false, false}, Case{Tunnel::kGue, true, true},
                                           Case{Tunnel::kGue, true, false}, Case{Tunnel::kGue, false, true},
                                           Case{Tunnel::kGue, false, false}),
                         name_of);

TEST_P(TunnelHeaders, StandInFrontOfTheDatagram) {
  const Frame inner = inner_of(GetParam()).datagram();
  auto expected = outer_of(GetParam(), inner);
  if (GetParam().outer_ipv4) expected.df().id(0);
  EXPECT_EQ(datagram_of(written(GetParam(), inner, false, 0x1234)), expected.datagram());
}

TEST_P(TunnelHeaders, OfADatagramThatMayBeCutHaveAnIdentification) {
  const Frame inner = inner_of(GetParam()).datagram();
  auto expected = outer_of(GetParam(), inner);
  if (GetParam().outer_ipv4) expected.id(0xfedc);
  EXPECT_EQ(datagram_of(written(GetParam(), inner, true, 0xfedc)), expected.datagram());
}

TEST_P(TunnelHeaders, AreReadAgain) {
  const Frame inner = inner_of(GetParam()).datagram();
  const Written out = written(GetParam(), inner, false, 0);
  Headers outer;
  outer.family = GetParam().outer_ipv4 ? 4 : 6;
  outer.l3_offset = static_cast<std::uint16_t>(out.begin);
  const Bytes bytes(out.frame.data(), out.frame.size());
  ASSERT_EQ(parse_ip(bytes, bytes.size(), outer, {}), ParseError::kNone);
  Headers found;
  ASSERT_TRUE(find_inside(bytes, outer, found));
  EXPECT_EQ(found.l3_offset, out.frame.size() - inner.size());
  EXPECT_EQ(found.family, GetParam().inner_ipv4 ? 4 : 6);
  Headers none;
  EXPECT_FALSE(find_inside(bytes.first(out.frame.size() - inner.size()), outer, none));
}

TEST_P(TunnelHeaders, AreThoseOfEachSegmentOfALargerDatagram) {
  auto larger = inner_of(GetParam()).payload(2000);
  auto smaller = inner_of(GetParam()).payload(500);
  Written out = written(GetParam(), larger.datagram(), true, 0xffff);
  const Frame inner = smaller.datagram();
  out.frame.resize(80);
  out.frame.insert(out.frame.end(), inner.begin(), inner.end());
  rewrite_for_segment(out.frame.data() + out.begin, static_cast<unsigned>(80 - out.begin),
                      static_cast<unsigned>(inner.size()), 3);
  auto expected = outer_of(GetParam(), inner);
  if (GetParam().outer_ipv4) expected.id(2);  // 0xffff + 3
  EXPECT_EQ(datagram_of(out), expected.datagram());
}

// RFC 2003 section 3.1 by hand: 4500 003c 0000 4000 4104 + c000 0201 c000 0202 is 1 + 1 carries and 4a45; its
// complement is b5ba.
TEST(TunnelHeader, OfIpInIpByHand) {
  std::array<std::uint8_t, 96> bytes{};
  TunnelHeader header(Tunnel::kIpIp, Family::kIpv4, *IpAddress::parse("192.0.2.2"));
  header.set_source(*IpAddress::parse("192.0.2.1"));
  const std::uint8_t* at = header.write(
      bytes.data() + 56, {.length = 40, .traffic_class = 0, .may_be_cut = false, .id = be16(9), .flow = 0});
  const std::array<std::uint8_t, 20> expected = {0x45, 0x00, 0x00, 0x3c, 0x00, 0x00, 0x40, 0x00, 0x41, 0x04,
                                                 0xb5, 0xba, 0xc0, 0x00, 0x02, 0x01, 0xc0, 0x00, 0x02, 0x02};
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), at));
}

TEST(TunnelHeader, ChecksumHoldsForEveryLengthClassAndIdentification) {
  TunnelHeader header(Tunnel::kGue, Family::kIpv4, *IpAddress::parse("255.255.255.254"));
  header.set_source(*IpAddress::parse("255.254.1.2"));
  std::array<std::uint8_t, 96> bytes{};
  for (unsigned i = 0; i < 0x10000; ++i) {
    const std::uint8_t* at =
        header.write(bytes.data() + 56, {.length = static_cast<std::uint16_t>(i * 7 % 60'000),
                                         .traffic_class = static_cast<std::uint8_t>(i * 13),
                                         .may_be_cut = true,
                                         .id = be16(static_cast<std::uint16_t>(i)),
                                         .flow = i});
    ASSERT_EQ(testing::plain_checksum({at, 20}), 0) << i;
  }
}

TEST(TunnelHeader, SourcePortsOfGueAreDynamicOnes) {
  const TunnelHeader header(Tunnel::kGue, Family::kIpv4, *IpAddress::parse("10.0.0.11"));
  std::array<std::uint8_t, 96> bytes{};
  for (const std::uint32_t flow : {0U, 0x3fffU, 0x4000U, 0xffffffffU}) {
    const std::uint8_t* at = header.write(
        bytes.data() + 56, {.length = 40, .traffic_class = 0, .may_be_cut = false, .id = {}, .flow = flow});
    EXPECT_EQ(at[20] * 256U + at[21], 49'152U + flow % 16'384U);
  }
}

// RFC 8200 section 4.5, and RFC 2473 section 7.1 for its place.
TEST(TunnelHeader, AFragmentHeaderStandsBehindTheIpHeader) {
  const Case of{Tunnel::kGre, true, false};
  const Frame inner = inner_of(of).datagram();
  Written out = written(of, inner, true, 0);
  std::uint8_t* const at = add_fragment_header(out.frame.data() + out.begin, 0xa1b2c3d4);
  out.begin -= 8;
  EXPECT_EQ(at, out.frame.data() + out.begin);
  const auto expected = outer_of(of, inner).fragment_header(0, false, 0xa1b2c3d4);
  EXPECT_EQ(datagram_of(out), expected.datagram());
}

TEST(TunnelHeader, WhatIsInsideSaysWhetherRoutersMayCut) {
  const auto may = [](const PacketBuilder& of) {
    const Frame bytes = of.datagram();
    return may_be_cut(bytes.data(), bytes.at(0) >> 4U == 4, static_cast<unsigned>(bytes.size()));
  };
  EXPECT_TRUE(may(PacketBuilder().ipv4("192.0.2.1", "192.0.2.2").udp(1, 2).payload(1400)));
  EXPECT_FALSE(may(PacketBuilder().ipv4("192.0.2.1", "192.0.2.2").df().udp(1, 2).payload(10)));
  EXPECT_TRUE(may(PacketBuilder().ipv6("2001:db8::1", "2001:db8::2").udp(1, 2).payload(1280 - 48)));
  EXPECT_FALSE(may(PacketBuilder().ipv6("2001:db8::1", "2001:db8::2").udp(1, 2).payload(1281 - 48)));
}

// What others may have put there is not for us.
TEST(TunnelHeader, OtherPacketsOfTheSameProtocolsAreNotRead) {
  const auto found = [](const PacketBuilder& of) {
    const Frame bytes = of.datagram();
    Headers outer;
    outer.family = 4;
    EXPECT_EQ(parse_ip(Bytes(bytes.data(), bytes.size()), bytes.size(), outer, {}), ParseError::kNone);
    Headers inner;
    return find_inside(Bytes(bytes.data(), bytes.size()), outer, inner);
  };
  const auto of = [] { return PacketBuilder().ipv4("10.0.0.1", "10.0.0.11"); };
  const Frame data(40, 0x45);
  const auto with = [&](Frame head) {
    head.insert(head.end(), data.begin(), data.end());
    return head;
  };
  EXPECT_TRUE(found(of().protocol(47).payload(with({0, 0, 8, 0}))));
  EXPECT_FALSE(found(of().protocol(47).payload(with({0x80, 0, 8, 0}))));     // with a checksum
  EXPECT_FALSE(found(of().protocol(47).payload(with({0, 0, 0x65, 0x58}))));  // Ethernet
  EXPECT_TRUE(found(of().udp(50'000, 6080).payload(with({0, 4, 0, 0}))));
  EXPECT_FALSE(found(of().udp(50'000, 6081).payload(with({0, 4, 0, 0}))));
  EXPECT_FALSE(found(of().udp(50'000, 6080).payload(with({0x20, 4, 0, 0}))));  // a control message
  EXPECT_FALSE(found(of().udp(50'000, 6080).payload(with({1, 4, 0, 0}))));     // with an extension
  EXPECT_FALSE(found(of().udp(50'000, 6080).payload(with({0, 17, 0, 0}))));
  EXPECT_FALSE(found(of().protocol(50).payload(data)));
}

}  // namespace
}  // namespace millrace::net
