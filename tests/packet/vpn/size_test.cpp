// SPDX-License-Identifier: BSD-3-Clause
// What fits a tunnel, and who is told when something does not: RFC 4301 section 8, RFC 1191, RFC 8201.
#include "tests/packet/vpn/vpn_bed.h"

namespace millrace::testing {
namespace {

using vpn::Drop;

constexpr auto kTooBig = static_cast<std::uint8_t>(core::Drop::kPacketTooBig);

// Bytes of IPv4 and IPv6 inside AES-GCM inside IPv4, of a link of 1500: the text, a multiple of four, begins
// 36 bytes behind the outer datagram's first, and ends 16 before its last; its own last two are the trailer.
constexpr unsigned kRoom = (1500 - 36 - 16) / 4 * 4 - 2;

class VpnSizes : public VpnTest {};
MILLRACE_VPN_VARIANTS(VpnSizes);

unsigned mtu_in(const Seen& error) {
  const std::size_t at = error.frame.at(14) >> 4 == 4 ? 14 + 20 + 6 : 14 + 40 + 6;
  return static_cast<unsigned>(error.frame.at(at) << 8 | error.frame.at(at + 1));
}

TEST_P(VpnSizes, SendersAreToldWhatFits) {
  VpnPair pair(variant(), {});
  const auto packet = [&](std::size_t bytes) {
    return pair.a.from_inside(kHostA, kHostB).df().udp(1, 2).payload(bytes - 28);
  };
  EXPECT_TRUE(pair.cross(true, packet(kRoom)));
  const auto told = pair.a.told(kInside, packet(kRoom + 1).bytes(), kTooBig);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->destination, kHostA);
  EXPECT_EQ(told->icmp_type, 3);
  EXPECT_EQ(told->icmp_code, 4);
  EXPECT_EQ(mtu_in(*told), kRoom);
  const auto told6 = pair.a.told(
      kInside, pair.a.from_inside(kHostA6, kHostB6).udp(1, 2).payload(kRoom + 1 - 48).bytes(), kTooBig);
  ASSERT_TRUE(told6);
  EXPECT_EQ(told6->icmp_type, 2);
  EXPECT_EQ(mtu_in(*told6), kRoom);
}

// Its sender lets it be cut: RFC 4301 section 8.1.
TEST_P(VpnSizes, WhatMayBeCutIsCutBehindTheGateway) {
  for (const bool outer6 : {false, true}) {
    VpnPair pair(variant(), {.outer6 = outer6});
    const auto left = pair.a.pass_frames(
        {{kInside, pair.a.from_inside(kHostA, kHostB).udp(1, 2).payload(1500 - 28).bytes()}});
    ASSERT_EQ(left.size(), 2U);
    std::size_t carried = 0;
    for (const auto& [port, frame] : left) {
      EXPECT_LE(frame.size(), 14U + 1500);
      carried += frame.size() - 14 - (outer6 ? 48 : 20);
    }
    // 1500 and the trailer, as whole words, behind SPI, number and IV, before the tag.
    EXPECT_EQ(carried, 16U + (1500 + 2 + 3) / 4 * 4 + 16);
  }
}

// By the profile's word: each fragment is sealed by itself, so that the other gateway has nothing to join.
TEST_P(VpnSizes, WhatMayBeCutIsCutBeforeItIsSealed) {
  for (const auto& [dont_fragment, inside] :
       {std::pair{vpn::DontFragment::kCopy, true}, std::pair{vpn::DontFragment::kSet, false}}) {
    VpnPair pair(variant(), {});
    pair.a.fit(dont_fragment, inside);
    const PacketBuilder packet = pair.a.from_inside(kHostA, kHostB).udp(1, 2).payload(3000);
    const auto left = pair.a.pass_frames({{kInside, packet.bytes()}});
    ASSERT_EQ(left.size(), 3U);
    std::size_t carried = 0;
    for (const auto& [port, frame] : left) {
      EXPECT_LE(frame.size(), 14U + 1500);
      const Seen outer = read_frame(kOutside, frame);
      EXPECT_EQ(outer.protocol, net::protocol::kEsp);
      const unsigned fragment = unsigned{frame.at(14 + 6)} << 8 | frame.at(14 + 7);
      EXPECT_EQ(fragment, dont_fragment == vpn::DontFragment::kSet ? 0x4000U : 0U);
      const auto arrived = pair.opened(false, frame);
      ASSERT_TRUE(arrived);
      EXPECT_LE(arrived->frame.size(), 14U + kRoom);
      EXPECT_EQ(arrived->ttl, 62);
      carried += arrived->frame.size() - 14 - 20;
    }
    EXPECT_EQ(carried, 8U + 3000);
    // One that may not be cut has a sender who is told, as ever.
    EXPECT_TRUE(pair.a.told(
        kInside, pair.a.from_inside(kHostA, kHostB).df().udp(1, 2).payload(kRoom + 1 - 28).bytes(), kTooBig));
  }
}

// What the appliance says itself is cut behind it, whatever the profile says.
TEST_P(VpnSizes, WhatTheTwinSaysIsCutBehindTheGateway) {
  for (const vpn::DontFragment dont_fragment : {vpn::DontFragment::kCopy, vpn::DontFragment::kSet}) {
    VpnPair pair(variant(), {});
    pair.a.fit(dont_fragment, true);
    PacketBuilder said;
    said.ethernet(interface_mac(0), neighbor_mac(0)).ipv4("10.1.0.1", kHostB).udp(1, 2).payload(1500 - 28);
    pair.a.bed().from_host(core::InterfaceId(0), said.bytes());
    const auto left = pair.a.pass_frames({});
    ASSERT_EQ(left.size(), 2U);
    for (const auto& [port, frame] : left) {
      EXPECT_EQ(frame.at(14 + 9), net::protocol::kEsp);
      EXPECT_NE((frame.at(14 + 6) << 8 | frame.at(14 + 7)) & 0x3fff, 0) << "no fragment";
    }
  }
}

// RFC 4301 section 8.1: whatever the packets inside say.
TEST_P(VpnSizes, RoutersMayCutWhatTheProfileLetsThem) {
  VpnPair pair(variant(), {});
  pair.a.fit(vpn::DontFragment::kClear, false);
  const auto small = pair.sealed(true, pair.a.from_inside(kHostA, kHostB).df().udp(1, 2).payload(100));
  ASSERT_TRUE(small);
  EXPECT_EQ(small->at(14 + 6) & 0x40, 0);
  EXPECT_NE(small->at(14 + 4) << 8 | small->at(14 + 5), 0) << "it needs a number to be joined by (RFC 6864)";
  const auto arrived = pair.opened(false, *small);
  ASSERT_TRUE(arrived);
  EXPECT_EQ(arrived->frame.at(14 + 6) & 0x40, 0x40) << "what is inside stays as it was";
  for (const PacketBuilder& packet : {pair.a.from_inside(kHostA, kHostB).df().udp(1, 2).payload(1500 - 28),
                                      pair.a.from_inside(kHostA6, kHostB6).udp(1, 2).payload(1500 - 48)})
    EXPECT_EQ(pair.a.pass_frames({{kInside, packet.bytes()}}).size(), 2U);
}

// Nobody on the way may cut what is small, and what is of IPv6 and of every link's size has to pass all the
// same.
TEST_P(VpnSizes, RoutersMayNotCutWhatTheProfileForbids) {
  VpnPair pair(variant(), {});
  pair.a.fit(vpn::DontFragment::kSet, false);
  for (const PacketBuilder& packet : {pair.to_b(), pair.to_b6()}) {
    const auto sealed = pair.sealed(true, packet);
    ASSERT_TRUE(sealed);
    EXPECT_EQ(sealed->at(14 + 6) & 0x40, 0x40);
  }
}

TEST_P(VpnSizes, SegmentsAreHeldToWhatFits) {
  VpnPair pair(variant(), {});
  const auto mss = [](const Seen& syn) {
    return static_cast<unsigned>(syn.frame.at(56) << 8 | syn.frame.at(57));
  };
  const auto syn = pair.cross(true, pair.a.from_inside(kHostA, kHostB).tcp(1, 2).flags("S").option_mss(1460));
  ASSERT_TRUE(syn);
  EXPECT_EQ(mss(*syn), kRoom - 40);
  const auto small =
      pair.cross(true, pair.a.from_inside(kHostA, kHostB).tcp(1, 2).flags("S").option_mss(600));
  ASSERT_TRUE(small);
  EXPECT_EQ(mss(*small), 600U);
}

TEST_P(VpnSizes, ARouterOnTheWayIsHeardTenMinutesLong) {
  VpnPair pair(variant(), {});
  const auto packet = pair.a.from_inside(kHostA, kHostB).df().udp(1, 2).payload(1300);
  const auto sealed = pair.sealed(true, packet);
  ASSERT_TRUE(sealed);
  // As much of it as RFC 792 asks for: the header and 8 bytes.
  std::vector<std::uint8_t> quoted(sealed->begin() + 14, sealed->begin() + 14 + 28);
  const auto error = [&](std::uint32_t mtu) {
    return pair.a.from_outside("198.51.100.1", "192.0.2.1").icmp(3, 4, mtu).payload(quoted).bytes();
  };
  pair.a.refused(kOutside, error(1200), Drop::kPathMtu);
  const auto told = pair.a.told(kInside, packet.bytes(), kTooBig);
  ASSERT_TRUE(told);
  EXPECT_EQ(mtu_in(*told), (1200U - 36 - 16) / 4 * 4 - 2);
  pair.a.wait(10 * 60'000 + 2'000);
  EXPECT_TRUE(pair.cross(true, packet));
  // A number that is not ours changes nothing, and is the twin's.
  quoted[23] ^= 1;
  EXPECT_EQ(pair.a.pass_frames({{kOutside, error(1200)}}).size(), 0U);
  EXPECT_EQ(pair.a.to_host(), 1U);
  EXPECT_TRUE(pair.cross(true, packet));
  quoted[23] ^= 1;
  pair.a.refused(kOutside, error(68), Drop::kPathMtu);
  EXPECT_TRUE(pair.cross(true, pair.a.from_inside(kHostA, kHostB).df().udp(1, 2).payload(400)))
      << "believed less than every link carries";
}

// A port has put TCP segments together; each is sealed by itself.
TEST_P(VpnSizes, AggregatesAreCutBefore) {
  VpnPair pair(variant(), {});
  const PacketBuilder whole =
      pair.a.from_inside(kHostA, kHostB).df().tcp(1, 2).flags("A").seq(1000).payload(4000);
  pair.a.bed().receive(kInside, whole.bytes(), 0,
                       {.flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE, .segment_size = 1000});
  pair.a.bed().run();
  std::size_t carried = 0;
  unsigned segments = 0;
  for (const Frame& frame : pair.a.bed().transmitted(kOutside)) {
    const auto arrived = pair.opened(false, frame);
    ASSERT_TRUE(arrived);
    EXPECT_EQ(arrived->payload.size(), 1000U);
    carried += arrived->payload.size();
    ++segments;
  }
  EXPECT_EQ(segments, 4U);
  EXPECT_EQ(carried, 4000U);
}

}  // namespace
}  // namespace millrace::testing
