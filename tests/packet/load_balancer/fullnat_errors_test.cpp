// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about packets forwarded by full_nat: RFC 792, RFC 1191, RFC 4443.
#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::Drop;

class FullNatErrors : public BalancerTest {
 protected:
  static constexpr std::string_view kClient6 = "2001:db8:9::7";
};
MILLRACE_BALANCER_VARIANTS(FullNatErrors);

std::optional<Seen> begun(BalancerBed& bed) {
  return bed.one(kClients, BalancerBed::from_client(kClient, kService).tcp(4000, 80).flags("S"));
}

// A router on the way to the client can not carry what the balancer sent for the backend.
TEST_P(FullNatErrors, TooBigReachesTheBackendFromTheSource) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}});
  const auto there = begun(bed);
  ASSERT_TRUE(there);
  const auto error = bed.one(
      kClients,
      BalancerBed::from_client("198.51.100.77", kService)
          .icmp(3, 4, 1400)
          .payload(packet().ipv4(kService, kClient).df().tcp(80, 4000).flags("A").payload(20).bytes()));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->port, kBackends);
  EXPECT_EQ(error->source, kSource);
  EXPECT_EQ(error->destination, there->destination);
  EXPECT_EQ(error->icmp_code, 4);
  EXPECT_EQ(error->embedded().ends(),
            there->destination + ":80 > " + std::string(kSource) + ":" + std::to_string(there->source_port));
}

TEST_P(FullNatErrors, OfTheBackendReachTheClientAsTheServices) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}});
  const auto there = begun(bed);
  ASSERT_TRUE(there);
  const auto about =
      packet().ipv4(kSource, there->destination).tcp(there->source_port, 80).flags("A").payload(20).bytes();
  const auto own =
      bed.one(kBackends, BalancerBed::from_backend(there->destination, kSource).icmp(3, 3).payload(about));
  ASSERT_TRUE(own);
  EXPECT_EQ(own->port, kClients);
  EXPECT_EQ(own->source, kService);
  EXPECT_EQ(own->destination, kClient);
  EXPECT_EQ(own->embedded().ends(), "192.0.2.7:4000 > 203.0.113.80:80");
  const auto router =
      bed.one(kBackends, BalancerBed::from_backend("10.0.0.9", kSource).icmp(3, 4, 1300).payload(about));
  ASSERT_TRUE(router);
  EXPECT_EQ(router->source, "10.0.0.9");
  EXPECT_EQ(router->embedded().ends(), "192.0.2.7:4000 > 203.0.113.80:80");
}

TEST_P(FullNatErrors, OfIpv6PassBothWays) {
  BalancerBed bed(variant(), {.services = {full_nat_service6()}});
  const auto there =
      bed.one(kClients, BalancerBed::from_client(kClient6, kService6).tcp(4000, 80).flags("S"));
  ASSERT_TRUE(there);
  const auto inward =
      bed.one(kClients,
              BalancerBed::from_client("2001:db8:9::1", kService6)
                  .icmp(2, 0, 1300)
                  .payload(packet().ipv6(kService6, kClient6).tcp(80, 4000).flags("A").payload(20).bytes()));
  ASSERT_TRUE(inward);
  EXPECT_EQ(inward->source, kSource6);
  EXPECT_EQ(inward->destination, there->destination);
  EXPECT_EQ(inward->embedded().destination_port, there->source_port);
  const auto outward = bed.one(kBackends, BalancerBed::from_backend("2001:db8:10::9", kSource6)
                                              .icmp(1, 4)
                                              .payload(packet()
                                                           .ipv6(kSource6, there->destination)
                                                           .tcp(there->source_port, 80)
                                                           .flags("A")
                                                           .payload(20)
                                                           .bytes()));
  ASSERT_TRUE(outward);
  EXPECT_EQ(outward->destination, kClient6);
  EXPECT_EQ(outward->embedded().source, kClient6);
  EXPECT_EQ(outward->embedded().destination, kService6);
  EXPECT_EQ(outward->embedded().source_port, 4000);
}

// Who knows a source port alone knows no connection.
TEST_P(FullNatErrors, AboutWhatWasNotSentToTheBackendAreDropped) {
  BalancerBed bed(variant(), {.services = {full_nat_service()}});
  const auto there = begun(bed);
  ASSERT_TRUE(there);
  const auto about = [&](std::string_view destination, std::uint16_t source_port) {
    return BalancerBed::from_backend("10.0.0.9", kSource)
        .icmp(3, 1)
        .payload(packet().ipv4(kSource, destination).tcp(source_port, 80).flags("A").payload(20).bytes());
  };
  bed.refused(kBackends, about("10.0.0.99", there->source_port), Drop::kIcmpUnrelated);
  bed.refused(kBackends, about(there->destination, static_cast<std::uint16_t>(there->source_port ^ 1U)),
              Drop::kIcmpUnrelated);
}

}  // namespace
}  // namespace millrace::testing
