// SPDX-License-Identifier: BSD-3-Clause
// How new connections are spread over backends.
#include <map>
#include <set>

#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::Scheduler;

class Schedules : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(Schedules);

std::string client(unsigned i) {
  return "192.0." + std::to_string(2 + i / 250) + "." + std::to_string(1 + i % 250);
}

// Connections per backend, of so many clients with so many connections each.
std::map<std::string, unsigned> spread(BalancerBed& bed, unsigned clients, unsigned each) {
  std::map<std::string, unsigned> count;
  for (unsigned i = 0; i < clients; ++i) {
    for (unsigned k = 0; k < each; ++k) {
      const auto there = bed.one(kClients, BalancerBed::from_client(client(i), kService)
                                               .tcp(static_cast<std::uint16_t>(4000 + k), 80)
                                               .flags("S"));
      if (there) ++count[there->destination];
    }
  }
  return count;
}

BalancerSpec spec_of(Scheduler scheduler) {
  auto service = web_service();
  service.scheduler = scheduler;
  service.backends = {backend_at("10.0.0.11", 1), backend_at("10.0.0.12", 2), backend_at("10.0.0.13", 3)};
  return {.services = {service}};
}

TEST_P(Schedules, InTurnByWeight) {
  BalancerBed bed(variant(), spec_of(Scheduler::kWeightedRoundRobin));
  auto count = spread(bed, 1, 120);
  // Each worker takes turns of its own, and leaves at most one round unfinished.
  const unsigned slack = variant().workers * 3;
  EXPECT_NEAR(count["10.0.0.11"], 20, slack);
  EXPECT_NEAR(count["10.0.0.12"], 40, slack);
  EXPECT_NEAR(count["10.0.0.13"], 60, slack);
}

TEST_P(Schedules, FewestConnectionsForTheWeight) {
  BalancerBed bed(variant(), spec_of(Scheduler::kLeastConnections));
  auto count = spread(bed, 1, 120);
  const unsigned slack = variant().workers * 2;
  EXPECT_NEAR(count["10.0.0.11"], 20, slack);
  EXPECT_NEAR(count["10.0.0.12"], 40, slack);
  EXPECT_NEAR(count["10.0.0.13"], 60, slack);
}

TEST_P(Schedules, ConnectionsThatEndMakeRoom) {
  auto spec = spec_of(Scheduler::kLeastConnections);
  spec.services[0].timeouts.tcp_opening = 1'000;
  BalancerBed bed({.burst = variant().burst, .workers = 1, .swap = variant().swap}, spec);
  spread(bed, 1, 12);
  bed.wait(2'000);
  ASSERT_EQ(bed.connections(), 0U);
  // As at the beginning: the greatest weight first.
  const auto there =
      bed.one(kClients, BalancerBed::from_client("192.0.2.1", kService).tcp(9000, 80).flags("S"));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->destination, "10.0.0.13");
}

TEST_P(Schedules, BySourceAllConnectionsOfAClientGoToOneBackend) {
  BalancerBed bed(variant(), spec_of(Scheduler::kSourceHash));
  std::set<std::string> used;
  for (unsigned i = 0; i < 20; ++i) {
    std::set<std::string> backends;
    for (std::uint16_t port = 4000; port < 4008; ++port) {
      const auto there =
          bed.one(kClients, BalancerBed::from_client(client(i), kService).tcp(port, 80).flags("S"));
      ASSERT_TRUE(there);
      backends.insert(there->destination);
    }
    EXPECT_EQ(backends.size(), 1U);
    used.insert(backends.begin(), backends.end());
  }
  EXPECT_EQ(used.size(), 3U);
}

TEST_P(Schedules, AffinityHoldsWhateverTheScheduler) {
  for (const Scheduler scheduler :
       {Scheduler::kMaglev, Scheduler::kWeightedRoundRobin, Scheduler::kLeastConnections}) {
    auto spec = spec_of(scheduler);
    spec.services[0].by_client = true;
    BalancerBed bed(variant(), spec);
    for (unsigned i = 0; i < 5; ++i) {
      std::set<std::string> backends;
      for (std::uint16_t port = 4000; port < 4008; ++port) {
        const auto there =
            bed.one(kClients, BalancerBed::from_client(client(i), kService).tcp(port, 80).flags("S"));
        ASSERT_TRUE(there);
        backends.insert(there->destination);
      }
      EXPECT_EQ(backends.size(), 1U);
    }
  }
}

// What has been closed is no load, though its record stays for what still comes.
TEST_P(Schedules, ClosedConnectionsDoNotCount) {
  auto spec = spec_of(Scheduler::kLeastConnections);
  spec.services[0].backends = {backend_at("10.0.0.11"), backend_at("10.0.0.12")};
  BalancerBed bed({.burst = variant().burst, .workers = 1, .swap = variant().swap}, spec);
  const auto syn = [&](std::uint16_t port) {
    const auto there =
        bed.one(kClients, BalancerBed::from_client(kClient, kService).tcp(port, 80).flags("S"));
    return there ? there->destination : "none";
  };
  const std::string first = syn(4000);
  EXPECT_NE(syn(4001), first);
  ASSERT_TRUE(bed.one(kClients, BalancerBed::from_client(kClient, kService).tcp(4000, 80).flags("R")));
  EXPECT_EQ(bed.connections(), 2U);
  EXPECT_EQ(syn(4002), first);
}

// Questions of a resolver that always asks by one port are spread, and have no connection.
TEST_P(Schedules, UdpPacketByPacket) {
  for (const Scheduler scheduler : {Scheduler::kWeightedRoundRobin, Scheduler::kLeastConnections}) {
    auto spec = spec_of(scheduler);
    spec.services[0].per_packet = true;
    BalancerBed bed(variant(), spec);
    std::map<std::string, unsigned> count;
    for (unsigned i = 0; i < 60; ++i) {
      const auto there =
          bed.one(kClients, BalancerBed::from_client(kClient, kService).udp(53, 80).payload(i));
      ASSERT_TRUE(there);
      ++count[there->destination];
      const auto back =
          bed.one(kBackends, BalancerBed::from_backend(there->destination, kClient).udp(80, 53).payload(i));
      ASSERT_TRUE(back);
      EXPECT_EQ(back->source_end(), "203.0.113.80:80");
    }
    // One flow is one worker's, whose turns are exact.
    EXPECT_EQ(count["10.0.0.11"], 10U);
    EXPECT_EQ(count["10.0.0.12"], 20U);
    EXPECT_EQ(count["10.0.0.13"], 30U);
    EXPECT_EQ(bed.connections(), 0U);
    // TCP of the same service has connections all the same.
    ASSERT_TRUE(bed.one(kClients, BalancerBed::from_client(kClient, kService).tcp(53, 80).flags("S")));
    EXPECT_EQ(bed.connections(), 1U);
  }
}

// Two balancers with the same backends, in whatever order, agree on every connection.
TEST_P(Schedules, TwoInstancesGiveAConnectionTheSameBackend) {
  auto spec = spec_of(Scheduler::kMaglev);
  BalancerBed one(variant(), spec);
  std::ranges::reverse(spec.services[0].backends);
  BalancerBed other(variant(), spec);
  for (std::uint16_t port = 4000; port < 4064; ++port) {
    const auto segment = [&](std::string_view flags) {
      return BalancerBed::from_client("192.0.2.1", kService).tcp(port, 80).flags(flags);
    };
    const auto first = one.one(kClients, segment("S"));
    const auto second = other.one(kClients, segment("A"));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->destination, second->destination);
  }
}

}  // namespace
}  // namespace millrace::testing
