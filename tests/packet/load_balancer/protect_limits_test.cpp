// SPDX-License-Identifier: BSD-3-Clause
// How many connections of a service clients may begin and have.
#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::AllDown;
using load_balancer::Drop;
using load_balancer::Forwarding;
using load_balancer::Protection;
using load_balancer::ServiceSpec;
using load_balancer::ServiceTally;

class Limits : public BalancerTest {
 protected:
  static ServiceSpec limited(const Protection& protection) {
    ServiceSpec service = web_service();
    service.protection = protection;
    return service;
  }
  // What a limit lets through when more than enough is asked for: of two workers, each its rounded-up half,
  // if it sees as many.
  static void expect_limited(std::size_t passed, unsigned limit) {
    EXPECT_LE(passed, limit + variant().workers - 1);
    EXPECT_GE(passed, variant().workers == 1 ? limit : (limit + 1) / 2);
  }
};
MILLRACE_BALANCER_VARIANTS(Limits);

PacketBuilder from(std::string_view client, unsigned port, std::string_view flags) {
  return BalancerBed::from_client(client, kService).tcp(static_cast<std::uint16_t>(port), 80).flags(flags);
}
PacketBuilder reply(const Seen& sent, std::string_view flags) {
  return BalancerBed::from_backend(sent.destination, sent.source)
      .tcp(sent.destination_port, sent.source_port)
      .flags(flags);
}

struct AfterSyns {
  std::vector<Seen> passed;  // at backends
  std::vector<Seen> told;    // at clients
};
AfterSyns begin(BalancerBed& bed, std::string_view client, unsigned first_port, unsigned count) {
  std::vector<PacketBuilder> packets;
  for (unsigned i = 0; i < count; ++i) packets.push_back(from(client, first_port + i, "S"));
  AfterSyns begun;
  for (Seen& seen : bed.pass(kClients, packets))
    (seen.port == kBackends ? begun.passed : begun.told).push_back(std::move(seen));
  return begun;
}

std::uint64_t counted(const BalancerBed& bed, Counter ServiceTally::*counter) {
  std::uint64_t sum = 0;
  for (const auto* state : bed.states()) sum += (state->tallies.service(0).*counter).read();
  return sum;
}

TEST_P(Limits, AClientHasSoManyConnectionsAndOthersDoNotSuffer) {
  BalancerBed bed(variant(), {.services = {limited({.connections_per_client = 8})}});
  const AfterSyns begun = begin(bed, kClient, 4000, 40);
  expect_limited(begun.passed.size(), 8);
  EXPECT_EQ(bed.dropped(Drop::kClientConnections), 40 - begun.passed.size());
  EXPECT_EQ(counted(bed, &ServiceTally::over_client_connections), 40 - begun.passed.size());
  // RFC 9293 section 3.10.7.1: a reset that acknowledges the SYN.
  ASSERT_EQ(begun.told.size(), 40 - begun.passed.size());
  EXPECT_EQ(begun.told[0].source, kService);
  EXPECT_EQ(begun.told[0].destination, kClient);
  EXPECT_EQ(begun.told[0].tcp_flags, net::tcp_flag::kRst | net::tcp_flag::kAck);
  EXPECT_EQ(begin(bed, "192.0.2.8", 4000, 2).passed.size(), 2U);
  // Those it has go on.
  const Seen& one = begun.passed[0];
  EXPECT_TRUE(bed.one(kBackends, reply(one, "SA")));
  EXPECT_TRUE(bed.one(kClients, from(kClient, one.source_port, "A")));
}

TEST_P(Limits, AClientBeginsSoManyConnectionsPerSecond) {
  BalancerBed bed(variant(), {.services = {limited({.new_per_client = 8})}});
  bed.wait(1000);
  const AfterSyns begun = begin(bed, kClient, 4000, 40);
  expect_limited(begun.passed.size(), 8);
  EXPECT_TRUE(begun.told.empty());  // whoever tries again later may get in
  EXPECT_EQ(bed.dropped(Drop::kClientRate), 40 - begun.passed.size());
  EXPECT_EQ(counted(bed, &ServiceTally::over_client_rate), 40 - begun.passed.size());
  EXPECT_EQ(begin(bed, "192.0.2.8", 4000, 2).passed.size(), 2U);
  bed.wait(500);
  expect_limited(begin(bed, kClient, 5000, 40).passed.size(), 4);
  bed.wait(1000);
  expect_limited(begin(bed, kClient, 6000, 40).passed.size(), 8);
}

TEST_P(Limits, AServiceHasSoManyConnections) {
  BalancerBed bed(variant(), {.services = {limited({.connections = 16}), web_service6()}});
  std::size_t passed = 0;
  for (unsigned client = 1; client <= 40; ++client) {
    const std::string address = "192.0.2." + std::to_string(client);
    passed += begin(bed, address, 4000 + client, 1).passed.size();
  }
  expect_limited(passed, 16);
  EXPECT_EQ(bed.connections(), passed);
  EXPECT_EQ(bed.dropped(Drop::kServiceConnections), 40 - passed);
  EXPECT_EQ(counted(bed, &ServiceTally::over_connections), 40 - passed);
  // Another service has its own.
  EXPECT_TRUE(
      bed.one(kClients, BalancerBed::from_client("2001:db8:9::7", kService6).tcp(4000, 80).flags("S")));
}

