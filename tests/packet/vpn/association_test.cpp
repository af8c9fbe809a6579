// SPDX-License-Identifier: BSD-3-Clause
// The life of associations: limits, other ends, congestion, transport mode, packets of the gateway itself.
#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "tests/packet/vpn/vpn_bed.h"

namespace millrace::testing {
namespace {

using vpn::AssociationEvent;
using vpn::Drop;
using Kind = vpn::AssociationEvent::Kind;

class VpnAssociations : public VpnTest {};
MILLRACE_VPN_VARIANTS(VpnAssociations);

// What several tunnels need is fetched ahead; which of them carries a packet must not change by that.
TEST_P(VpnAssociations, OfManyTunnelsShareABatch) {
  constexpr unsigned kTunnels = 8;
  const std::array<crypto::Suite, 3> suites{{{crypto::Cipher::kAesGcm128, crypto::Integrity::kNone},
                                             {crypto::Cipher::kAesCbc256, crypto::Integrity::kHmacSha256},
                                             {crypto::Cipher::kChaCha20Poly1305, crypto::Integrity::kNone}}};
  VpnBed a(variant(), site_a(), site_b());
  VpnBed b(variant(), site_b(), site_a());
  for (unsigned i = 0; i < kTunnels; ++i) {
    const TunnelSpec tunnel{.suite = suites[i % suites.size()],
                            .spi_to_a = 0x1000a + i,
                            .spi_to_b = 0x2000b + i,
                            .number = 1 + i,
                            .only_host = "0." + std::to_string(20 + i)};
    a.set_up(tunnel, true);
    b.set_up(tunnel, false);
  }
  std::vector<VpnBed::Passing> sent;
  std::set<std::pair<std::string, std::size_t>> expected;  // destination, bytes
  for (std::size_t round = 0; round < 3; ++round) {
    for (unsigned i = 0; i < kTunnels; ++i) {
      const std::string host = ".0." + std::to_string(20 + i);
      const std::size_t bytes = 100 + 200 * round + i;
      sent.push_back(
          {kInside, a.from_inside("10.1" + host, "10.2" + host).udp(1000, 2000).payload(bytes).bytes()});
      expected.emplace("10.2" + host, bytes);
    }
  }
  std::vector<VpnBed::Passing> sealed;
  for (VpnBed::Passing& left : a.pass_frames(sent))
    sealed.push_back({kOutside, b.arriving(std::move(left.frame))});
  ASSERT_EQ(sealed.size(), sent.size());
  std::set<std::pair<std::string, std::size_t>> arrived;
  for (const VpnBed::Passing& left : b.pass_frames(sealed)) {
    const Seen seen = read_frame(left.port, left.frame);
    arrived.emplace(seen.destination, seen.payload.size());
  }
  EXPECT_EQ(arrived, expected);
  for (const auto& in : *b.keeper().in_force().content().inbound)
    EXPECT_EQ(in->state->use.packets.read(), 3U);
  // A copy of each is known, and by its own association.
  EXPECT_TRUE(b.pass_frames(sealed).empty());
  for (const auto& in : *b.keeper().in_force().content().inbound)
    EXPECT_EQ(in->state->faults.replayed.read(), 3U);
}

TEST_P(VpnAssociations, EndWhenTheyHaveCarriedTheirPackets) {
  VpnPair pair(variant(), {.packets = {.soft = 3, .hard = 5}});
  for (unsigned i = 1; i <= 5; ++i) {
    ASSERT_TRUE(pair.cross(true, pair.to_b())) << i;
    const auto out = pair.a.events();
    const auto in = pair.b.events();
    ASSERT_EQ(out.size(), i == 3 || i == 5 ? 1U : 0U);
    ASSERT_EQ(in.size(), out.size());
    if (out.empty()) continue;
    EXPECT_EQ(out[0].kind, i == 3 ? Kind::kSoftLimit : Kind::kHardLimit);
    EXPECT_TRUE(out[0].outbound);
    EXPECT_EQ(out[0].spi, 0x2000bU);
    EXPECT_EQ(in[0].kind, out[0].kind);
    EXPECT_FALSE(in[0].outbound);
  }
  pair.a.refused(kInside, pair.to_b().bytes(), Drop::kLifetimeOver);
}

TEST_P(VpnAssociations, EndWhenTheyHaveCarriedTheirBytes) {
  VpnPair pair(variant(), {.bytes = {.soft = 0, .hard = 300}});
  for (unsigned i = 1; i <= 3; ++i) ASSERT_TRUE(pair.cross(true, pair.to_b(72)));  // 100 bytes each
  const auto events = pair.a.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, Kind::kHardLimit);
  pair.a.refused(kInside, pair.to_b().bytes(), Drop::kLifetimeOver);
}

// RFC 4303 section 3.3.3: no number comes twice.
TEST_P(VpnAssociations, EndWithTheirLastNumber) {
  VpnPair pair(variant(), {.extended = false});
  pair.a.keeper().in_force().content().outbound->front()->state->esp.sent = 0xfffffffe;
  ASSERT_TRUE(pair.cross(true, pair.to_b()));
  pair.a.refused(kInside, pair.to_b().bytes(), Drop::kNumbersUsedUp);
}

TEST_P(VpnAssociations, WithExtendedNumbersGoOn) {
  for (const crypto::Suite& suite :
       {crypto::Suite{crypto::Cipher::kAesGcm256, crypto::Integrity::kNone},
        crypto::Suite{crypto::Cipher::kAesCtr128, crypto::Integrity::kHmacSha512}}) {
    VpnPair pair(variant(), {.suite = suite});
    pair.a.keeper().in_force().content().outbound->front()->state->esp.sent = 0xfffffffe;
    // The other gateway has come as far.
    ASSERT_TRUE(pair.b.keeper().in_force().content().inbound->front()->state->esp.window.take(0xfffffff0));
    for (unsigned i = 0; i < 4; ++i) EXPECT_TRUE(pair.cross(true, pair.to_b())) << i;
  }
}

TEST_P(VpnAssociations, TellKeyExchangeOfOtherEnds) {
  VpnPair pair(variant(), {.udp = vpn::UdpPorts{}});
  const auto sealed = pair.sealed(true, pair.to_b());
  ASSERT_TRUE(sealed);
  Frame other = pair.b.arriving(*sealed);
  // A NAT on the way has another port for it; RFC 3948 lets its checksum be none.
  other[14 + 20] = 0x30;
  other[14 + 21] = 0x39;
  ASSERT_EQ(pair.b.pass_frames({{kOutside, other}}).size(), 1U);
  const auto events = pair.b.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, Kind::kOtherEnds);
  EXPECT_EQ(events[0].address.to_string(), "192.0.2.1");
  EXPECT_EQ(events[0].port, 12345);
  ASSERT_TRUE(
      pair.b.keeper().move({.outbound = true, .spi = 0x1000a, .remote = *net::IpAddress::parse("192.0.2.1")},
                           {.local = *net::IpAddress::parse("192.0.2.2"),
                            .remote = *net::IpAddress::parse("192.0.2.1"),
                            .udp = vpn::UdpPorts{.local = 4500, .remote = 12345}}));
  const auto back = pair.sealed(false, pair.b.from_inside(kHostB, kHostA).udp(1, 2).payload(9));
  ASSERT_TRUE(back);
  EXPECT_EQ(read_frame(kOutside, *back).destination_port, 12345);
}

