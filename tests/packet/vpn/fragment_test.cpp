// SPDX-License-Identifier: BSD-3-Clause
// Outer datagrams that were cut on their way: RFC 4303 section 3.4.1.
#include <algorithm>

#include "tests/packet/vpn/vpn_bed.h"

namespace millrace::testing {
namespace {

using vpn::Drop;

class VpnFragments : public VpnTest {};
MILLRACE_VPN_VARIANTS(VpnFragments);

std::vector<VpnBed::Passing> arriving(VpnPair& pair, std::vector<VpnBed::Passing> left) {
  for (auto& [port, frame] : left) frame = pair.b.arriving(frame);
  return left;
}

TEST_P(VpnFragments, AreJoinedInAnyOrder) {
  for (const bool outer6 : {false, true}) {
    for (const bool udp : {false, true}) {
      VpnPair pair(variant(), {.outer6 = outer6, .udp = udp ? std::optional(vpn::UdpPorts{}) : std::nullopt});
      const PacketBuilder packet = pair.to_b(1500 - 28);
      for (const bool backwards : {false, true}) {
        auto pieces = arriving(pair, pair.a.pass_frames({{kInside, packet.bytes()}}));
        ASSERT_EQ(pieces.size(), 2U);
        if (backwards) std::ranges::reverse(pieces);
        const auto whole = pair.b.pass_frames(pieces);
        ASSERT_EQ(whole.size(), 1U) << outer6 << udp << backwards;
        EXPECT_EQ(whole[0].port, kInside);
        PacketBuilder expected = packet;
        EXPECT_EQ(Frame(whole[0].frame.begin() + 14, whole[0].frame.end()), expected.hop().hop().datagram());
      }
    }
  }
}

// Pieces of several packets lie among each other.
TEST_P(VpnFragments, AreJoinedEachToItsOwn) {
  VpnPair pair(variant(), {});
  std::vector<VpnBed::Passing> frames;
  for (std::uint16_t i = 0; i < 6; ++i)
    frames.push_back({kInside, pair.a.from_inside(kHostA, kHostB).udp(i, 2000).payload(1450U + i).bytes()});
  auto pieces = arriving(pair, pair.a.pass_frames(frames));
  ASSERT_EQ(pieces.size(), 12U);
  std::stable_partition(pieces.begin(), pieces.end(),
                        [](const VpnBed::Passing& piece) { return piece.frame.size() > 1000; });
  const auto whole = pair.b.pass_frames(pieces);
  ASSERT_EQ(whole.size(), 6U);
  for (const auto& [port, frame] : whole) {
    const Seen seen = read_frame(port, frame);
    EXPECT_EQ(seen.payload.size(), 1450U + seen.source_port);
  }
}

// What is not ESP stays as it is, for the twin's own kernel to join.
TEST_P(VpnFragments, OfKeyExchangeAreTheTwins) {
  VpnPair pair(variant(), {});
  const PacketBuilder ike = pair.b.from_outside("192.0.2.1", "192.0.2.2").udp(500, 500).payload(2000);
  const std::size_t all = ike.ip_payload().size();
  EXPECT_EQ(pair.b
                .pass_frames({{kOutside, ike.piece(0, 1000, 9).bytes()},
                              {kOutside, ike.piece(1000, all - 1000, 9).bytes()}})
                .size(),
            0U);
  EXPECT_EQ(pair.b.to_host(), 2U);
}

}  // namespace
}  // namespace millrace::testing
