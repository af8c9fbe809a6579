// SPDX-License-Identifier: BSD-3-Clause
// Forwarding by full_nat: addresses, ports and checksums of both ways, and whose each source port is.
#include <set>

#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::Backend;
using load_balancer::Drop;
using load_balancer::SourceAddress;

class FullNat : public BalancerTest {
 protected:
  static constexpr std::string_view kClient6 = "2001:db8:9::7";
};
MILLRACE_BALANCER_VARIANTS(FullNat);

PacketBuilder syn(std::uint16_t port = 4000, std::string_view client = kClient) {
  return BalancerBed::from_client(client, kService).tcp(port, 80).flags("S");
}
// The backend's packet to where the connection comes from, as it saw it.
PacketBuilder answer(const Seen& there) {
  return BalancerBed::from_backend(there.destination, there.source)
      .tcp(there.destination_port, there.source_port);
}
unsigned free_runs(const BalancerBed& bed) { return (*bed.sources())[0].free_runs(); }

TEST_P(FullNat, TheBackendSeesAnAddressOfThePoolAndTheClientTheService) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}});
  const auto there = bed.one(kClients, syn());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->port, kBackends);
  EXPECT_EQ(there->source, kSource);
  EXPECT_GE(there->source_port, 1024);
  EXPECT_EQ(there->destination.substr(0, 7), "10.0.0.");
  EXPECT_EQ(there->destination_port, 80);
  EXPECT_EQ(there->ttl, 63);
  const auto back = bed.one(kBackends, answer(*there).flags("SA"));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->port, kClients);
  EXPECT_EQ(back->ends(), "203.0.113.80:80 > 192.0.2.7:4000");
  EXPECT_EQ(back->ttl, 63);
  const auto again = bed.one(kClients, syn().flags("A").payload(700));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->ends(), there->ends());
  EXPECT_EQ(again->payload.size(), 700U);
  EXPECT_EQ(bed.connections(), 1U);
}

TEST_P(FullNat, OfIpv6DoesTheSame) {
  BalancerBed bed(variant(), {.services = {full_nat_service6()}});
  const auto there =
      bed.one(kClients, BalancerBed::from_client(kClient6, kService6).udp(4000, 80).payload(31));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->port, kBackends);
  EXPECT_EQ(there->source, kSource6);
  EXPECT_EQ(there->destination.substr(0, 13), "2001:db8:10::");
  const auto back = bed.one(
      kBackends,
      BalancerBed::from_backend(there->destination, kSource6).udp(80, there->source_port).payload(99));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->port, kClients);
  EXPECT_EQ(back->source, kService6);
  EXPECT_EQ(back->destination, kClient6);
  EXPECT_EQ(back->destination_port, 4000);
  EXPECT_EQ(back->payload.size(), 99U);
}

TEST_P(FullNat, ToAnotherPort) {
  auto service = full_nat_service();
  service.ports = {{net::protocol::kTcp, 80, 80}};
  service.backends = {backend_at("10.0.0.11", 1, 8080)};
  BalancerBed bed(variant(), {.services = {service}});
  const auto there = bed.one(kClients, syn());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->destination_port, 8080);
  const auto back = bed.one(kBackends, answer(*there).flags("SA"));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->source_end(), "203.0.113.80:80");
}

TEST_P(FullNat, AServiceOfAllPortsTakesSctpAndWhatHasNoPortsIsDropped) {
  auto service = full_nat_service();
  service.ports = {{0, 0, 65'535}};
  BalancerBed bed(variant(), {.services = {service}});
  const auto there =
      bed.one(kClients, BalancerBed::from_client(kClient, kService).sctp(4000, 9899).payload(61));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->source, kSource);
  EXPECT_EQ(there->destination_port, 9899);
  EXPECT_TRUE(has_right_crc(*there));
  const auto back = bed.one(
      kBackends, BalancerBed::from_backend(there->destination, kSource).sctp(9899, there->source_port));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->ends(), "203.0.113.80:9899 > 192.0.2.7:4000");
  EXPECT_TRUE(has_right_crc(*back));
  bed.refused(kClients, BalancerBed::from_client(kClient, kService).gre(0x0800), Drop::kNoPorts);
}