// RFC 6040 section 4.2, figure 4: by the outer field, what becomes of the inner.
TEST_P(VpnAssociations, TellCongestionInside) {
  constexpr int kDropped = -1;
  // Not-ECT, ECT(1), ECT(0), CE
  constexpr std::array<std::array<int, 4>, 4> kInnerByOuter{
      {{0, 1, 2, 3}, {0, 1, 1, 3}, {0, 1, 2, 3}, {kDropped, 3, 3, 3}}};
  VpnPair pair(variant(), {});
  for (const std::string_view host : {kHostA, std::string_view("2001:db8:a::5")}) {
    const std::string_view to = host == kHostA ? kHostB : "2001:db8:b::7";
    for (unsigned outer = 0; outer < 4; ++outer) {
      for (unsigned inner = 0; inner < 4; ++inner) {
        const auto sealed = pair.sealed(true, pair.a.from_inside(host, to)
                                                  .traffic_class(static_cast<std::uint8_t>(0x28 | inner))
                                                  .udp(1, 2)
                                                  .payload(20));
        ASSERT_TRUE(sealed);
        EXPECT_EQ(sealed->at(15), 0x28 | inner) << "both fields are copied, section 4.1";
        Frame frame = pair.b.arriving(*sealed);
        // The checksum changes by as much as the field, in one's complement.
        unsigned sum = static_cast<unsigned>(frame[24] << 8 | frame[25]) + (frame[15] & 3U) + 0xffff - outer;
        sum = (sum & 0xffffU) + (sum >> 16);
        frame[15] = static_cast<std::uint8_t>(0x28 | outer);
        frame[24] = static_cast<std::uint8_t>(sum >> 8);
        frame[25] = static_cast<std::uint8_t>(sum);
        const int expected = kInnerByOuter[outer][inner];
        if (expected == kDropped) {
          pair.b.refused(kOutside, frame, Drop::kInnerCongestion);
          continue;
        }
        const auto left = pair.b.pass_frames({{kOutside, frame}});
        ASSERT_EQ(left.size(), 1U) << outer << " " << inner;
        static_cast<void>(read_frame(kInside, left[0].frame));
        const unsigned field =
            host == kHostA ? left[0].frame.at(15)
                           : (unsigned{left[0].frame.at(14)} << 4U | left[0].frame.at(15) >> 4U) & 0xffU;
        EXPECT_EQ(field, 0x28U | static_cast<unsigned>(expected)) << outer << " " << inner;
      }
    }
  }
}

