// SPDX-License-Identifier: BSD-3-Clause
// Connections that go from one instance to another.
#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::Backend;
using load_balancer::Drop;
using load_balancer::Forwarding;
using load_balancer::Scheduler;

class Transfer : public BalancerTest {
 protected:
  // The other instance has as many workers as the first has not.
  [[nodiscard]] static BedVariant other() {
    BedVariant changed = variant();
    changed.workers = 3 - changed.workers;
    return changed;
  }
};
MILLRACE_BALANCER_VARIANTS(Transfer);

constexpr unsigned kEach = 12;

void expect_taken(BalancerBed& bed, const std::string& stream, std::uint64_t taken,
                  std::uint64_t refused = 0) {
  const auto imported = bed.import(stream);
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_EQ(imported->taken, taken);
  EXPECT_EQ(imported->refused, refused);
}

// A connection: what its client sends, what left for the backend, and what this answers.
struct Conversation {
  PacketBuilder out;
  Seen sent;
  PacketBuilder in;
};

std::string client_of(unsigned i, bool v6) {
  return (v6 ? "2001:db8:7::" : "192.0.2.") + std::to_string(10 + i);
}

// Of TCP and UDP, IPv4 and IPv6.
std::vector<Conversation> converse(BalancerBed& bed) {
  std::vector<Conversation> all;
  for (const std::string_view service : {kService, kService6}) {
    for (unsigned i = 0; i < kEach; ++i) {
      const std::string client = client_of(i, service == kService6);
      const auto port = static_cast<std::uint16_t>(4000 + i);
      const auto first = BalancerBed::from_client(client, service).tcp(port, 80).flags("S");
      if (const auto sent = bed.one(kClients, first)) {
        const auto next = BalancerBed::from_client(client, service).tcp(port, 80).flags("A").payload(5);
        EXPECT_TRUE(bed.one(kClients, next));
        all.push_back({next, *sent,
                       BalancerBed::from_backend(sent->destination, client)
                           .tcp(sent->destination_port, port)
                           .flags("A")});
      }
      const auto datagram = BalancerBed::from_client(client, service).udp(port, 80).payload(9);
      if (const auto sent = bed.one(kClients, datagram)) {
        all.push_back({datagram, *sent,
                       BalancerBed::from_backend(sent->destination, client)
                           .udp(sent->destination_port, port)
                           .payload(3)});
      }
    }
  }
  return all;
}

void expect_to_go_on(BalancerBed& bed, const std::vector<Conversation>& conversations) {
  for (const Conversation& one : conversations) {
    const auto in = bed.one(kBackends, one.in);
    ASSERT_TRUE(in);
    EXPECT_EQ(in->source, one.sent.source.find(':') == std::string::npos ? kService : kService6);
    EXPECT_EQ(in->source_port, 80);
    const auto out = bed.one(kClients, one.out);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->ends(), one.sent.ends());
  }
}

BalancerSpec both(Scheduler scheduler = Scheduler::kMaglev) {
  BalancerSpec spec{.services = {web_service(), web_service6()}};
  for (auto& service : spec.services) service.scheduler = scheduler;
  spec.services[0].backends[1].port = 8080;
  return spec;
}

// Services in another order, each with another pool, of which the old backends but one get no new
// connections.
BalancerSpec other_pools(Scheduler scheduler) {
  BalancerSpec spec = both(scheduler);
  std::swap(spec.services[0], spec.services[1]);
  for (auto& service : spec.services) {
    auto& backends = service.backends;
    backends[0].state = Backend::State::kDraining;
    backends[1].state = Backend::State::kDown;
    const bool v4 = service.address.is_v4();
    for (const std::string_view last : {"14", "15", "16"}) {
      backends.insert(backends.begin(),
                      backend_at((v4 ? "10.0.0." : "2001:db8:10::") + std::string(last), 9));
    }
  }
  return spec;
}

