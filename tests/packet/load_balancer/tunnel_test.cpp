// SPDX-License-Identifier: BSD-3-Clause
// Packets to backends behind tunnels: RFC 2003, RFC 2473, RFC 2784, RFC 6040, draft-ietf-intarea-gue.
#include <set>

#include "tests/packet/load_balancer/tunnel_reader.h"

namespace millrace::testing {
namespace {

using load_balancer::Drop;
using load_balancer::Forwarding;

class Tunnels : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(Tunnels);

constexpr TunnelWay kGueWay{Forwarding::kGue, true, true};

net::MacAddress link_destination(const Seen& seen) {
  net::MacAddress mac;
  std::copy_n(seen.frame.begin(), mac.bytes.size(), mac.bytes.begin());
  return mac;
}

TEST_P(Tunnels, CarryTheClientsPacket) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.backend())}; });
    const auto left = bed.one(kClients, way.from_client().udp(4000, 80).payload(77));
    ASSERT_TRUE(left);
    EXPECT_EQ(left->port, kBackends);
    EXPECT_EQ(link_destination(*left), neighbor_mac(kFirstBackend + 11));
    const Outer outer = take_out(datagram_of(*left), way);
    EXPECT_EQ(outer.source, way.ours());
    EXPECT_EQ(outer.destination, way.backend());
    EXPECT_EQ(outer.ttl, 64);
    // One hop is taken of the client's packet, and nothing else changed.
    EXPECT_EQ(outer.inside, way.from_client().udp(4000, 80).payload(77).hop().datagram());
  }
}

TEST_P(Tunnels, LetRoutersCutWhatTheClientLets) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    if (!way.outer_ipv4) continue;
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.backend())}; });
    std::set<std::uint16_t> ids;
    for (unsigned i = 0; i < 20; ++i) {
      const auto left = bed.one(kClients, way.from_client().udp(4000, 80).payload(20));
      ASSERT_TRUE(left);
      const Outer outer = take_out(datagram_of(*left), way);
      EXPECT_FALSE(outer.df);
      ids.insert(outer.id);
    }
    EXPECT_EQ(ids.size(), 20U);  // RFC 6864 section 4.3
    // IPv6 packets that are larger than any link has to carry are their sender's business.
    auto whole = way.from_client().udp(4000, 80).payload(1300);
    if (way.inner_ipv4) whole.df();
    const auto left = bed.one(kClients, whole);
    ASSERT_TRUE(left);
    EXPECT_TRUE(take_out(datagram_of(*left), way).df);
  }
}

TEST_P(Tunnels, CopyDscpAndEcn) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.backend())}; });
    for (const unsigned value : {0U, 0x01U, 0x02U, 0x03U, 0x2eU << 2U, 0xffU}) {
      const auto left =
          bed.one(kClients, way.from_client().traffic_class(static_cast<std::uint8_t>(value)).udp(4000, 80));
      ASSERT_TRUE(left);
      const Outer outer = take_out(datagram_of(*left), way);
      EXPECT_EQ(outer.traffic_class, value);
      EXPECT_EQ(outer.inside.at(way.inner_ipv4 ? 1 : 0) & 0xffU,
                way.inner_ipv4 ? value : 0x60U | value >> 4U);
    }
  }
}

// Routers and the backend's port spread flows by what the outer headers show.
TEST_P(Tunnels, TellFlowsApartOutside) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    if (way.outer_ipv4 && way.forwarding != Forwarding::kGue) continue;
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.backend())}; });
    std::set<std::uint32_t> ports;
    std::set<std::uint32_t> labels;
    for (std::uint16_t port = 5000; port < 5040; ++port) {
      const auto one = bed.one(kClients, way.from_client().udp(port, 80).payload(1));
      const auto two = bed.one(kClients, way.from_client().udp(port, 80).payload(9));
      ASSERT_TRUE(one && two);
      const Outer first = take_out(datagram_of(*one), way);
      const Outer second = take_out(datagram_of(*two), way);
      EXPECT_EQ(first.port, second.port);
      EXPECT_EQ(first.label, second.label);
      ports.insert(first.port);
      labels.insert(first.label);
    }
    if (way.forwarding == Forwarding::kGue) {
      EXPECT_GT(ports.size(), 30U);
      EXPECT_GE(*ports.begin(), 49'152U);
    }
    if (!way.outer_ipv4) {
      EXPECT_GT(labels.size(), 30U);
    }
  }
}

TEST_P(Tunnels, TakeNoPacketWithoutHopsLeft) {
  BalancerBed bed(variant(), {.services = {kGueWay.service_at("10.0.0.11")}});
  const auto told = bed.one(kClients, kGueWay.from_client().ttl(1).udp(4000, 80).payload(5));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->port, kClients);
  EXPECT_EQ(told->icmp_type, 11);
  EXPECT_EQ(told->destination, kClient);
  EXPECT_EQ(told->embedded().ends(), "192.0.2.7:4000 > 203.0.113.80:80");
}

TEST_P(Tunnels, CopyNoOptions) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    if (!way.inner_ipv4) continue;
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.backend())}; });
    const auto with = way.from_client().ip_option({0x94, 4, 0, 0}).udp(4000, 80).payload(9);  // router alert
    const auto left = bed.one(kClients, with);
    ASSERT_TRUE(left);
    EXPECT_EQ(take_out(datagram_of(*left), way).inside, PacketBuilder(with).hop().datagram());
  }
}

