// SPDX-License-Identifier: BSD-3-Clause
// full_nat between the families: RFC 7915.
#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::Drop;
using load_balancer::ServiceSpec;

class CrossFamily : public BalancerTest {
 protected:
  static constexpr std::string_view kClient6 = "2001:db8:9::7";

  // An IPv6 service of IPv4 backends, and the other way round.
  static ServiceSpec to_ipv4() {
    ServiceSpec service = full_nat_service6();
    service.backends = {backend_at("10.0.0.11", 1, 8080)};
    service.ports = {{net::protocol::kTcp, 80, 80}, {net::protocol::kUdp, 80, 80}};
    service.sources = {*net::IpAddress::parse(kSource)};
    return service;
  }
  static ServiceSpec to_ipv6() {
    ServiceSpec service = full_nat_service();
    service.backends = {backend_at("2001:db8:10::11")};
    service.sources = {*net::IpAddress::parse(kSource6)};
    return service;
  }
  static PacketBuilder from6() { return BalancerBed::from_client(kClient6, kService6).tcp(4000, 80); }
  static PacketBuilder from4() { return BalancerBed::from_client(kClient, kService).tcp(4000, 80); }
};
MILLRACE_BALANCER_VARIANTS(CrossFamily);

// The MSS that the SYN in the frame announces: the first option of the tests' packets.
unsigned told_mss(const Seen& seen) {
  const std::size_t l4 = 14 + (seen.frame.at(14) >> 4U == 6 ? 40 : 20);
  EXPECT_EQ(seen.frame.at(l4 + 20), 2);
  return seen.frame.at(l4 + 22) * 256U + seen.frame.at(l4 + 23);
}

TEST_P(CrossFamily, Ipv6ClientsReachIpv4Backends) {
  BalancerBed bed(variant(), {.services = {to_ipv4()}});
  const auto there = bed.one(kClients, from6().flags("S"));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->port, kBackends);
  EXPECT_EQ(there->source, kSource);
  EXPECT_EQ(there->destination, "10.0.0.11");
  EXPECT_EQ(there->destination_port, 8080);
  EXPECT_EQ(there->ttl, 63);
  const auto back = bed.one(
      kBackends, BalancerBed::from_backend("10.0.0.11", kSource).tcp(8080, there->source_port).flags("SA"));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->port, kClients);
  EXPECT_EQ(back->source, kService6);
  EXPECT_EQ(back->destination, kClient6);
  EXPECT_EQ(back->source_port, 80);
  EXPECT_EQ(back->destination_port, 4000);
  const auto data = bed.one(kClients, from6().flags("A").payload(1333));
  ASSERT_TRUE(data);
  EXPECT_EQ(data->payload.size(), 1333U);
  EXPECT_EQ(data->ends(), there->ends());
}

TEST_P(CrossFamily, Ipv4ClientsReachIpv6Backends) {
  BalancerBed bed(variant(), {.services = {to_ipv6()}});
  const auto there = bed.one(kClients, from4().flags("S"));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->source, kSource6);
  EXPECT_EQ(there->destination, "2001:db8:10::11");
  const auto back = bed.one(kBackends, BalancerBed::from_backend("2001:db8:10::11", kSource6)
                                           .tcp(80, there->source_port)
                                           .flags("SA")
                                           .payload(500));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->ends(), "203.0.113.80:80 > 192.0.2.7:4000");
  EXPECT_EQ(back->payload.size(), 500U);
}

TEST_P(CrossFamily, UdpWithoutAChecksumGetsOne) {
  BalancerBed bed(variant(), {.services = {to_ipv6()}});
  const auto there = bed.one(
      kClients, BalancerBed::from_client(kClient, kService).udp(4000, 80).payload(31).no_udp_checksum());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->payload.size(), 31U);
  constexpr std::size_t kChecksumAt = 14 + 40 + 6;
  EXPECT_NE(there->frame.at(kChecksumAt) | there->frame.at(kChecksumAt + 1), 0);
}

// 1500 bytes of IPv4 are 1520 of IPv6: RFC 7915 section 4.1.
TEST_P(CrossFamily, WhatGrowsTooBigIsToldTheSizeThatFits) {
  BalancerBed bed(variant(), {.services = {to_ipv6()}});
  ASSERT_TRUE(bed.one(kClients, from4().flags("S")));
  const auto told = bed.one(kClients, from4().df().flags("A").payload(1441));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->port, kClients);
  EXPECT_EQ(told->icmp_type, 3);
  EXPECT_EQ(told->icmp_code, 4);
  EXPECT_EQ(told->frame.at(14 + 20 + 6) * 256U + told->frame.at(14 + 20 + 7), 1480U);
  EXPECT_TRUE(bed.one(kClients, from4().df().flags("A").payload(1440)));
}

