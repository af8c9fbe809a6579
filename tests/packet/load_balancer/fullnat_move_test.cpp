// SPDX-License-Identifier: BSD-3-Clause
// Connections by full_nat when the number of workers changes: ports and records go together.
#include <set>

#include "tests/packet/load_balancer/balancer_bed.h"
#include "vnfs/load_balancer/transfer_connections.h"

namespace millrace::testing {
namespace {

using load_balancer::Drop;
using load_balancer::SourceAddress;

struct Begun {
  std::uint16_t client_port;
  Seen there;
};

std::vector<core::Worker*> workers_of(BalancerBed& bed) {
  std::vector<core::Worker*> workers;
  for (unsigned i = 0; i < bed.bed().workers(); ++i) workers.push_back(&bed.bed().worker(i));
  return workers;
}

std::uint64_t hand_over(BalancerBed& before, BalancerBed& after) {
  const std::shared_ptr<const core::Policy> policy(std::shared_ptr<void>(), &after.policy());
  return load_balancer::move_connections(workers_of(before), workers_of(after), {nullptr, policy});
}

std::vector<Begun> begin_some(BalancerBed& bed, unsigned count) {
  std::vector<Begun> begun;
  for (std::uint16_t i = 0; i < count; ++i) {
    const auto port = static_cast<std::uint16_t>(4000 + i);
    auto there = bed.one(kClients, BalancerBed::from_client(kClient, kService).tcp(port, 80).flags("S"));
    if (there) begun.push_back({port, std::move(*there)});
  }
  EXPECT_EQ(begun.size(), count);
  return begun;
}

PacketBuilder reply_to(const Seen& there) {
  return BalancerBed::from_backend(there.destination, there.source)
      .tcp(there.destination_port, there.source_port)
      .flags("A");
}

class FullNatMove : public ::testing::TestWithParam<std::pair<unsigned, unsigned>> {};

TEST_P(FullNatMove, AnswersReachTheConnectionsThatMoved) {
  auto service = full_nat_service();
  service.timeouts.tcp_closing = 1'000;
  BalancerBed before({.burst = 32, .workers = GetParam().first}, {.services = {service}});
  const auto begun = begin_some(before, 60);
  BalancerBed after({.burst = 32, .workers = GetParam().second},
                    {.services = {service}, .sources = before.sources()});
  EXPECT_EQ(hand_over(before, after), 0U);
  EXPECT_EQ(after.connections(), begun.size());
  std::set<std::uint16_t> ports;
  for (const Begun& one : begun) {
    ports.insert(one.there.source_port);
    const auto back = after.one(kBackends, reply_to(one.there));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->destination_port, one.client_port);
    const auto again =
        after.one(kClients, BalancerBed::from_client(kClient, kService).tcp(one.client_port, 80).flags("A"));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->ends(), one.there.ends());
  }
  // Those that begin have other ports, and all of them come back.
  for (std::uint16_t i = 0; i < 60; ++i) {
    const auto there =
        after.one(kClients, BalancerBed::from_client("192.0.2.8", kService).tcp(4000 + i, 80).flags("S"));
    ASSERT_TRUE(there);
    EXPECT_TRUE(ports.insert(there->source_port).second);
    ASSERT_TRUE(after.one(kBackends, reply_to(*there).flags("RA")));
  }
  for (const Begun& one : begun) ASSERT_TRUE(after.one(kBackends, reply_to(one.there).flags("RA")));
  after.wait(5'000);  // each round of a worker's loop ends a few
  EXPECT_EQ(after.connections(), 0U);
  EXPECT_EQ((*after.sources())[0].free_runs(), SourceAddress::kRuns);
}

TEST_P(FullNatMove, WhatFindsNoRoomGivesItsPortBack) {
  auto service = full_nat_service();
  service.timeouts.tcp_closing = 1'000;
  BalancerBed before({.burst = 32, .workers = GetParam().first}, {.services = {service}});
  const auto begun = begin_some(before, 60);
  BalancerBed after({.burst = 32, .workers = GetParam().second},
                    {.services = {service}, .sources = before.sources()}, 10);
  const std::uint64_t lost = hand_over(before, after);
  EXPECT_EQ(lost, begun.size() - after.connections());
  EXPECT_GT(lost, 0U);
  EXPECT_LE(after.connections(), 10U * GetParam().second);
  std::size_t kept = 0;
  for (const Begun& one : begun) {
    const std::uint64_t dropped = after.dropped(Drop::kNotAnAnswer);
    const std::size_t passed = after.pass(kBackends, {reply_to(one.there).flags("RA")}).size();
    EXPECT_EQ(after.dropped(Drop::kNotAnAnswer) - dropped, 1 - passed);
    kept += passed;
  }
  EXPECT_EQ(kept, after.connections());
  after.wait(5'000);  // each round of a worker's loop ends a few
  EXPECT_EQ((*after.sources())[0].free_runs(), SourceAddress::kRuns);
}

INSTANTIATE_TEST_SUITE_P(Each, FullNatMove,
                         ::testing::Values(std::pair(1U, 2U), std::pair(2U, 1U), std::pair(2U, 3U)));

}  // namespace
}  // namespace millrace::testing
