// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about balanced packets: RFC 792, RFC 1191, RFC 4443, RFC 8201.
#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::Drop;
using load_balancer::Forwarding;

class Errors : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(Errors);

constexpr std::string_view kRouter = "198.51.100.77";

// The backend of a connection from kClient, port 4000.
std::string connected(BalancerBed& bed) {
  const auto there = bed.one(kClients, BalancerBed::from_client(kClient, kService).tcp(4000, 80).flags("S"));
  EXPECT_TRUE(there);
  return there ? there->destination : "";
}

// A router on the way to the client can not carry what the backend sent: as the router saw it.
PacketBuilder too_big(std::uint16_t source_port = 80) {
  return BalancerBed::from_client(kRouter, kService)
      .icmp(3, 4, 1400)
      .payload(packet().ipv4(kService, kClient).df().tcp(source_port, 4000).flags("A").payload(20).bytes());
}

TEST_P(Errors, TooBigReachesTheBackendByNat) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  const std::string backend = connected(bed);
  const auto error = bed.one(kClients, too_big());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kBackends);
  EXPECT_EQ(error->source, kRouter);
  EXPECT_EQ(error->destination, backend);
  EXPECT_EQ(error->icmp_type, 3);
  EXPECT_EQ(error->icmp_code, 4);
  EXPECT_EQ(error->embedded().ends(), backend + ":80 > 192.0.2.7:4000");
}

TEST_P(Errors, TooBigReachesTheBackendByNatOnAnotherPort) {
  auto service = web_service();
  service.ports = {{net::protocol::kTcp, 80, 80}};
  service.backends = {backend_at("10.0.0.11", 1, 8080)};
  BalancerBed bed(variant(), {.services = {service}});
  connected(bed);
  const auto error = bed.one(kClients, too_big());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->embedded().ends(), "10.0.0.11:8080 > 192.0.2.7:4000");
}

TEST_P(Errors, TooBigReachesTheBackendUnchangedByDirect) {
  auto service = web_service();
  service.forwarding = Forwarding::kDirect;
  BalancerBed bed(variant(), {.services = {service}});
  const auto there = bed.one(kClients, BalancerBed::from_client(kClient, kService).tcp(4000, 80).flags("S"));
  ASSERT_TRUE(there);
  const auto error = bed.one(kClients, too_big());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kBackends);
  EXPECT_EQ(error->destination, kService);
  EXPECT_EQ(error->embedded().ends(), "203.0.113.80:80 > 192.0.2.7:4000");
  // To the same one.
  EXPECT_TRUE(std::equal(error->frame.begin(), error->frame.begin() + 6, there->frame.begin()));
}

TEST_P(Errors, OfIpv6ReachTheBackend) {
  BalancerBed bed(variant(), {.services = {web_service6()}});
  constexpr std::string_view kFrom = "2001:db8:9::7";
  const auto there = bed.one(kClients, BalancerBed::from_client(kFrom, kService6).tcp(4000, 80).flags("S"));
  ASSERT_TRUE(there);
  const auto error = bed.one(
      kClients, BalancerBed::from_client("2001:db8:9::1", kService6)
                    .icmp(2, 0, 1300)
                    .payload(packet().ipv6(kService6, kFrom).tcp(80, 4000).flags("A").payload(20).bytes()));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kBackends);
  EXPECT_EQ(error->destination, there->destination);
  EXPECT_EQ(error->icmp_type, 2);
  EXPECT_EQ(error->embedded().source, there->destination);
  EXPECT_EQ(error->embedded().source_port, 80);
}

// The backend itself, or a router before it, tells the client: about what the client sent, from the service.
TEST_P(Errors, OfTheBackendReachTheClientAsTheServices) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  const std::string backend = connected(bed);
  const auto about = packet().ipv4(kClient, backend).tcp(4000, 80).flags("A").payload(20).bytes();
  const auto own = bed.one(kBackends, BalancerBed::from_backend(backend, kClient).icmp(3, 3).payload(about));
  ASSERT_TRUE(own);
  EXPECT_EQ(own->port, kClients);
  EXPECT_EQ(own->source, kService);
  EXPECT_EQ(own->destination, kClient);
  EXPECT_EQ(own->embedded().ends(), "192.0.2.7:4000 > 203.0.113.80:80");
  const auto router =
      bed.one(kBackends, BalancerBed::from_backend("10.0.0.9", kClient).icmp(3, 1).payload(about));
  ASSERT_TRUE(router);
  EXPECT_EQ(router->source, "10.0.0.9");
  EXPECT_EQ(router->embedded().ends(), "192.0.2.7:4000 > 203.0.113.80:80");
}

TEST_P(Errors, AboutNothingKnownAreDropped) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  bed.refused(kClients, too_big(), Drop::kIcmpUnrelated);
}

TEST_P(Errors, ThatCanNotBeReadAreDropped) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  connected(bed);
  bed.refused(kClients, BalancerBed::from_client(kRouter, kService).icmp(3, 4, 1400).payload(10),
              Drop::kIcmpBadEmbedded);
}

// They neither keep a connection nor end it.
TEST_P(Errors, ChangeNothingInTheConnection) {
  auto service = web_service();
  service.timeouts.tcp_opening = 10'000;
  BalancerBed bed(variant(), {.services = {service}});
  connected(bed);
  bed.wait(9'000);
  ASSERT_TRUE(bed.one(kClients, too_big()));
  EXPECT_EQ(bed.connections(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.connections(), 0U);
}

}  // namespace
}  // namespace millrace::testing