TEST_P(FullNat, TwoServicesShareABackendAndItsPort) {
  auto other = full_nat_service();
  other.name = "other";
  other.address = *net::IpAddress::parse("203.0.113.81");
  BalancerBed bed(variant(), {.services = {full_nat_service(), other}});
  const auto first = bed.one(kClients, syn());
  const auto second =
      bed.one(kClients, BalancerBed::from_client(kClient, "203.0.113.81").tcp(4000, 80).flags("S"));
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->source_port, second->source_port);
  const auto back = bed.one(kBackends, answer(*second).flags("SA"));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->ends(), "203.0.113.81:80 > 192.0.2.7:4000");
}

TEST_P(FullNat, NoTwoConnectionsShareASource) {
  auto service = full_nat_service();
  service.sources.push_back(*net::IpAddress::parse("203.0.113.201"));
  service.source_ports = {.first = 30'000, .last = 60'000};
  BalancerBed bed(variant(), {.services = {service}}, 2'000);
  std::set<std::string> sources;
  for (unsigned i = 0; i < 400; ++i) {
    const std::string client = "192.0.2." + std::to_string(1 + i % 200);
    const auto there = bed.one(kClients, syn(static_cast<std::uint16_t>(5000 + i), client));
    ASSERT_TRUE(there);
    EXPECT_TRUE(sources.insert(there->source_end()).second) << there->source_end();
    EXPECT_GE(there->source_port, 30'000);
    EXPECT_LE(there->source_port, 60'000);
    const auto back = bed.one(kBackends, answer(*there).flags("SA"));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->destination, client);
    EXPECT_EQ(back->destination_port, 5000 + i);
  }
}

TEST_P(FullNat, AnEndedConnectionGivesItsPortBack) {
  auto service = full_nat_service();
  service.timeouts.tcp_closing = 1'000;
  BalancerBed bed(variant(), {.services = {service}});
  const auto there = bed.one(kClients, syn());
  ASSERT_TRUE(there);
  EXPECT_LT(free_runs(bed), SourceAddress::kRuns);
  ASSERT_TRUE(bed.one(kBackends, answer(*there).flags("RA")));
  bed.wait(2'000);
  EXPECT_EQ(bed.connections(), 0U);
  EXPECT_EQ(free_runs(bed), SourceAddress::kRuns);
  bed.refused(kBackends, answer(*there).flags("A"), Drop::kNotAnAnswer);
}

// A run of 64 ports is one bucket's: that of the client.
TEST_P(FullNat, APoolThatIsUsedUpIsToldAndCounted) {
  auto service = full_nat_service();
  service.source_ports = {.first = 2048, .last = 2048 + 63};
  service.timeouts.udp = 1'000;
  BalancerBed bed(variant(), {.services = {service}});
  // Ports 4000 and on of one client are in buckets of their own: the first has the run.
  ASSERT_TRUE(bed.one(kClients, syn()));
  std::uint64_t refused = 0;
  for (std::uint16_t i = 1; i < 8; ++i) {
    const std::uint64_t before = bed.dropped(Drop::kNoSourcePort);
    const std::size_t passed = bed.pass(kClients, {syn(static_cast<std::uint16_t>(4000 + i))}).size();
    EXPECT_EQ(bed.dropped(Drop::kNoSourcePort) - before, 1 - passed);
    refused += 1 - passed;
  }
  EXPECT_GT(refused, 0U);
  std::uint64_t counted = 0;
  for (const auto* state : bed.states()) counted += state->tallies.service(0).without_source.read();
  EXPECT_EQ(counted, refused);
}

TEST_P(FullNat, WithoutRoomInTheTableNothingBegins) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}}, 1);
  std::vector<PacketBuilder> many;
  for (std::uint16_t i = 0; i < 64; ++i) many.push_back(syn(static_cast<std::uint16_t>(4000 + i)));
  const std::size_t passed = bed.pass(kClients, many).size();
  EXPECT_EQ(passed, bed.connections());
  EXPECT_EQ(bed.dropped(Drop::kNoRecord), many.size() - passed);
  EXPECT_GT(bed.dropped(Drop::kNoRecord), 0U);
}

