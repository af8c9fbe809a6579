// SPDX-License-Identifier: BSD-3-Clause
// What a packet looks like at its backend, and the answer at the client, for each way of forwarding.
#include <array>

#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::Forwarding;

class Forwards : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(Forwards);

constexpr std::string_view kClient6 = "2001:db8:9::7";

PacketBuilder request(std::uint16_t port = 4000) {
  return BalancerBed::from_client(kClient, kService).tcp(port, 80).flags("S");
}

net::MacAddress destination_mac(const Seen& seen) {
  net::MacAddress mac;
  std::copy_n(seen.frame.begin(), mac.bytes.size(), mac.bytes.begin());
  return mac;
}

TEST_P(Forwards, NatGivesTheBackendsAddressAndTheServicesBack) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  const auto there = bed.one(kClients, request());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->port, kBackends);
  EXPECT_EQ(there->source_end(), "192.0.2.7:4000");
  EXPECT_EQ(there->destination.substr(0, 7), "10.0.0.");
  EXPECT_EQ(there->destination_port, 80);
  EXPECT_EQ(there->ttl, 63);

  const auto back = bed.one(
      kBackends, BalancerBed::from_backend(there->destination, kClient).tcp(80, 4000).flags("SA").payload(0));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->port, kClients);
  EXPECT_EQ(back->ends(), "203.0.113.80:80 > 192.0.2.7:4000");
  EXPECT_EQ(back->ttl, 63);
  EXPECT_EQ(bed.connections(), 1U);
}

TEST_P(Forwards, NatOfIpv6DoesTheSame) {
  BalancerBed bed(variant(), {.services = {web_service6()}});
  const auto there =
      bed.one(kClients, BalancerBed::from_client(kClient6, kService6).udp(4000, 80).payload(31));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->port, kBackends);
  EXPECT_EQ(there->source, kClient6);
  EXPECT_EQ(there->destination.substr(0, 13), "2001:db8:10::");
  EXPECT_EQ(there->payload.size(), 31U);
  const auto back =
      bed.one(kBackends, BalancerBed::from_backend(there->destination, kClient6).udp(80, 4000).payload(99));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->port, kClients);
  EXPECT_EQ(back->source, kService6);
  EXPECT_EQ(back->destination, kClient6);
  EXPECT_EQ(back->payload.size(), 99U);
}

TEST_P(Forwards, NatToAnotherPort) {
  auto service = web_service();
  service.ports = {{net::protocol::kTcp, 80, 80}};
  service.backends = {backend_at("10.0.0.11", 1, 8080)};
  BalancerBed bed(variant(), {.services = {service}});
  const auto there = bed.one(kClients, request());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->ends(), "192.0.2.7:4000 > 10.0.0.11:8080");
  const auto back =
      bed.one(kBackends, BalancerBed::from_backend("10.0.0.11", kClient).tcp(8080, 4000).flags("SA"));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->ends(), "203.0.113.80:80 > 192.0.2.7:4000");
}

TEST_P(Forwards, AUdpPacketWithoutChecksumStaysWithoutOne) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  const auto there = bed.one(
      kClients, BalancerBed::from_client(kClient, kService).udp(4000, 80).payload(8).no_udp_checksum());
  ASSERT_TRUE(there);
  constexpr std::size_t kChecksumAt = 14 + 20 + 6;
  EXPECT_EQ(there->frame.at(kChecksumAt) | there->frame.at(kChecksumAt + 1), 0);
}

TEST_P(Forwards, AServiceOfAllPortsTakesEveryPort) {
  auto service = web_service();
  service.ports = {{0, 0, 65'535}};
  BalancerBed bed(variant(), {.services = {service}});
  for (const std::uint16_t port : std::array<std::uint16_t, 3>{1, 80, 65'535}) {
    const auto there = bed.one(kClients, BalancerBed::from_client(kClient, kService).sctp(4000, port));
    ASSERT_TRUE(there);
    EXPECT_EQ(there->destination_port, port);
    const auto back =
        bed.one(kBackends, BalancerBed::from_backend(there->destination, kClient).sctp(port, 4000));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->source_end(), std::string(kService) + ":" + std::to_string(port));
  }
}

TEST_P(Forwards, SctpGetsThePortOfTheBackendAndItsChecksum) {
  auto service = web_service();
  service.ports = {{net::protocol::kSctp, 80, 80}};
  service.backends = {backend_at("10.0.0.11", 1, 8080)};
  BalancerBed bed(variant(), {.services = {service}});
  const auto request = BalancerBed::from_client(kClient, kService).sctp(4000, 80).payload(61);
  const auto there = bed.one(kClients, request);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->ends(), "192.0.2.7:4000 > 10.0.0.11:8080");
  EXPECT_TRUE(has_right_crc(*there));
  const auto back =
      bed.one(kBackends, BalancerBed::from_backend("10.0.0.11", kClient).sctp(8080, 4000).payload(7));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->ends(), "203.0.113.80:80 > 192.0.2.7:4000");
  EXPECT_TRUE(has_right_crc(*back));
  bed.refused(kClients,
              BalancerBed::from_client(kClient, kService).fragment(0, true).id(7).sctp(4000, 80).payload(60),
              load_balancer::Drop::kUntranslatable);
}

