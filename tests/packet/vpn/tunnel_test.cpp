// SPDX-License-Identifier: BSD-3-Clause
// Packets from a host behind one gateway to a host behind another, and what is wrong with some.
#include <map>

#include "common/core/drop_reason.h"
#include "tests/packet/vpn/vpn_bed.h"

namespace millrace::testing {
namespace {

using crypto::Cipher;
using crypto::Integrity;
using vpn::Drop;

class VpnTunnels : public VpnTest {};
MILLRACE_VPN_VARIANTS(VpnTunnels);

TEST_P(VpnTunnels, CarryBothFamiliesInBothWithEverySuite) {
  for (const crypto::Suite& suite : crypto::suites()) {
    for (const bool outer6 : {false, true}) {
      for (const bool udp : {false, true}) {
        VpnPair pair(
            variant(),
            {.suite = suite, .outer6 = outer6, .udp = udp ? std::optional(vpn::UdpPorts{}) : std::nullopt});
        for (const PacketBuilder& packet : {pair.to_b(), pair.to_b6()}) {
          const auto sealed = pair.sealed(true, packet);
          ASSERT_TRUE(sealed);
          const Seen outer = read_frame(kOutside, *sealed);
          EXPECT_EQ(outer.source, outer6 ? site_a().outside6 : site_a().outside4);
          EXPECT_EQ(outer.destination, outer6 ? site_b().outside6 : site_b().outside4);
          EXPECT_EQ(outer.protocol, udp ? net::protocol::kUdp : net::protocol::kEsp);
          EXPECT_EQ(outer.ttl, 64);
          if (udp) {
            EXPECT_EQ(outer.source_port, 4500);
            EXPECT_EQ(outer.destination_port, 4500);
          }
          const auto arrived = pair.opened(false, *sealed);
          ASSERT_TRUE(arrived) << crypto::name(suite.cipher);
          PacketBuilder expected = packet;
          EXPECT_EQ(arrived->port, kInside);
          // Each gateway is a hop.
          EXPECT_EQ(Frame(arrived->frame.begin() + 14, arrived->frame.end()),
                    expected.hop().hop().datagram());
        }
      }
    }
  }
}

TEST_P(VpnTunnels, CarryPacketsOfAllSizesBothWays) {
  VpnPair pair(variant(), {});
  for (std::size_t bytes = 0; bytes < 1400; bytes += bytes < 64 ? 1 : 97) {
    const auto there = pair.cross(true, pair.to_b(bytes));
    ASSERT_TRUE(there) << bytes;
    EXPECT_EQ(there->payload.size(), bytes);
    const auto back = pair.cross(false, pair.b.from_inside(kHostB, kHostA).udp(2000, 1000).payload(bytes));
    ASSERT_TRUE(back) << bytes;
    EXPECT_EQ(back->payload.size(), bytes);
  }
}

// In one burst, so that the engine has many at a time; the numbers are in the order of arrival.
TEST_P(VpnTunnels, KeepTheOrderOfABurst) {
  VpnPair pair(variant(), {.suite = {Cipher::kAesCbc256, Integrity::kHmacSha256}});
  std::vector<VpnBed::Passing> frames;
  for (std::uint16_t i = 0; i < 40; ++i)
    frames.push_back(
        {kInside, pair.a.from_inside(kHostA, kHostB).udp(i, 2000).payload(40U * i % 1300).bytes()});
  std::vector<VpnBed::Passing> sealed = pair.a.pass_frames(frames);
  ASSERT_EQ(sealed.size(), frames.size());
  for (auto& [port, frame] : sealed) frame = pair.b.arriving(frame);
  const auto arrived = pair.b.pass_frames(sealed);
  ASSERT_EQ(arrived.size(), frames.size());
  for (std::uint16_t i = 0; i < 40; ++i) EXPECT_EQ(read_frame(kInside, arrived[i].frame).source_port, i);
}

TEST_P(VpnTunnels, RefuseWhatComesTwiceOrIsChangedOrCut) {
  for (const crypto::Suite& suite : {crypto::Suite{Cipher::kAesGcm128, Integrity::kNone},
                                     crypto::Suite{Cipher::kAesCbc128, Integrity::kHmacSha1}}) {
    VpnPair pair(variant(), {.suite = suite});
    const auto sealed = pair.sealed(true, pair.to_b());
    ASSERT_TRUE(sealed);
    const Frame frame = pair.b.arriving(*sealed);
    for (std::size_t at = 14 + 20 + 8; at < frame.size(); at += 11) {
      Frame changed = frame;
      changed[at] ^= 0x10;
      pair.b.refused(kOutside, changed, Drop::kForged);
    }
    ASSERT_TRUE(pair.opened(false, *sealed)) << "what was forged took its number";
    pair.b.refused(kOutside, frame, Drop::kReplayed);
    EXPECT_EQ(pair.b.keeper().in_force().content().inbound->front()->state->faults.replayed.read(), 1U);
  }
}

TEST_P(VpnTunnels, RefuseNumbersThatNobodyHas) {
  VpnPair pair(variant(), {});
  pair.b.refused(kOutside, pair.b.from_outside("192.0.2.1", "192.0.2.2").esp(0x5555, 1).payload(64).bytes(),
                 Drop::kUnknownSpi);
  pair.b.refused(kOutside, pair.b.from_outside("192.0.2.1", "192.0.2.2").esp(0x2000b, 1).payload(4).bytes(),
                 Drop::kEspTruncated);
}

// RFC 4301 section 5.2: a packet that a policy protects is not let in as it is.
TEST_P(VpnTunnels, AreTheOnlyWayIn) {
  VpnPair pair(variant(), {});
  pair.b.refused(kOutside, pair.b.from_outside(kHostA, kHostB).udp(1, 2).payload(20).bytes(),
                 Drop::kClearText);
  EXPECT_EQ(pair.b.pass(kOutside, {pair.b.from_outside("198.51.100.9", kHostB).udp(1, 2).payload(20)}).size(),
            1U);
}

// Also to the gateway itself, whose own services must not be reached by somebody who pretends to be behind a
// tunnel.
TEST_P(VpnTunnels, AreTheOnlyWayToTheGatewayItself) {
  VpnPair pair(variant(), {});
  pair.b.refused(kOutside, pair.b.from_outside(kHostA, "10.2.0.1").tcp(1, 22).flags("S").bytes(),
                 Drop::kClearText);
  const auto sealed = pair.sealed(true, pair.a.from_inside(kHostA, "10.2.0.1").tcp(1, 22).flags("S"));
  ASSERT_TRUE(sealed);
  EXPECT_TRUE(pair.b.pass_frames({{kOutside, pair.b.arriving(*sealed)}}).empty());
  EXPECT_EQ(pair.b.to_host(), 1U);
  const Frame other = pair.b.from_outside("198.51.100.9", "10.2.0.1").tcp(1, 22).flags("S").bytes();
  EXPECT_TRUE(pair.b.pass_frames({{kOutside, other}}).empty());
  EXPECT_EQ(pair.b.to_host(), 1U);
}

// Of transport mode, whose policies are about the gateways: key exchange goes as it is, and nothing else.
TEST_P(VpnTunnels, OfTransportModeLeaveKeyExchangeAlone) {
  VpnPair pair(variant(), {.mode = vpn::Mode::kTransport});
  const auto said = [&](std::uint16_t port) {
    return pair.b.from_outside("192.0.2.1", "192.0.2.2").udp(port, port).payload(60).bytes();
  };
  for (const std::uint16_t port : {std::uint16_t{500}, std::uint16_t{4500}}) {
    Frame frame = said(port);
    if (port == 4500) std::fill_n(frame.begin() + 14 + 28, 4, std::uint8_t{0});
    EXPECT_TRUE(pair.b.pass_frames({{kOutside, frame}}).empty());
    EXPECT_EQ(pair.b.to_host(), 1U) << port;
  }
  pair.b.refused(kOutside, said(53), Drop::kClearText);
}

// RFC 4301 section 5.2, step 4.
TEST_P(VpnTunnels, CarryOnlyWhatWasAgreed) {
  VpnPair pair(variant(), {});
  // The one gateway lets its tunnel carry what the other did not agree to.
  const auto added = pair.a.keeper().add(vpn::PolicySpec{
      .selector = {.local = *net::Prefix::parse("10.1.0.0/16"), .remote = *net::Prefix::parse("10.3.0.0/16")},
      .tunnel = 1,
      .outbound = vpn::AssociationKey{
          .outbound = true, .spi = 0x2000b, .remote = *net::IpAddress::parse("192.0.2.2")}});
  ASSERT_TRUE(added);
  const auto sealed = pair.sealed(true, pair.a.from_inside(kHostA, "10.3.0.1").udp(1, 2).payload(20));
  ASSERT_TRUE(sealed);
  pair.b.refused(kOutside, pair.b.arriving(*sealed), Drop::kInnerRefused);
}

TEST_P(VpnTunnels, LeaveKeyExchangeToTheTwin) {
  VpnPair pair(variant(), {});
  const auto ike = [&](std::uint16_t port, std::vector<std::uint8_t> payload) {
    return pair.b.from_outside("192.0.2.1", "192.0.2.2").udp(port, port).payload(std::move(payload)).bytes();
  };
  EXPECT_EQ(pair.b.pass_frames({{kOutside, ike(500, std::vector<std::uint8_t>(28, 1))}}).size(), 0U);
  EXPECT_EQ(pair.b.to_host(), 1U);
  std::vector<std::uint8_t> marked(32, 1);
  std::fill_n(marked.begin(), 4, std::uint8_t{0});
  EXPECT_EQ(pair.b.pass_frames({{kOutside, ike(4500, marked)}}).size(), 0U);
  EXPECT_EQ(pair.b.to_host(), 1U);
  pair.b.refused(kOutside, ike(4500, {0xff}), Drop::kKeepalive);
}

}  // namespace
}  // namespace millrace::testing