TEST_P(FullNat, OnlyTheBackendAnswers) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}});
  const auto there = bed.one(kClients, syn());
  ASSERT_TRUE(there);
  const std::string other = there->destination == "10.0.0.11" ? "10.0.0.12" : "10.0.0.11";
  bed.refused(kBackends, BalancerBed::from_backend(other, kSource).tcp(80, there->source_port).flags("SA"),
              Drop::kNotAnAnswer);
  bed.refused(kBackends,
              BalancerBed::from_backend(there->destination, kSource).tcp(81, there->source_port).flags("SA"),
              Drop::kNotAnAnswer);
  bed.refused(kBackends,
              BalancerBed::from_backend(there->destination, kSource)
                  .tcp(80, static_cast<std::uint16_t>(there->source_port ^ 1U))
                  .flags("SA"),
              Drop::kNotAnAnswer);
  bed.refused(kClients, BalancerBed::from_client(kClient, kSource).udp(80, there->source_port),
              Drop::kNotAnAnswer);
}

TEST_P(FullNat, TheMiddleOfAnUnknownConnectionIsDropped) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}});
  bed.refused(kClients, syn().flags("A"), Drop::kUnknownConnection);
}

TEST_P(FullNat, LaterFragmentsGoWhereTheirFirstWent) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}});
  const PacketBuilder whole = BalancerBed::from_client(kClient, kService).udp(4000, 80).payload(1200);
  const auto seen = bed.pass(kClients, {whole.piece(0, 800, 7), whole.piece(800, 408, 7)});
  ASSERT_EQ(seen.size(), 2U);
  for (const Seen& one : seen) {
    EXPECT_EQ(one.port, kBackends);
    EXPECT_EQ(one.source, kSource);
    EXPECT_EQ(one.destination, seen[0].destination);
  }
  const PacketBuilder reply =
      BalancerBed::from_backend(seen[0].destination, kSource).udp(80, seen[0].source_port).payload(1200);
  const auto back = bed.pass(kBackends, {reply.piece(0, 800, 9), reply.piece(800, 408, 9)});
  ASSERT_EQ(back.size(), 2U);
  for (const Seen& one : back) {
    EXPECT_EQ(one.source, kService);
    EXPECT_EQ(one.destination, kClient);
  }
}

TEST_P(FullNat, AnAddressThatLeavesKeepsItsConnections) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}});
  const auto there = bed.one(kClients, syn());
  ASSERT_TRUE(there);
  bed.change(
      [](BalancerSpec& spec) { spec.services[0].sources = {*net::IpAddress::parse("203.0.113.222")}; });
  const auto back = bed.one(kBackends, answer(*there).flags("SA"));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->destination, kClient);
  const auto another = bed.one(kClients, syn(4001));
  ASSERT_TRUE(another);
  EXPECT_EQ(another->source, "203.0.113.222");
  const auto still = bed.one(kClients, syn().flags("A"));
  ASSERT_TRUE(still);
  EXPECT_EQ(still->ends(), there->ends());
}

TEST_P(FullNat, ABackendThatIsTakenAwayEndsItsConnections) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}});
  const auto there = bed.one(kClients, syn());
  ASSERT_TRUE(there);
  bed.change([&](BalancerSpec& spec) {
    std::erase_if(spec.services[0].backends,
                  [&](const auto& backend) { return backend.address.to_string() == there->destination; });
  });
  bed.refused(kBackends, answer(*there).flags("A"), Drop::kBackendGone);
  EXPECT_EQ(bed.connections(), 0U);
  EXPECT_EQ(free_runs(bed), SourceAddress::kRuns);
}

TEST_P(FullNat, AServiceThatIsForwardedAnotherWayBeginsAnew) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}});
  ASSERT_TRUE(bed.one(kClients, syn()));
  bed.change([](BalancerSpec& spec) { spec.services[0].forwarding = load_balancer::Forwarding::kNat; });
  const auto there = bed.one(kClients, syn());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->source, kClient);
  EXPECT_EQ(free_runs(bed), SourceAddress::kRuns);
}

}  // namespace
}  // namespace millrace::testing
