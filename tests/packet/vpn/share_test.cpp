// SPDX-License-Identifier: BSD-3-Clause
// Several pairs of associations share the packets of one tunnel, so that several workers seal them.
#include <map>
#include <set>

#include "tests/packet/vpn/vpn_bed.h"

namespace millrace::testing {
namespace {

constexpr std::uint32_t kPairs = 4;
constexpr unsigned kFlows = 64;

std::uint32_t number_of(const Frame& sealed) {
  const std::uint8_t* esp = sealed.data() + 14 + 20;
  return std::uint32_t{esp[0]} << 24 | std::uint32_t{esp[1]} << 16 | std::uint32_t{esp[2]} << 8 | esp[3];
}

class VpnShares : public VpnTest {
 protected:
  // Of one tunnel, told as charon tells them: the newest one's policy is in force.
  VpnShares() {
    for (std::uint32_t i = 0; i < kPairs; ++i) add(i);
    settle();
  }
  void settle() {
    a_.wait(2000);
    a_.keeper().watch_time();
  }
  void add(std::uint32_t i) {
    const TunnelSpec pair{
        .spi_to_a = 0x10000 + i, .spi_to_b = 0x20000 + i, .number = vpn::kFirstSharedTunnel + 5};
    a_.set_up(pair, true);
    b_.set_up(pair, false);
  }
  [[nodiscard]] PacketBuilder flow(unsigned i) const {
    return a_.from_inside(kHostA, kHostB).udp(static_cast<std::uint16_t>(1000 + i), 2000).payload(50);
  }
  // By which association each flow leaves; each of its packets by the same, and opened at the other end.
  std::map<unsigned, std::uint32_t> leave() {
    std::map<unsigned, std::uint32_t> by;
    for (const bool again : {false, true}) {
      for (unsigned i = 0; i < kFlows; ++i) {
        const auto left = a_.pass_frames({{kInside, flow(i).bytes()}});
        EXPECT_EQ(left.size(), 1U);
        if (left.size() != 1) continue;
        const std::uint32_t number = number_of(left[0].frame);
        EXPECT_TRUE(!again || by[i] == number) << "the flow has changed its association";
        by[i] = number;
        EXPECT_EQ(b_.pass_frames({{kOutside, b_.arriving(left[0].frame)}}).size(), 1U);
      }
    }
    return by;
  }
  static std::map<std::uint32_t, unsigned> counted(const std::map<unsigned, std::uint32_t>& by) {
    std::map<std::uint32_t, unsigned> counts;
    for (const auto& [flow, number] : by) ++counts[number];
    return counts;
  }

  VpnBed a_{variant(), site_a(), site_b()};
  VpnBed b_{variant(), site_b(), site_a()};
};
MILLRACE_VPN_VARIANTS(VpnShares);

TEST_P(VpnShares, EachAssociationHasItsFlows) {
  const auto counts = counted(leave());
  ASSERT_EQ(counts.size(), kPairs);
  for (const auto& [number, flows] : counts) {
    EXPECT_GE(flows, kFlows / kPairs / 4) << number;
    EXPECT_LE(flows, kFlows / kPairs * 3) << number;
  }
}

// What was removed has its packets taken over at once, though it can still be opened.
TEST_P(VpnShares, OthersTakeOverWhatOneHad) {
  const auto before = leave();
  const vpn::AssociationKey gone{
      .outbound = true, .spi = 0x20001, .remote = *net::IpAddress::parse(site_b().outside4)};
  ASSERT_TRUE(a_.keeper().remove(gone));
  const auto after = counted(leave());
  EXPECT_EQ(after.size(), kPairs - 1);
  EXPECT_FALSE(after.contains(gone.spi));
}

// The peer may have it a moment after us.
TEST_P(VpnShares, ANewOneWaits) {
  add(kPairs);
  EXPECT_EQ(counted(leave()).count(0x20000 + kPairs), 0U);
  settle();
  EXPECT_EQ(counted(leave()).count(0x20000 + kPairs), 1U);
}

// Packets of another tunnel are not theirs.
TEST_P(VpnShares, OnlyOfOneTunnel) {
  TunnelSpec other{.spi_to_a = 0x30000, .spi_to_b = 0x40000, .number = 2, .only_host = "0.9"};
  a_.set_up(other, true);
  const auto left = a_.pass_frames({{kInside, flow(1).bytes()}});
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(number_of(left[0].frame) & 0xfffff000U, 0x20000U);
}

}  // namespace
}  // namespace millrace::testing
