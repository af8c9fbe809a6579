// SPDX-License-Identifier: BSD-3-Clause
// Connections keep their backend while pools change, and end when they should.
#include <map>
#include <set>

#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::Backend;
using load_balancer::Drop;
using load_balancer::Forwarding;
using load_balancer::Scheduler;

class Connections : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(Connections);

PacketBuilder segment(std::uint16_t port, std::string_view flags) {
  return BalancerBed::from_client(kClient, kService).tcp(port, 80).flags(flags);
}
PacketBuilder answer(const Seen& sent, std::string_view flags) {
  return BalancerBed::from_backend(sent.destination, sent.source)
      .tcp(sent.destination_port, sent.source_port)
      .flags(flags);
}

std::vector<std::string> backends_of(BalancerBed& bed, unsigned connections, std::string_view flags) {
  std::vector<std::string> backends;
  for (unsigned i = 0; i < connections; ++i) {
    const auto there = bed.one(kClients, segment(static_cast<std::uint16_t>(5000 + i), flags));
    backends.push_back(there ? there->destination : "none");
  }
  return backends;
}

TEST_P(Connections, KeepTheirBackendThroughEveryChangeOfThePool) {
  for (const Scheduler scheduler : {Scheduler::kMaglev, Scheduler::kWeightedRoundRobin,
                                    Scheduler::kLeastConnections, Scheduler::kSourceHash}) {
    auto service = web_service();
    service.scheduler = scheduler;
    BalancerBed bed(variant(), {.services = {service}});
    const auto before = backends_of(bed, 24, "S");
    bed.change([](BalancerSpec& spec) {
      auto& backends = spec.services[0].backends;
      backends[0].state = Backend::State::kDraining;
      backends[1].state = Backend::State::kDown;
      backends[2].weight = 7;
      backends.push_back(backend_at("10.0.0.14", 3));
      backends.push_back(backend_at("10.0.0.15", 9));
    });
    EXPECT_EQ(backends_of(bed, 24, "A"), before);
  }
}

TEST_P(Connections, NewOnesGoToActiveBackendsOnly) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  bed.change([](BalancerSpec& spec) {
    spec.services[0].backends[0].state = Backend::State::kDraining;
    spec.services[0].backends[1].weight = 0;
  });
  for (const std::string& backend : backends_of(bed, 16, "S")) EXPECT_EQ(backend, "10.0.0.13");
}

