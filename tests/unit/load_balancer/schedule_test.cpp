// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/schedule.h"

#include <algorithm>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

namespace millrace::load_balancer {
namespace {

// With as many slots as backends, in order.
Service service_of(BackendId backends) {
  std::vector<BackendId> slots(backends);
  std::iota(slots.begin(), slots.end(), BackendId{0});
  Service service;
  service.present = true;
  service.slots = std::make_shared<const std::vector<BackendId>>(std::move(slots));
  return service;
}

Client client_of(std::uint32_t host, std::uint16_t port) {
  return {.address = net::Ipv4Address{be32(host)},
          .port = be16(port),
          .service_port = be16(443),
          .protocol = net::protocol::kTcp};
}

TEST(Schedule, TheHashChoosesASlotInProportion) {
  const Service service = service_of(5);
  EXPECT_EQ(choose_by_hash(service, 0), 0);
  EXPECT_EQ(choose_by_hash(service, ~std::uint64_t{0}), 4);
  // The fifth part of all hashes ends here.
  constexpr std::uint64_t kFifth = ~std::uint64_t{0} / 5;
  EXPECT_EQ(choose_by_hash(service, kFifth), 0);
  EXPECT_EQ(choose_by_hash(service, kFifth + 1), 1);
  EXPECT_EQ(choose_by_hash(service_of(0), 1), kNoId);
}

// Chi-square of clients that differ in little: 999 degrees of freedom, exceeded by chance once in a million.
TEST(Schedule, TheHashSpreadsClientsOfAllKinds) {
  constexpr BackendId kBackends = 1'000;
  constexpr double kLimit = 1'228;
  const Service service = service_of(kBackends);
  const auto chi_square = [&](const auto& client) {
    constexpr std::uint32_t kClients = 200'000;
    std::vector<double> count(kBackends);
    for (std::uint32_t i = 0; i < kClients; ++i)
      ++count[choose_by_hash(service, hash_of(client(i), service, 7))];
    double sum = 0;
    constexpr double kExpected = double{kClients} / kBackends;
    for (const double had : count) sum += (had - kExpected) * (had - kExpected) / kExpected;
    return sum;
  };
  EXPECT_LT(chi_square([](std::uint32_t i) { return client_of(0x0a000000 + i, 4'000); }), kLimit);
  EXPECT_LT(chi_square([](std::uint32_t i) { return client_of(0x0a000000 + (i << 8), 4'000); }), kLimit);
  EXPECT_LT(chi_square([](std::uint32_t i) {
              return client_of(0x0a000001 + (i >> 15), static_cast<std::uint16_t>(i << 1));
            }),
            kLimit);
  EXPECT_LT(chi_square([](std::uint32_t i) {
              Client client = client_of(0, 4'000);
              net::Ipv6Address address{.bytes = {0x20, 0x01, 0x0d, 0xb8}};
              const be32 word(i);
              std::memcpy(address.bytes.data() + 8, &word, sizeof word);
              client.address = address;
              return client;
            }),
            kLimit);
}

TEST(Schedule, TheHashIsOfTheWholeConnection) {
  const Service service = service_of(10);
  const Client client = client_of(0x0a000001, 4'000);
  const std::uint64_t hash = hash_of(client, service, 1);
  EXPECT_EQ(hash_of(client, service, 1), hash);
  EXPECT_NE(hash_of(client, service, 2), hash);
  Client other = client;
  other.port = be16(4'001);
  EXPECT_NE(hash_of(other, service, 1), hash);
  other = client;
  other.service_port = be16(80);
  EXPECT_NE(hash_of(other, service, 1), hash);
  other = client;
  other.protocol = net::protocol::kUdp;
  EXPECT_NE(hash_of(other, service, 1), hash);
  other = client;
  other.address = net::Ipv4Address{be32(0x0a000002)};
  EXPECT_NE(hash_of(other, service, 1), hash);
}

TEST(Schedule, BySourceAndByClientTheAddressAloneCounts) {
  for (const bool by_client : {true, false}) {
    Service service = service_of(10);
    service.by_client = by_client;
    if (!by_client) service.scheduler = Scheduler::kSourceHash;
    EXPECT_TRUE(service.is_consistent());
    Client other = client_of(0x0a000001, 5'000);
    other.service_port = be16(80);
    other.protocol = net::protocol::kUdp;
    EXPECT_EQ(hash_of(other, service, 1), hash_of(client_of(0x0a000001, 4'000), service, 1));
    EXPECT_NE(hash_of(client_of(0x0a000002, 4'000), service, 1),
              hash_of(client_of(0x0a000001, 4'000), service, 1));
  }
}

TEST(Schedule, TurnsGoRound) {
  const Service service = service_of(3);
  std::uint32_t turn = 2;
  for (const int expected : {2, 0, 1, 2, 0}) EXPECT_EQ(choose_in_turn(service, turn), expected);
  EXPECT_EQ(choose_in_turn(service_of(0), turn), kNoId);
}

// As the sentence says: for each the connections it would have, divided by its weight; the least, the first
// of equals.
TEST(Schedule, TheFewestConnectionsForTheWeight) {
  std::mt19937 random(3);
  Tallies tallies(0);
  for (int round = 0; round < 2'000; ++round) {
    Service service;
    for (BackendId i = 0; i < 1 + round % 20; ++i) {
      service.choices.push_back({i, 1 + static_cast<std::uint32_t>(random()) % (round % 3 == 0 ? 3 : 100)});
      tallies.backend(i).open.set(random() % (round % 2 == 0 ? 5 : 100'000));
    }
    std::ranges::shuffle(service.choices, random);
    const auto load = [&](const Choice& choice) {
      return static_cast<long double>(tallies.backend(choice.backend).open.read() + 1) / choice.weight;
    };
    const auto expected = std::ranges::min_element(service.choices, {}, load);
    ASSERT_EQ(choose_least(service, tallies), expected->backend);
  }
  EXPECT_EQ(choose_least(Service{}, tallies), kNoId);
}

}  // namespace
}  // namespace millrace::load_balancer
