// SPDX-License-Identifier: BSD-3-Clause
// ARP and neighbour discovery between the two ports of a transparent pair.
#include "tests/packet/protect_bed.h"

namespace millrace::testing {
namespace {

using core::Forwarding;

const net::MacAddress kHost = neighbor_mac(0);
const net::MacAddress kOther = neighbor_mac(9);
const net::MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
const net::MacAddress kGroup{{0x01, 0x00, 0x5e, 0, 0, 1}};
constexpr std::uint8_t kRs = 133;
constexpr std::uint8_t kRa = 134;
constexpr std::uint8_t kNs = 135;
constexpr std::uint8_t kNa = 136;
constexpr std::uint8_t kRedirect = 137;

// The policy drops everything, so what passes did so without a rule.
void expect(const PacketBuilder& builder, std::optional<firewall::Drop> reason, const char* what) {
  for (const unsigned burst : {1U, 7U, 32U}) {
    for (const unsigned workers : {1U, 2U}) {
      SCOPED_TRACE(std::string(what) + ", burst " + std::to_string(burst) + ", workers " +
                   std::to_string(workers));
      ProtectBed bed({burst, workers, false}, Forwarding::kTransparent,
                     [](firewall::Policy& policy) { policy.otherwise.action = firewall::Action::kDrop; });
      constexpr unsigned kCount = 9;
      for (unsigned i = 0; i < kCount; ++i) bed.send(ProtectBed::kInside, builder);
      bed.run();
      const auto frames = bed.sent(ProtectBed::kOutside);
      EXPECT_EQ(frames.size(), reason ? 0U : kCount);
      for (const Frame& frame : frames) EXPECT_TRUE(same_packet(builder.bytes(), frame));
      EXPECT_EQ(bed.dropped_in_all(), reason ? kCount : 0U);
      if (reason) {
        EXPECT_EQ(bed.dropped(*reason), kCount);
      }
      EXPECT_EQ(bed.open_sessions(), 0U);
    }
  }
}

PacketBuilder arp(const net::MacAddress& frame_source, const net::MacAddress& sender,
                  std::uint16_t operation = 1) {
  return packet().ethernet(frame_source, kBroadcast).arp(operation, sender, "10.0.1.1", {}, "10.0.1.2");
}

TEST(ProtectLink, ArpPassesWhenItsSenderIsTheFrames) {
  expect(arp(kHost, kHost), std::nullopt, "request");
  expect(arp(kHost, kHost, 2), std::nullopt, "reply");
}

TEST(ProtectLink, ArpOfAnotherSenderIsSpoofed) {
  expect(arp(kHost, kOther), firewall::Drop::kArpSpoofed, "request");
  expect(arp(kHost, kOther, 2), firewall::Drop::kArpSpoofed, "reply");
  expect(arp(kHost, {}), firewall::Drop::kArpSpoofed, "no sender");
  expect(arp(kGroup, kGroup), firewall::Drop::kArpSpoofed, "a group");
  expect(arp(kHost, kBroadcast, 2), firewall::Drop::kArpSpoofed, "broadcast");
}

Frame operator+(Frame a, const Frame& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Frame address(std::string_view text) {
  const auto bytes = net::Ipv6Address::parse(text)->bytes;
  return {bytes.begin(), bytes.end()};
}

// A source (1) or target (2) link-layer address option.
Frame link_option(std::uint8_t type, const net::MacAddress& mac) {
  Frame option{type, 1};
  option.insert(option.end(), mac.bytes.begin(), mac.bytes.end());
  return option;
}

PacketBuilder nd(std::uint8_t type, const Frame& body, const char* source = "fe80::1",
                 const char* destination = "ff02::1", std::uint32_t word = 0) {
  return packet()
      .ethernet(kHost, {{0x33, 0x33, 0, 0, 0, 1}})
      .ipv6(source, destination)
      .ttl(255)
      .icmp(type, 0, word)
      .payload(body);
}

const Frame kTarget = address("2001:db8:1::5");

TEST(ProtectLink, NeighbourDiscoveryPasses) {
  expect(nd(kRs, link_option(1, kHost)), std::nullopt, "router solicitation");
  expect(nd(kRs, {}, "::", "ff02::2"), std::nullopt, "router solicitation without an address");
  expect(nd(kRa, Frame(8, 0) + link_option(1, kHost)), std::nullopt, "router advertisement");
  expect(nd(kNs, kTarget + link_option(1, kHost), "2001:db8:1::1", "ff02::1:ff00:5"), std::nullopt,
         "solicitation");
  expect(nd(kNs, kTarget, "2001:db8:1::1", "2001:db8:1::5"), std::nullopt, "unreachability probe");
  expect(nd(kNs, kTarget, "::", "ff02::1:ff00:5"), std::nullopt, "duplicate address detection");
  expect(nd(kNa, kTarget + link_option(2, kHost), "2001:db8:1::5", "2001:db8:1::1", 0x60000000), std::nullopt,
         "advertisement");
  expect(nd(kNa, kTarget, "fe80::1", "ff02::1", 0x20000000), std::nullopt, "unsolicited advertisement");
  expect(nd(kRedirect, address("fe80::2") + kTarget, "fe80::1", "2001:db8:1::1"), std::nullopt, "redirect");
}

TEST(ProtectLink, NeighbourDiscoveryFromElsewhereIsSpoofed) {
  for (const std::uint8_t hops : {std::uint8_t{254}, std::uint8_t{64}, std::uint8_t{1}}) {
    expect(nd(kRs, {}).ttl(hops), firewall::Drop::kNdSpoofed, "router solicitation");
    expect(nd(kRa, Frame(8, 0)).ttl(hops), firewall::Drop::kNdSpoofed, "router advertisement");
    expect(nd(kNs, kTarget).ttl(hops), firewall::Drop::kNdSpoofed, "solicitation");
    expect(nd(kNa, kTarget).ttl(hops), firewall::Drop::kNdSpoofed, "advertisement");
    expect(nd(kRedirect, kTarget + kTarget).ttl(hops), firewall::Drop::kNdSpoofed, "redirect");
  }
}

TEST(ProtectLink, MalformedNeighbourDiscoveryIsRefused) {
  expect(nd(kNs, Frame(8, 0)), firewall::Drop::kNdSpoofed, "no whole target");
  expect(nd(kRa, {}), firewall::Drop::kNdSpoofed, "short router advertisement");
  expect(nd(kRedirect, kTarget), firewall::Drop::kNdSpoofed, "short redirect");
  expect(nd(kNs, kTarget + Frame{1, 0, 0, 0, 0, 0, 0, 0}), firewall::Drop::kNdSpoofed,
         "an option of no length");
  expect(nd(kNs, kTarget + Frame{1, 2, 0, 0, 0, 0, 0, 0}), firewall::Drop::kNdSpoofed,
         "an option past the end");
  expect(nd(kNs, kTarget + Frame{1, 1, 0}), firewall::Drop::kNdSpoofed, "an option cut off");
  expect(nd(kNs, address("ff02::1")), firewall::Drop::kNdSpoofed, "a group as target");
  expect(nd(kNs, kTarget + link_option(1, kHost), "::", "ff02::1:ff00:5"), firewall::Drop::kNdSpoofed,
         "an address of nobody's");
  expect(nd(kNs, kTarget, "::", "ff02::1"), firewall::Drop::kNdSpoofed, "a solicitation of all by nobody");
  expect(nd(kNa, kTarget, "fe80::1", "ff02::1", 0x40000000), firewall::Drop::kNdSpoofed, "an answer to all");
  expect(nd(kRa, Frame(8, 0), "2001:db8:1::1"), firewall::Drop::kNdSpoofed,
         "a router that is not on the link");
  expect(nd(kRedirect, kTarget + kTarget, "2001:db8:1::1"), firewall::Drop::kNdSpoofed,
         "a redirect not from the link");
  expect(nd(kNa, kTarget + link_option(2, kGroup)), firewall::Drop::kNdSpoofed, "a group's link address");
  expect(
      packet().ethernet(kHost, kBroadcast).ipv6("fe80::1", "ff02::1").ttl(255).icmp(kNs, 1).payload(kTarget),
      firewall::Drop::kNdSpoofed, "a code");
}

// RFC 6980 section 5: not in pieces, and not with a fragment header that makes one piece.
TEST(ProtectLink, FragmentedNeighbourDiscoveryIsRefused) {
  const auto in_fragment = [](std::uint16_t offset, bool more) {
    return packet()
        .ethernet(kHost, {{0x33, 0x33, 0, 0, 0, 1}})
        .ipv6("2001:db8:1::1", "ff02::1:ff00:5")
        .ttl(255)
        .destination_options()
        .fragment_header(offset, more, 1)
        .icmp(kNs, 0)
        .payload(kTarget + link_option(1, kHost));
  };
  expect(in_fragment(0, false), firewall::Drop::kNdSpoofed, "an atomic fragment");
  expect(nd(kNs, kTarget + link_option(1, kHost)).fragment_header(0, false, 1), firewall::Drop::kNdSpoofed,
         "an atomic fragment without other headers");
  expect(nd(kNs, kTarget + link_option(1, kHost), "2001:db8:1::1", "ff02::1:ff00:5").destination_options(),
         std::nullopt, "other headers are allowed");
}

TEST(ProtectLink, WhatStaysOnTheLinkNeedsNoRule) {
  constexpr std::uint8_t kListenerReport = 143;
  expect(nd(kListenerReport, Frame(20, 0), "fe80::1", "ff02::16").ttl(1), std::nullopt, "listener report");
  expect(nd(128, {}, "fe80::1", "fe80::2").ttl(64), std::nullopt, "echo request");
  expect(nd(129, {}, "fe80::1", "fe80::2").ttl(64), std::nullopt, "echo reply nobody asked for");
}

TEST(ProtectLink, WhatDoesNotStayOnTheLinkNeedsOne) {
  expect(nd(128, {}, "2001:db8:1::1", "2001:db8:1::2").ttl(64), firewall::Drop::kDeniedByDefault,
         "echo request");
  expect(nd(128, {}, "fe80::1", "2001:db8:1::2").ttl(64), firewall::Drop::kDeniedByDefault,
         "to a global address");
  expect(nd(129, {}, "2001:db8:1::1", "fe80::2").ttl(64), firewall::Drop::kIcmpUnsolicited, "echo reply");
}

// Routed, the twin answers: nothing of the link passes, nothing is judged here.
TEST(ProtectLink, RoutedModeLeavesItToTheTwin) {
  ProtectBed bed({}, Forwarding::kRouted);
  bed.send(ProtectBed::kInside, arp(kHost, kOther));
  bed.send(ProtectBed::kInside, nd(kNs, kTarget).ttl(64));
  bed.run();
  EXPECT_EQ(bed.bed().to_host().size(), 2U);
  EXPECT_EQ(bed.dropped_in_all(), 0U);
}

}  // namespace
}  // namespace millrace::testing