TEST_P(Limits, WhatIsBeyondIsAnsweredAsWhenAllAreDown) {
  for (const auto& protection : {Protection{.connections = 1}, Protection{.connections_per_client = 1}}) {
    for (const AllDown all_down : {AllDown::kReject, AllDown::kDrop}) {
      ServiceSpec service = limited(protection);
      service.all_down = all_down;
      BalancerBed bed(variant(), {.services = {service}});
      const AfterSyns begun = begin(bed, kClient, 4000, 20);
      EXPECT_EQ(begun.told.size(), all_down == AllDown::kReject ? 20 - begun.passed.size() : 0);
    }
  }
}

TEST_P(Limits, OneThatItsBackendEndedMakesRoom) {
  for (const std::string_view how : {"FA", "R", "RA"}) {
    BalancerBed bed(variant(), {.services = {limited({.connections = 1, .connections_per_client = 1})}});
    // On one worker, whichever it is: the same client and port again and again.
    const auto there = bed.one(kClients, from(kClient, 4000, "S"));
    ASSERT_TRUE(there);
    ASSERT_TRUE(bed.one(kBackends, reply(*there, "SA")));
    ASSERT_TRUE(bed.one(kClients, from(kClient, 4000, "A")));
    if (how == "FA") {
      ASSERT_TRUE(bed.one(kClients, from(kClient, 4000, "FA")));
    }
    ASSERT_TRUE(bed.one(kBackends, reply(*there, how)));
    EXPECT_TRUE(bed.one(kClients, from(kClient, 4000, "S")));
    EXPECT_EQ(bed.connections(), 1U);
  }
}

// Or else whoever sends resets that no backend believes has as many as he likes.
TEST_P(Limits, TheClientsWordThatItIsOverMakesNone) {
  ServiceSpec service = limited({.connections_per_client = 1});
  service.timeouts.tcp_closing = service.timeouts.tcp_established = 5'000;
  for (const std::string_view how : {"R", "FA"}) {
    BalancerBed bed(variant(), {.services = {service}});
    const AfterSyns begun = begin(bed, kClient, 4000, 20);
    ASSERT_FALSE(begun.passed.empty());
    for (const Seen& one : begun.passed) {
      ASSERT_TRUE(bed.one(kClients, from(kClient, one.source_port, how)));
      static_cast<void>(bed.one(kBackends, reply(one, "SA")));
    }
    EXPECT_TRUE(begin(bed, kClient, 5000, 20).passed.empty());
    bed.wait(70'000);
    EXPECT_EQ(bed.connections(), 0U);
    EXPECT_EQ(begin(bed, kClient, 4000, 20).passed.size(), begun.passed.size());
  }
}

TEST_P(Limits, ThatEndByTimeMakeRoom) {
  for (const Forwarding forwarding : {Forwarding::kNat, Forwarding::kDirect}) {
    ServiceSpec service = limited({.connections = 4, .connections_per_client = 4});
    service.forwarding = forwarding;
    service.timeouts.tcp_opening = 5'000;
    BalancerBed bed(variant(), {.services = {service}});
    const std::size_t first = begin(bed, kClient, 4000, 20).passed.size();
    expect_limited(first, 4);
    bed.wait(6'000);
    EXPECT_EQ(begin(bed, kClient, 4000, 20).passed.size(), first);
    for (const auto* state : bed.states())
      EXPECT_EQ(state->limits.clients().used(), state->limits.open(0) != 0);
  }
}

TEST_P(Limits, AreOfTcpAlone) {
  BalancerBed bed(
      variant(),
      {.services = {limited({.connections = 1, .connections_per_client = 1, .new_per_client = 1})}});
  std::vector<PacketBuilder> packets;
  for (std::uint16_t port = 4000; port < 4020; ++port)
    packets.push_back(BalancerBed::from_client(kClient, kService).udp(port, 80).payload(1));
  EXPECT_EQ(bed.pass(kClients, packets).size(), 20U);
  EXPECT_GE(begin(bed, kClient, 4000, 20).passed.size(), 1U);
}

TEST_P(Limits, OfAnotherPolicyHoldFromThenOn) {
  BalancerBed bed(variant(), {.services = {limited({})}});
  ASSERT_EQ(begin(bed, kClient, 4000, 20).passed.size(), 20U);
  // What there is already counts for the service.
  bed.change([](BalancerSpec& spec) { spec.services[0].protection.connections = 8; });
  EXPECT_LE(begin(bed, kClient, 5000, 20).passed.size(), 3U);  // of a worker that had few
  bed.change([](BalancerSpec& spec) { spec.services[0].protection = {.connections_per_client = 100}; });
  EXPECT_EQ(begin(bed, kClient, 6000, 20).passed.size(), 20U);
  bed.change([](BalancerSpec& spec) { spec.services[0].protection = {}; });
  EXPECT_EQ(begin(bed, kClient, 7000, 20).passed.size(), 20U);
  bed.wait(70'000);
  EXPECT_EQ(bed.connections(), 0U);
  for (const auto* state : bed.states()) EXPECT_EQ(state->limits.open(0), 0U);
}

// What another instance had goes on here, and counts.
TEST_P(Limits, AConnectionFromElsewhereIsCountedWhateverTheLimits) {
  BalancerBed bed(variant(), {.services = {limited({.connections_per_client = 2})}});
  for (std::uint16_t port = 4000; port < 4020; ++port)
    EXPECT_TRUE(bed.one(kClients, from(kClient, port, "A")));
  EXPECT_TRUE(begin(bed, kClient, 5000, 20).passed.empty());
}

}  // namespace
}  // namespace millrace::testing