// The twin's frames are read by whichever worker comes first; the association may be another's.
TEST_P(VpnAssociations, OfAnotherWorkerCarryWhatTheTwinSays) {
  for (const std::uint32_t spi : {0x1000aU, 0x1000bU}) {
    VpnPair pair(variant(), {.mode = vpn::Mode::kTransport, .spi_to_a = spi});
    PacketBuilder said;
    said.ethernet(interface_mac(1), neighbor_mac(1))
        .ipv4("192.0.2.1", "192.0.2.2")
        .tcp(179, 40000)
        .flags("A");
    pair.a.bed().from_host(core::InterfaceId(1), said.bytes());
    pair.a.bed().run();
    const auto sealed = pair.a.bed().transmitted(kOutside);
    ASSERT_EQ(sealed.size(), 1U) << spi;
    EXPECT_EQ(read_frame(kOutside, sealed[0]).protocol, net::protocol::kEsp);
  }
}

// RFC 4303 section 2.6: a packet that hides how much is sent. In transport mode it is what has its protocol.
TEST_P(VpnAssociations, ADummyPacketGoesNoFurther) {
  VpnPair pair(variant(), {.mode = vpn::Mode::kTransport});
  PacketBuilder said;
  said.ethernet(interface_mac(1), neighbor_mac(1)).ipv4("192.0.2.1", "192.0.2.2").protocol(59).payload(40);
  pair.a.bed().from_host(core::InterfaceId(1), said.bytes());
  pair.a.bed().run();
  const auto sealed = pair.a.bed().transmitted(kOutside);
  ASSERT_EQ(sealed.size(), 1U);
  pair.b.refused(kOutside, pair.b.arriving(sealed[0]), Drop::kDummy);
  EXPECT_EQ(pair.b.keeper().in_force().content().inbound->front()->state->faults.malformed.read(), 0U);
}

// Between the gateways themselves: what their twins send and get.
TEST_P(VpnAssociations, OfTransportModeCarryWhatTheGatewaysSay) {
  for (const bool outer6 : {false, true}) {
    for (const bool udp : {false, true}) {
      VpnPair pair(variant(), {.outer6 = outer6,
                               .mode = vpn::Mode::kTransport,
                               .udp = udp ? std::optional(vpn::UdpPorts{}) : std::nullopt});
      PacketBuilder said;
      said.ethernet(interface_mac(1), neighbor_mac(1));
      said = outer6 ? said.ipv6("2001:db8:ff::1", "2001:db8:ff::2") : said.ipv4("192.0.2.1", "192.0.2.2");
      said.tcp(179, 40000).flags("A").payload(60);
      pair.a.bed().from_host(core::InterfaceId(1), said.bytes());
      pair.a.bed().run();
      const auto sealed = pair.a.bed().transmitted(kOutside);
      ASSERT_EQ(sealed.size(), 1U);
      const Seen outer = read_frame(kOutside, sealed[0]);
      EXPECT_EQ(outer.protocol, udp ? net::protocol::kUdp : net::protocol::kEsp);
      pair.b.bed().receive(kOutside, pair.b.arriving(sealed[0]));
      pair.b.bed().run();
      const auto heard = pair.b.bed().to_host();
      ASSERT_EQ(heard.size(), 1U);
      EXPECT_EQ(Frame(heard[0].begin() + 14, heard[0].end()), said.datagram());
    }
  }
}

// An error about a packet that came by a tunnel goes back by it.
TEST_P(VpnAssociations, CarryErrorsAboutWhatTheyCarried) {
  VpnPair pair(variant(), {});
  const auto sealed = pair.sealed(true, pair.a.from_inside(kHostA, kHostB).ttl(2).udp(1, 2).payload(30));
  ASSERT_TRUE(sealed);
  const auto answer = pair.b.pass_frames({{kOutside, pair.b.arriving(*sealed)}});
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_EQ(answer[0].port, kOutside);
  const auto told = pair.opened(true, answer[0].frame);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->icmp_type, 11);
  EXPECT_EQ(told->destination, kHostA);
}

// Without an association key exchange is asked for one, and the packet is lost.
TEST_P(VpnAssociations, AreAskedFor) {
  VpnPair pair(variant(), {});
  ASSERT_TRUE(pair.a.keeper().add(vpn::PolicySpec{
      .selector = {.local = *net::Prefix::parse("10.1.0.0/16"), .remote = *net::Prefix::parse("10.9.0.0/16")},
      .tunnel = 77}));
  pair.a.refused(kInside, pair.a.from_inside(kHostA, "10.9.1.2").tcp(5, 80).flags("S").bytes(),
                 Drop::kNoAssociation);
  const auto events = pair.a.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, Kind::kAcquire);
  EXPECT_EQ(events[0].tunnel, 77U);
  EXPECT_EQ(events[0].address.to_string(), "10.9.1.2");
  EXPECT_EQ(events[0].port, 80);
}

}  // namespace
}  // namespace millrace::testing