TEST_P(Tunnels, WaitForTheBackendsMacAddress) {
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    BalancerBed bed(
        variant(), {.services = {way.service_at(way.backend())}, .unresolved = {std::string(way.backend())}});
    EXPECT_TRUE(bed.pass(kClients, {way.from_client().udp(4000, 80).payload(77)}).empty());
    const auto left = bed.neighbors_answer();
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left[0].port, kBackends);
    EXPECT_EQ(link_destination(left[0]), neighbor_mac(kFirstBackend + 11));
    const Outer outer = take_out(datagram_of(left[0]), way);
    EXPECT_EQ(outer.ttl, 64);
    EXPECT_EQ(outer.inside, way.from_client().udp(4000, 80).payload(77).hop().datagram());
  }
}

TEST_P(Tunnels, NeedAnAddressOfOurs) {
  const TunnelWay way{Forwarding::kIpip, true, false};
  BalancerBed bed(variant(), {.services = {way.service_at("2001:db8:18::11")}});
  bed.refused(kClients, way.from_client().udp(4000, 80).payload(5), Drop::kNoTunnelSource);
}

TEST_P(Tunnels, CarryFragmentsToTheBackendOfTheFirst) {
  for (const TunnelWay& way : tunnel_ways()) {
    if (!way.inner_ipv4) continue;
    SCOPED_TRACE(way.name());
    auto service = way.service_at(way.backend());
    service.backends.push_back(backend_at(way.outer_ipv4 ? "10.0.0.12" : "2001:db8:10::12"));
    BalancerBed bed(variant(), {.services = {service}});
    const auto first = way.from_client().fragment(0, true).id(7).udp(4000, 80).payload(64);
    const auto second = way.from_client().fragment(72, false).id(7).protocol(17).payload(32);
    const auto seen = bed.pass(kClients, {second, first});
    ASSERT_EQ(seen.size(), 2U);
    const Outer one = take_out(datagram_of(seen[0]), way);
    const Outer two = take_out(datagram_of(seen[1]), way);
    EXPECT_EQ(one.destination, two.destination);
    EXPECT_EQ(one.inside, PacketBuilder(first).hop().datagram());
    EXPECT_EQ(two.inside, PacketBuilder(second).hop().datagram());
    EXPECT_EQ(one.port, two.port);
  }
}

// They have the service's address already. It is the backend that they come from, or that is all the same.
TEST_P(Tunnels, AnswersThatComeByUsPass) {
  BalancerBed bed(variant(), {});
  for (const TunnelWay& way : tunnel_ways()) {
    SCOPED_TRACE(way.name());
    bed.change([&](BalancerSpec& spec) { spec.services = {way.service_at(way.backend())}; });
    ASSERT_TRUE(bed.one(kClients, way.from_client().tcp(4000, 80).flags("S")));
    const auto answer =
        BalancerBed::from_backend(way.service(), way.client()).tcp(80, 4000).flags("SA").payload(0);
    const auto back = bed.one(kBackends, answer);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->port, kClients);
    EXPECT_EQ(datagram_of(*back), PacketBuilder(answer).hop().datagram());
  }
}

TEST_P(Tunnels, StandBesideOtherWaysOfForwarding) {
  auto nat = web_service6();
  auto direct = web_service();
  direct.name = "direct";
  direct.address = *net::IpAddress::parse("203.0.113.81");
  direct.forwarding = Forwarding::kDirect;
  BalancerBed bed(variant(), {.services = {kGueWay.service_at("10.0.0.11"), nat, direct}});
  for (unsigned round = 0; round < 3; ++round) {
    const auto seen =
        bed.pass(kClients, {kGueWay.from_client().udp(4000, 80).payload(5),
                            BalancerBed::from_client("2001:db8:9::7", kService6).udp(4000, 80).payload(5),
                            BalancerBed::from_client(kClient, "203.0.113.81").udp(4000, 80).payload(5)});
    // By two workers in either order.
    ASSERT_EQ(seen.size(), 3U);
    unsigned tunnelled = 0;
    unsigned translated = 0;
    unsigned steered = 0;
    for (const Seen& one : seen) {
      if (one.destination == "10.0.0.11") ++tunnelled;
      if (one.destination.starts_with("2001:db8:10::")) ++translated;
      if (one.destination == "203.0.113.81") ++steered;
    }
    EXPECT_EQ(tunnelled, 1U);
    EXPECT_EQ(translated, 1U);
    EXPECT_EQ(steered, 1U);
  }
}

TEST_P(Tunnels, AConnectionGoesOnWhenItsServiceGetsAnotherTunnel) {
  BalancerBed bed(variant(), {.services = {kGueWay.service_at("10.0.0.11")}});
  ASSERT_TRUE(bed.one(kClients, kGueWay.from_client().tcp(4000, 80).flags("S")));
  const TunnelWay gre{Forwarding::kGre, true, true};
  bed.change([&](BalancerSpec& spec) { spec.services = {gre.service_at("10.0.0.11")}; });
  const auto left = bed.one(kClients, kGueWay.from_client().tcp(4000, 80).flags("A"));
  ASSERT_TRUE(left);
  EXPECT_EQ(take_out(datagram_of(*left), gre).destination, "10.0.0.11");
  EXPECT_EQ(bed.connections(), 1U);
}

}  // namespace
}  // namespace millrace::testing