TEST_P(Transfer, ConnectionsKeepTheirBackendThoughThePoolIsAnother) {
  for (const Scheduler scheduler : {Scheduler::kMaglev, Scheduler::kWeightedRoundRobin,
                                    Scheduler::kLeastConnections, Scheduler::kSourceHash}) {
    BalancerBed from(variant(), both(scheduler));
    const auto conversations = converse(from);
    ASSERT_EQ(conversations.size(), 4 * kEach);
    BalancerBed to(other(), other_pools(scheduler));
    expect_taken(to, from.exported(), 4 * kEach);
    EXPECT_EQ(to.connections(), from.connections());
    expect_to_go_on(to, conversations);
    EXPECT_EQ(to.connections(), from.connections());
  }
}

TEST_P(Transfer, DirectReturn) {
  BalancerSpec spec = both();
  for (auto& service : spec.services) service.forwarding = Forwarding::kDirect;
  spec.services[0].backends[1].port = 0;
  BalancerBed from(variant(), spec);
  const auto first = BalancerBed::from_client(kClient, kService).tcp(4000, 80).flags("S");
  const auto sent = from.one(kClients, first);
  ASSERT_TRUE(sent);
  const std::string stream = from.exported();
  // All but its own backend, under the same hash.
  const unsigned own = sent->frame[5] - neighbor_mac(kFirstBackend).bytes.back();
  for (auto& backend : spec.services[0].backends) {
    if (backend.address == *net::IpAddress::parse("10.0.0." + std::to_string(own)))
      backend.state = Backend::State::kDraining;
  }
  BalancerBed to(other(), spec);
  expect_taken(to, stream, 1);
  const auto next = BalancerBed::from_client(kClient, kService).tcp(4000, 80).flags("A");
  const auto there = to.one(kClients, next);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->ends(), sent->ends());
  EXPECT_EQ(there->frame[5], sent->frame[5]);
}

TEST_P(Transfer, ASecondTimeNothingIsTaken) {
  BalancerBed from(variant(), both());
  const auto conversations = converse(from);
  const std::string stream = from.exported();
  BalancerBed to(other(), both());
  expect_taken(to, stream, 4 * kEach);
  expect_taken(to, stream, 0, 4 * kEach);
  expect_to_go_on(to, conversations);
  // Nor by the instance it comes from.
  expect_taken(from, stream, 0, 4 * kEach);
}