TEST_P(Connections, OfABackendThatIsGoneEndAndMayBeginAnew) {
  auto service = web_service();
  service.backends = {backend_at("10.0.0.11")};
  BalancerBed bed(variant(), {.services = {service}});
  ASSERT_TRUE(bed.one(kClients, segment(4000, "S")));
  ASSERT_TRUE(bed.one(kClients, segment(4001, "S")));
  bed.change([](BalancerSpec& spec) { spec.services[0].backends = {backend_at("10.0.0.12")}; });
  bed.refused(kClients, segment(4000, "A"), Drop::kBackendGone);
  const auto again = bed.one(kClients, segment(4001, "S"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->destination, "10.0.0.12");
  EXPECT_EQ(bed.connections(), 1U);
}

// Without a packet, too.
TEST_P(Connections, OfAServiceThatIsGoneAreSweptAway) {
  BalancerBed bed(variant(), {.services = {web_service(), web_service6()}});
  const auto sent = backends_of(bed, 20, "S");
  ASSERT_EQ(bed.connections(), 20U);
  bed.change([](BalancerSpec& spec) { spec.services.erase(spec.services.begin()); });
  bed.wait(25'000);
  EXPECT_EQ(bed.connections(), 0U);
  for (const load_balancer::WorkerState* state : bed.states()) {
    for (load_balancer::BackendId id = 0; id < 6; ++id) EXPECT_EQ(state->tallies.backend(id).open.read(), 0U);
  }
}

TEST_P(Connections, EndAfterTheirIdleTimes) {
  auto service = web_service();
  service.timeouts = {.tcp_established = 100'000, .tcp_opening = 10'000, .tcp_closing = 5'000, .udp = 20'000};
  BalancerBed bed(variant(), {.services = {service}});
  // In the handshake.
  ASSERT_TRUE(bed.one(kClients, segment(4000, "S")));
  bed.wait(9'000);
  EXPECT_EQ(bed.connections(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.connections(), 0U);
  // Established.
  const auto there = bed.one(kClients, segment(4001, "S"));
  ASSERT_TRUE(there);
  ASSERT_TRUE(bed.one(kBackends, answer(*there, "SA")));
  ASSERT_TRUE(bed.one(kClients, segment(4001, "A")));
  bed.wait(90'000);
  EXPECT_EQ(bed.connections(), 1U);
  // A packet keeps it.
  ASSERT_TRUE(bed.one(kBackends, answer(*there, "A")));
  bed.wait(90'000);
  EXPECT_EQ(bed.connections(), 1U);
  // Closed by both.
  ASSERT_TRUE(bed.one(kClients, segment(4001, "FA")));
  ASSERT_TRUE(bed.one(kBackends, answer(*there, "FA")));
  bed.wait(6'000);
  EXPECT_EQ(bed.connections(), 0U);
  // UDP.
  ASSERT_TRUE(bed.one(kClients, BalancerBed::from_client(kClient, kService).udp(4000, 80)));
  bed.wait(19'000);
  EXPECT_EQ(bed.connections(), 1U);
  bed.wait(2'000);
  EXPECT_EQ(bed.connections(), 0U);
}

TEST_P(Connections, AResetEndsOneSoon) {
  auto service = web_service();
  service.timeouts.tcp_closing = 1'000;
  BalancerBed bed(variant(), {.services = {service}});
  ASSERT_TRUE(bed.one(kClients, segment(4000, "S")));
  ASSERT_TRUE(bed.one(kClients, segment(4000, "R")));
  bed.wait(2'000);
  EXPECT_EQ(bed.connections(), 0U);
}

TEST_P(Connections, BeginAnewOnPortsOfOneThatIsOver) {
  for (const Forwarding forwarding : {Forwarding::kNat, Forwarding::kDirect}) {
    auto service = web_service();
    service.forwarding = forwarding;
    service.backends = {backend_at("10.0.0.11")};
    BalancerBed bed(variant(), {.services = {service}});
    const auto there = bed.one(kClients, segment(4000, "S"));
    ASSERT_TRUE(there);
    ASSERT_TRUE(bed.one(kClients, segment(4000, "A")));
    ASSERT_TRUE(bed.one(kClients, segment(4000, "FA")));
    if (forwarding == Forwarding::kNat) {
      ASSERT_TRUE(bed.one(kBackends, answer(*there, "FA")));
    }
    bed.change([](BalancerSpec& spec) {
      spec.services[0].backends[0].weight = 0;
      spec.services[0].backends.push_back(backend_at("10.0.0.12"));
    });
    const auto mac_of = [](const Seen& seen) { return Frame(seen.frame.begin(), seen.frame.begin() + 6); };
    const auto again = bed.one(kClients, segment(4000, "S"));
    ASSERT_TRUE(again);
    EXPECT_NE(mac_of(*again), mac_of(*there));
    EXPECT_EQ(bed.connections(), 1U);
  }
}

// What a client sends again finds another backend when the first has failed meanwhile.
TEST_P(Connections, ASynThatComesAgainLeavesABackendThatIsDown) {
  auto service = web_service();
  service.backends = {backend_at("10.0.0.11")};
  BalancerBed bed(variant(), {.services = {service}});
  ASSERT_TRUE(bed.one(kClients, segment(4000, "S")));
  bed.change([](BalancerSpec& spec) {
    spec.services[0].backends[0].state = Backend::State::kDown;
    spec.services[0].backends.push_back(backend_at("10.0.0.12"));
  });
  const auto again = bed.one(kClients, segment(4000, "S"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->destination, "10.0.0.12");
  EXPECT_EQ(bed.connections(), 1U);
}

// What passive health goes by.
TEST_P(Connections, CountHandshakesThatFail) {
  auto service = web_service();
  service.backends = {backend_at("10.0.0.11")};
  service.timeouts.tcp_opening = 1'000;
  BalancerBed bed({.burst = variant().burst, .workers = 1, .swap = variant().swap}, {.services = {service}});
  const load_balancer::BackendTally& tally = bed.states()[0]->tallies.backend(0);
  ASSERT_TRUE(bed.one(kClients, segment(4000, "S")));
  bed.wait(2'000);  // silence
  EXPECT_EQ(tally.failed_in_a_row.read(), 1U);
  const auto refused = bed.one(kClients, segment(4001, "S"));
  ASSERT_TRUE(refused);
  ASSERT_TRUE(bed.one(kBackends, answer(*refused, "RA")));
  EXPECT_EQ(tally.failed_in_a_row.read(), 2U);
  const auto taken = bed.one(kClients, segment(4002, "S"));
  ASSERT_TRUE(taken);
  ASSERT_TRUE(bed.one(kBackends, answer(*taken, "SA")));
  EXPECT_EQ(tally.failed_in_a_row.read(), 0U);
  EXPECT_EQ(tally.failed.read(), 2U);
  // A client that gives up is no failure, nor is a reset later on.
  ASSERT_TRUE(bed.one(kBackends, answer(*taken, "RA")));
  ASSERT_TRUE(bed.one(kClients, segment(4003, "S")));
  ASSERT_TRUE(bed.one(kClients, segment(4003, "R")));
  bed.wait(70'000);
  EXPECT_EQ(bed.connections(), 0U);
  EXPECT_EQ(tally.failed.read(), 2U);
}

// Packets of one burst that begin the same connection find one backend.
TEST_P(Connections, TwoPacketsOfABurstAreOneConnection) {
  auto service = web_service();
  service.scheduler = Scheduler::kWeightedRoundRobin;
  BalancerBed bed(variant(), {.services = {service}});
  const auto packet = BalancerBed::from_client(kClient, kService).udp(4000, 80).payload(10);
  const auto seen = bed.pass(kClients, {packet, packet, packet});
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].destination, seen[1].destination);
  EXPECT_EQ(seen[0].destination, seen[2].destination);
  EXPECT_EQ(bed.connections(), 1U);
}

// The table is full: the hash alone goes on, both ways.
// The record of one that is over is another's before the end of the burst.
TEST_P(Connections, LatePacketsOfABurstDoNotTouchAnothersRecord) {
  auto service = web_service();
  service.scheduler = Scheduler::kWeightedRoundRobin;
  BalancerBed bed(variant(), {.services = {service}});
  const auto first = bed.one(kClients, segment(4000, "S"));
  ASSERT_TRUE(first);
  ASSERT_TRUE(bed.one(kBackends, answer(*first, "SA")));
  ASSERT_TRUE(bed.one(kClients, segment(4000, "R")));
  const auto before = bed.dropped(Drop::kUnknownConnection);
  const std::vector<Seen> seen =
      bed.pass(kClients, {segment(4001, "S"), segment(4000, "R"), segment(4000, "S"), segment(4002, "S")});
  std::map<std::uint16_t, Seen> began;
  for (const Seen& one : seen) {
    if (one.tcp_flags == 0x02) began[one.source_port] = one;
  }
  ASSERT_EQ(began.size(), 3U);
  // In bursts of one the reset comes to its own connection.
  EXPECT_EQ(seen.size() + bed.dropped(Drop::kUnknownConnection) - before, 4U);
  for (const auto& [port, one] : began) {
    EXPECT_TRUE(bed.one(kBackends, answer(one, "SA")));
    const auto next = bed.one(kClients, segment(port, "A"));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->destination, one.destination);
  }
  EXPECT_EQ(bed.connections(), 3U);
  bed.wait(100'000);  // past tcp_closing, so that none was taken for reset
  EXPECT_EQ(bed.connections(), 3U);
}

TEST_P(Connections, ThatFindNoRoomAreBalancedByTheirHash) {
  for (const Forwarding forwarding : {Forwarding::kNat, Forwarding::kDirect}) {
    auto service = web_service();
    service.forwarding = forwarding;
    BalancerBed bed(variant(), {.services = {service}}, 8);
    backends_of(bed, 64, "S");
    const std::uint64_t records = bed.connections();
    ASSERT_LE(records, 8U * variant().workers);
    const auto again = backends_of(bed, 64, "A");
    EXPECT_EQ(again, backends_of(bed, 64, "A"));
    std::set<std::string> used(again.begin(), again.end());
    if (forwarding == Forwarding::kNat) {
      EXPECT_EQ(used.size(), 3U);
      EXPECT_FALSE(used.contains("none"));
      for (unsigned i = 0; i < 64; ++i) {
        const auto back = bed.one(kBackends, BalancerBed::from_backend(again[i], kClient)
                                                 .tcp(80, static_cast<std::uint16_t>(5000 + i))
                                                 .flags("A"));
        ASSERT_TRUE(back);
        EXPECT_EQ(back->source, kService);
      }
    }
    EXPECT_EQ(bed.connections(), records);
  }
}

TEST_P(Connections, InTheMiddleAreTakenUpByTheHashOrRefused) {
  auto service = web_service();
  BalancerBed hashed(variant(), {.services = {service}});
  EXPECT_TRUE(hashed.one(kClients, segment(4000, "A")));
  service.scheduler = Scheduler::kWeightedRoundRobin;
  BalancerBed turned(variant(), {.services = {service}});
  turned.refused(kClients, segment(4000, "A"), Drop::kUnknownConnection);
}

TEST_P(Connections, AreTakenNoMoreWhileTheApplianceDrains) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  ASSERT_TRUE(bed.one(kClients, segment(4000, "S")));
  bed.change([](BalancerSpec& spec) { spec.draining = true; });
  bed.refused(kClients, segment(4001, "S"), Drop::kDraining);
  EXPECT_TRUE(bed.one(kClients, segment(4000, "A")));
}

TEST_P(Connections, OfAServiceWithoutABackendAreRefusedAsItSays) {
  auto service = web_service();
  for (auto& backend : service.backends) backend.state = Backend::State::kDown;
  BalancerBed bed(variant(), {.services = {service}});
  const auto reset = bed.told(kClients, segment(4000, "S"), Drop::kNoBackend);
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->ends(), "203.0.113.80:80 > 192.0.2.7:4000");
  EXPECT_EQ(reset->tcp_flags, 0x14);  // RST, ACK
  const auto error =
      bed.told(kClients, BalancerBed::from_client(kClient, kService).udp(4000, 80), Drop::kNoBackend);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->icmp_type, 3);
  EXPECT_EQ(error->icmp_code, 3);
  bed.change([](BalancerSpec& spec) { spec.services[0].all_down = load_balancer::AllDown::kDrop; });
  bed.refused(kClients, segment(4000, "S"), Drop::kNoBackend);
}

}  // namespace
}  // namespace millrace::testing
