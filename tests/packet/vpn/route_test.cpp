// SPDX-License-Identifier: BSD-3-Clause
// Tunnels with interfaces of their own: what goes by them is a matter of routes.
#include "common/core/drop_reason.h"
#include "tests/packet/vpn/vpn_bed.h"

namespace millrace::testing {
namespace {

using vpn::Drop;

constexpr std::uint32_t kNumber = 77;
constexpr core::InterfaceId kTunnelInterface(2);  // behind lan and wan
constexpr auto kBeyondMtu = static_cast<std::uint8_t>(core::Drop::kPacketTooBig);
constexpr auto kHopsUsedUp = static_cast<std::uint8_t>(core::Drop::kTtlExceeded);

class VpnRoutes : public VpnTest {
 protected:
  VpnPair pair_{variant(), {.interface = kNumber}};

  // What the twin sends by the tunnel's own device.
  std::vector<VpnBed::Passing> say(const PacketBuilder& packet) {
    pair_.a.bed().from_host(kTunnelInterface, packet.bytes());
    return pair_.a.pass_frames({});
  }
  static PacketBuilder said(std::string_view source, std::string_view destination) {
    PacketBuilder packet;
    packet.ethernet(net::MacAddress{}, net::MacAddress{});
    return source.find(':') == std::string_view::npos ? packet.ipv4(source, destination)
                                                      : packet.ipv6(source, destination);
  }
};
MILLRACE_VPN_VARIANTS(VpnRoutes);

TEST_P(VpnRoutes, SendPacketsByTheTunnel) {
  for (const PacketBuilder& packet : {pair_.to_b(), pair_.to_b6()}) {
    const auto sealed = pair_.sealed(true, packet);
    ASSERT_TRUE(sealed);
    EXPECT_EQ(read_frame(kOutside, *sealed).protocol, net::protocol::kEsp);
    const auto arrived = pair_.opened(false, *sealed);
    ASSERT_TRUE(arrived);
    PacketBuilder expected = packet;
    EXPECT_EQ(Frame(arrived->frame.begin() + 14, arrived->frame.end()), expected.hop().hop().datagram());
  }
  // And nothing else: its association carries everything, and yet this goes as it is.
  const auto plain =
      pair_.a.pass(kInside, {pair_.a.from_inside(kHostA, "198.51.100.9").udp(1, 2).payload(20)});
  ASSERT_EQ(plain.size(), 1U);
  EXPECT_EQ(plain[0].protocol, net::protocol::kUdp);
}

TEST_P(VpnRoutes, AskForNothingOfWhatComesAsItIs) {
  const auto arrived = pair_.b.pass(kOutside, {pair_.b.from_outside(kHostA, kHostB).udp(1, 2).payload(20)});
  ASSERT_EQ(arrived.size(), 1U);
  EXPECT_EQ(arrived[0].port, kInside);
}

// RFC 4301 section 4.4.1: policies go before routes.
TEST_P(VpnRoutes, DoNotOverrulePolicies) {
  ASSERT_TRUE(pair_.a.keeper().add(vpn::PolicySpec{
      .selector = {.local = *net::Prefix::parse("10.1.0.0/16"), .remote = *net::Prefix::parse("10.2.0.0/16")},
      .action = vpn::Action::kDiscard}));
  pair_.a.refused(kInside, pair_.to_b().bytes(), Drop::kDiscarded);
}

TEST_P(VpnRoutes, LeadNowhereWithoutATunnel) {
  pair_.a.keeper().flush_policies();
  const auto reason = static_cast<std::uint8_t>(Drop::kTunnelDown);
  const auto told = pair_.a.told(kInside, pair_.to_b().bytes(), reason);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->destination, kHostA);
  EXPECT_EQ(told->icmp_type, 3);
}

// A policy without an association: key exchange is asked for one.
TEST_P(VpnRoutes, AskForATunnel) {
  vpn::AssociationKeeper& keeper = pair_.a.keeper();
  keeper.flush_policies();
  const net::Prefix all = *net::Prefix::parse("0.0.0.0/0");
  ASSERT_TRUE(keeper.add(vpn::PolicySpec{
      .selector = {.local = all, .remote = all}, .tunnel = 5, .outbound = {}, .interface = kNumber}));
  pair_.a.refused(kInside, pair_.to_b().bytes(), Drop::kNoAssociation);
  const auto events = pair_.a.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, vpn::AssociationEvent::Kind::kAcquire);
  EXPECT_EQ(events[0].tunnel, 5U);
}