TEST_P(Forwards, DirectGivesThePacketAsItIsToTheBackendsMacAddress) {
  auto service = web_service();
  service.forwarding = Forwarding::kDirect;
  BalancerBed bed(variant(), {.services = {service}});
  const auto there = bed.one(kClients, request());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->port, kBackends);
  EXPECT_EQ(there->ends(), "192.0.2.7:4000 > 203.0.113.80:80");
  EXPECT_EQ(there->ttl, 63);
  const unsigned backend = destination_mac(*there).bytes.back() - neighbor_mac(kFirstBackend).bytes.back();
  EXPECT_GE(backend, 11U);
  EXPECT_LE(backend, 13U);
  EXPECT_EQ(bed.connections(), 1U);
}

// The packet waits with the way it was to go, not that to its destination, which is the appliance itself.
TEST_P(Forwards, DirectWaitsForTheBackendsMacAddress) {
  auto service = web_service();
  service.forwarding = Forwarding::kDirect;
  service.backends = {backend_at("10.0.0.11")};
  BalancerBed bed(variant(), {.services = {service}, .unresolved = {"10.0.0.11"}});
  EXPECT_TRUE(bed.pass(kClients, {request()}).empty());
  const auto left = bed.neighbors_answer();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].port, kBackends);
  EXPECT_EQ(left[0].ends(), "192.0.2.7:4000 > 203.0.113.80:80");
  EXPECT_EQ(left[0].ttl, 63);
  EXPECT_EQ(destination_mac(left[0]), neighbor_mac(kFirstBackend + 11));
}

TEST_P(Forwards, WhatIsForNoServicePasses) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  const auto there =
      bed.one(kClients, BalancerBed::from_client(kClient, "10.0.0.11").tcp(4000, 22).flags("S"));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->ends(), "192.0.2.7:4000 > 10.0.0.11:22");
  const auto back =
      bed.one(kBackends, BalancerBed::from_backend("10.0.0.11", kClient).tcp(22, 4000).flags("SA"));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->ends(), "10.0.0.11:22 > 192.0.2.7:4000");
  EXPECT_EQ(bed.connections(), 0U);
}

// Who reaches a backend by its own address has its own connection, though the ports are the service's.
TEST_P(Forwards, AnAnswerToNoBalancedConnectionPassesAsItIs) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  const auto there =
      bed.one(kClients, BalancerBed::from_client(kClient, "10.0.0.11").tcp(4000, 80).flags("S"));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->destination, "10.0.0.11");
  const auto back =
      bed.one(kBackends, BalancerBed::from_backend("10.0.0.11", kClient).tcp(80, 4000).flags("SA"));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->ends(), "10.0.0.11:80 > 192.0.2.7:4000");
}

TEST_P(Forwards, ThePortsThatNoServiceHasAreTheTwins) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  EXPECT_TRUE(
      bed.pass(kClients, {BalancerBed::from_client(kClient, kService).tcp(4000, 22).flags("S")}).empty());
  EXPECT_EQ(bed.to_host(), 1U);
  EXPECT_TRUE(bed.pass(kClients, {BalancerBed::from_client(kClient, kService).echo_request(7, 1)}).empty());
  EXPECT_EQ(bed.to_host(), 1U);
}

TEST_P(Forwards, AnotherHostCanNotSpeakAsTheService) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  ASSERT_TRUE(bed.one(kClients, request()));
  bed.refused(kClients, BalancerBed::from_client(kService, kClient).tcp(80, 4000).flags("R"),
              load_balancer::Drop::kSpoofed);
}

TEST_P(Forwards, FragmentsGoWhereTheirFirstWent) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  std::vector<std::uint8_t> datagram(64, 0x55);
  const auto first =
      BalancerBed::from_client(kClient, kService).fragment(0, true).id(7).udp(4000, 80).payload(64);
  const auto second =
      BalancerBed::from_client(kClient, kService).fragment(72, false).id(7).protocol(17).payload(32);
  const auto seen = bed.pass(kClients, {first, second});
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].destination, seen[1].destination);
  EXPECT_EQ(seen[0].destination.substr(0, 7), "10.0.0.");
  // The other order: the later one waits for the first.
  const auto early = bed.pass(
      kClients,
      {BalancerBed::from_client(kClient, kService).fragment(72, false).id(8).protocol(17).payload(32)});
  EXPECT_TRUE(early.empty());
  const auto both = bed.pass(
      kClients,
      {BalancerBed::from_client(kClient, kService).fragment(0, true).id(8).udp(4000, 80).payload(64)});
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].destination, seen[0].destination);
  EXPECT_EQ(both[1].destination, seen[0].destination);
}

}  // namespace
}  // namespace millrace::testing