TEST_P(Transfer, TimesGoOn) {
  BalancerSpec spec = both();
  for (auto& service : spec.services) {
    service.timeouts.udp = 100'000;
    service.timeouts.tcp_established = 500'000;
  }
  BalancerBed from(variant(), spec);
  converse(from);
  from.wait(60'000);
  BalancerBed to(other(), spec);
  expect_taken(to, from.exported(), 4 * kEach);
  to.wait(35'000);
  EXPECT_EQ(to.connections(), 4 * kEach);
  to.wait(10'000);
  EXPECT_EQ(to.connections(), 2 * kEach);  // those of TCP, which are established
  to.wait(400'000);
  EXPECT_EQ(to.connections(), 0U);
}

TEST_P(Transfer, WhatTheOtherInstanceHasNotIsRefused) {
  BalancerBed from(variant(), both());
  converse(from);
  const std::string stream = from.exported();
  constexpr std::uint64_t kHalf = 2 * kEach;
  const auto refuses_half = [&](auto&& change) {
    BalancerSpec spec = both();
    change(spec.services[1]);
    BalancerBed to(other(), spec);
    expect_taken(to, stream, kHalf, kHalf);
    EXPECT_EQ(to.connections(), kHalf);
  };
  using load_balancer::ServiceSpec;
  refuses_half([](ServiceSpec& service) { service.name = "another"; });
  refuses_half([](ServiceSpec& service) { service.address = *net::IpAddress::parse("2001:db8:80::81"); });
  refuses_half([](ServiceSpec& service) { service.ports = {{net::protocol::kTcp, 81, 90}}; });
  refuses_half([](ServiceSpec& service) { service.backends = {backend_at("2001:db8:10::19")}; });
  refuses_half([](ServiceSpec& service) {
    for (auto& backend : service.backends) backend.port = 8080;
  });
}

TEST_P(Transfer, WhatIsOverIsRefused) {
  BalancerBed from(variant(), both());
  converse(from);
  from.wait(30'000);
  const std::string stream = from.exported();
  BalancerSpec spec = both();
  for (auto& service : spec.services) service.timeouts.udp = 20'000;
  BalancerBed to(other(), spec);
  expect_taken(to, stream, 2 * kEach, 2 * kEach);
}

TEST_P(Transfer, WhatThereIsNoRoomForIsRefused) {
  BalancerBed from(variant(), both());
  converse(from);
  BalancerBed to(other(), both(), 4);
  const auto imported = to.import(from.exported());
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->taken, to.connections());
  EXPECT_EQ(imported->taken + imported->refused, 4 * kEach);
  EXPECT_GT(imported->refused, 0U);
}

// RFC 9293 section 3.10.7: a backend that refuses answers with a reset.
TEST_P(Transfer, WhatTheBackendResetIsOver) {
  BalancerBed from(variant(), both());
  const auto sent = from.one(kClients, BalancerBed::from_client(kClient, kService).tcp(4000, 80).flags("S"));
  ASSERT_TRUE(sent);
  ASSERT_TRUE(from.one(
      kBackends,
      BalancerBed::from_backend(sent->destination, kClient).tcp(sent->destination_port, 4000).flags("RA")));
  BalancerBed to(other(), both());
  expect_taken(to, from.exported(), 1);
  std::uint64_t open = 0;
  for (const load_balancer::WorkerState* state : to.states()) {
    for (load_balancer::BackendId id = 0; id < 6; ++id) open += state->tallies.backend(id).open.read();
  }
  EXPECT_EQ(open, 0U);
}

// Its source port may be another connection's there.
TEST_P(Transfer, FullNatStaysBehind) {
  BalancerBed from(variant(), {.services = {full_nat_service(), web_service6()}});
  converse(from);
  const std::string stream = from.exported();
  EXPECT_EQ(from.connections(), 4 * kEach);
  BalancerBed to(other(), both());
  expect_taken(to, stream, 2 * kEach);
  // Nor does a service that came to be of full_nat take any.
  BalancerBed now(other(), {.services = {web_service(), full_nat_service6()}});
  expect_taken(now, stream, 0, 2 * kEach);
}

TEST_P(Transfer, LimitsCountWhatCame) {
  BalancerSpec spec = both();
  BalancerBed from(variant(), spec);
  ASSERT_TRUE(from.one(kClients, BalancerBed::from_client(kClient, kService).tcp(4000, 80).flags("S")));
  spec.services[0].protection.connections = 1;
  BalancerBed to(other(), spec);
  expect_taken(to, from.exported(), 1);
  std::uint32_t open = 0;
  for (const load_balancer::WorkerState* state : to.states()) open += state->limits.open(0);
  EXPECT_EQ(open, 1U);
}

TEST_P(Transfer, OpenConnectionsAreCounted) {
  BalancerSpec spec = both();
  spec.services[0].backends = {backend_at("10.0.0.11")};
  BalancerBed from(variant(), spec);
  converse(from);
  BalancerBed to(other(), spec);
  expect_taken(to, from.exported(), 4 * kEach);
  std::uint64_t open = 0;
  std::uint64_t begun = 0;
  for (const load_balancer::WorkerState* state : to.states()) {
    open += state->tallies.backend(0).open.read();
    begun += state->tallies.backend(0).connections.read();
  }
  EXPECT_EQ(open, 2 * kEach);
  EXPECT_EQ(begun, 0U);
}

TEST_P(Transfer, NothingIsTakenOfADamagedStream) {
  BalancerBed from(variant(), both());
  converse(from);
  std::string stream = from.exported();
  stream[stream.size() - 30] = static_cast<char>(stream[stream.size() - 30] ^ 1);
  BalancerBed to(other(), both());
  EXPECT_FALSE(to.import(stream));
  EXPECT_EQ(to.connections(), 0U);
}

}  // namespace
}  // namespace millrace::testing