TEST_P(VpnRoutes, HeedTheMtuOfTheInterface) {
  const auto packet = [&](std::size_t bytes) {
    return pair_.a.from_inside(kHostA, kHostB).df().udp(1, 2).payload(bytes - 28);
  };
  EXPECT_TRUE(pair_.cross(true, packet(kTunnelMtu)));
  const auto told = pair_.a.told(kInside, packet(kTunnelMtu + 1).bytes(), kBeyondMtu);
  ASSERT_TRUE(told);
  EXPECT_EQ(unsigned{told->frame.at(14 + 20 + 6)} << 8 | told->frame.at(14 + 20 + 7), kTunnelMtu);
}

// What the twin says goes by the device it was said by: a routing protocol to the other end, also to a group.
TEST_P(VpnRoutes, CarryWhatTheTwinSays) {
  for (const PacketBuilder& packet : {said(kTunnelHere, kTunnelThere).udp(179, 179).payload(40),
                                      said(kTunnelHere, "224.0.0.5").ttl(1).udp(89, 89).payload(40),
                                      said("fe80::1", "ff02::5").ttl(1).udp(89, 89).payload(40),
                                      said("fe80::1", "fe80::2").udp(89, 89).payload(40)}) {
    const auto left = say(packet);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left[0].port, kOutside);
    EXPECT_EQ(read_frame(kOutside, left[0].frame).protocol, net::protocol::kEsp);
  }
}

// What goes no further than its link is the twin's, by the tunnel's device; so is what is for an address of
// ours.
TEST_P(VpnRoutes, BringTheTwinItsOwn) {
  for (const PacketBuilder& packet : {said(kTunnelThere, "224.0.0.5").ttl(1).udp(89, 89).payload(40),
                                      said("fe80::1", "ff02::5").ttl(1).udp(89, 89).payload(40),
                                      said(kTunnelThere, kTunnelHere).udp(179, 179).payload(40)}) {
    const auto left = say(packet);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_TRUE(pair_.b.pass_frames({{kOutside, pair_.b.arriving(left[0].frame)}}).empty());
    EXPECT_EQ(pair_.b.to_host(), 1U);
  }
}

// RFC 1122 section 3.2.1.3 holds inside a tunnel, too.
TEST_P(VpnRoutes, RefuseAddressesThatNobodyHas) {
  const std::uint64_t before = pair_.b.bed().dropped(static_cast<std::uint8_t>(core::Drop::kMartianSource));
  const auto left = say(said("127.0.0.1", kHostB).udp(1, 2).payload(40));
  ASSERT_EQ(left.size(), 1U);
  EXPECT_TRUE(pair_.b.pass_frames({{kOutside, pair_.b.arriving(left[0].frame)}}).empty());
  EXPECT_EQ(pair_.b.bed().dropped(static_cast<std::uint8_t>(core::Drop::kMartianSource)), before + 1);
}

// An error about what came by the tunnel comes from its interface's address, and goes back by the tunnel.
TEST_P(VpnRoutes, TellSendersBehindTheTunnel) {
  const auto sealed = pair_.sealed(true, pair_.to_b().ttl(2));
  ASSERT_TRUE(sealed);
  const std::uint64_t before = pair_.b.bed().dropped(kHopsUsedUp);
  const auto left = pair_.b.pass_frames({{kOutside, pair_.b.arriving(*sealed)}});
  EXPECT_EQ(pair_.b.bed().dropped(kHopsUsedUp), before + 1);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].port, kOutside);
  const auto told = pair_.opened(true, left[0].frame);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->port, kInside);
  EXPECT_EQ(told->source, kTunnelHere);
  EXPECT_EQ(told->destination, kHostA);
  EXPECT_EQ(told->icmp_type, 11);
}

}  // namespace
}  // namespace millrace::testing