// Segments of 1440 bytes are 1480 of IPv4 and 1500 of IPv6.
TEST_P(CrossFamily, SynsAnnounceWhatFitsBothFamilies) {
  BalancerBed bed(variant(), {.services = {to_ipv6(), to_ipv4()}});
  const auto six = bed.one(kClients, from4().flags("S").option_mss(1460));
  ASSERT_TRUE(six);
  EXPECT_EQ(told_mss(*six), 1440U);
  const auto four = bed.one(kClients, from6().flags("S").option_mss(1400));
  ASSERT_TRUE(four);
  EXPECT_EQ(told_mss(*four), 1400U);
  const auto back = bed.one(kBackends, BalancerBed::from_backend("10.0.0.11", kSource)
                                           .tcp(8080, four->source_port)
                                           .flags("SA")
                                           .option_mss(1460));
  ASSERT_TRUE(back);
  EXPECT_EQ(told_mss(*back), 1440U);
}

TEST_P(CrossFamily, ErrorsAreOfTheReceiversFamily) {
  BalancerBed bed(variant(), {.services = {to_ipv4()}});
  const auto there = bed.one(kClients, from6().flags("S"));
  ASSERT_TRUE(there);
  // A router before the backend can not carry what the client sent: 1400 bytes of IPv4 are 1420 of IPv6.
  const auto outward = bed.one(kBackends, BalancerBed::from_backend("10.0.0.9", kSource)
                                              .icmp(3, 4, 1400)
                                              .payload(packet()
                                                           .ipv4(kSource, "10.0.0.11")
                                                           .df()
                                                           .tcp(there->source_port, 8080)
                                                           .flags("A")
                                                           .payload(20)
                                                           .bytes()));
  ASSERT_TRUE(outward);
  EXPECT_EQ(outward->port, kClients);
  EXPECT_EQ(outward->source, kService6);
  EXPECT_EQ(outward->destination, kClient6);
  EXPECT_EQ(outward->icmp_type, 2);
  EXPECT_EQ(outward->frame.at(14 + 40 + 6) * 256U + outward->frame.at(14 + 40 + 7), 1420U);
  EXPECT_EQ(outward->embedded().source, kClient6);
  EXPECT_EQ(outward->embedded().destination, kService6);
  EXPECT_EQ(outward->embedded().destination_port, 80);
  // One on the way to the client tells the backend: 1400 bytes of IPv6 are 1380 of IPv4.
  const auto inward =
      bed.one(kClients,
              BalancerBed::from_client("2001:db8:9::1", kService6)
                  .icmp(2, 0, 1400)
                  .payload(packet().ipv6(kService6, kClient6).tcp(80, 4000).flags("A").payload(20).bytes()));
  ASSERT_TRUE(inward);
  EXPECT_EQ(inward->port, kBackends);
  EXPECT_EQ(inward->source, kSource);
  EXPECT_EQ(inward->destination, "10.0.0.11");
  EXPECT_EQ(inward->icmp_type, 3);
  EXPECT_EQ(inward->icmp_code, 4);
  EXPECT_EQ(inward->frame.at(14 + 20 + 6) * 256U + inward->frame.at(14 + 20 + 7), 1380U);
  EXPECT_EQ(inward->embedded().ends(),
            "10.0.0.11:8080 > 203.0.113.200:" + std::to_string(there->source_port));
}

TEST_P(CrossFamily, FragmentsPassBothWays) {
  BalancerBed bed(variant(), {.services = {to_ipv6()}});
  const PacketBuilder whole = BalancerBed::from_client(kClient, kService).udp(4000, 80).payload(1200);
  const auto seen = bed.pass(kClients, {whole.piece(0, 800, 7), whole.piece(800, 408, 7)});
  ASSERT_EQ(seen.size(), 2U);
  for (const Seen& one : seen) {
    EXPECT_EQ(one.source, kSource6);
    EXPECT_EQ(one.destination, "2001:db8:10::11");
    EXPECT_EQ(one.frame.at(14 + 6), 44) << "a fragment header";
  }
}

}  // namespace
}  // namespace millrace::testing
