// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/profile_claims.h"

#include <algorithm>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::load_balancer::profile {
namespace {

using ::testing::SizeIs;

bool overlap(const Claim& a, const Claim& b) {
  return a.domain == b.domain && a.address == b.address && a.ports.protocol == b.ports.protocol &&
         a.ports.ports.overlaps(b.ports.ports);
}

// The places of those that overlap one before them in the file, by looking at every pair.
std::set<Position> by_pairs(const std::vector<Claim>& claims) {
  std::set<Position> out;
  for (const Claim& a : claims) {
    for (const Claim& b : claims) {
      if (a.at < b.at && overlap(a, b)) out.insert(b.at);
    }
  }
  return out;
}

TEST(LoadBalancerClaims, OverlapsAreThoseOfEveryPair) {
  std::mt19937 random(4);
  const auto below = [&](std::uint32_t end) { return static_cast<std::uint32_t>(random() % end); };
  for (int round = 0; round < 300; ++round) {
    std::vector<Claim> claims;
    for (std::uint32_t i = 1; i <= 2 + below(30); ++i) {
      const auto first = static_cast<std::uint16_t>(1 + below(200));
      const auto last = static_cast<std::uint16_t>(first + below(20));
      claims.push_back({.domain = below(4) == 0 ? "blue" : "default",
                        .address = net::Ipv4Address{be32(0x0a000001 + below(2))},
                        .ports = {static_cast<Protocol>(below(3)), {first, last}},
                        .at = {i, 1 + below(9)}});
    }
    const std::set<Position> wanted = by_pairs(claims);
    std::ranges::shuffle(claims, random);
    std::set<Position> found;
    find_overlaps(claims, [&](const Claim& first, const Claim& second) {
      EXPECT_LT(first.at, second.at);
      EXPECT_TRUE(overlap(first, second));
      EXPECT_TRUE(found.insert(second.at).second) << "said twice of one place";
      return true;
    });
    EXPECT_EQ(found, wanted) << "round " << round;
  }
}

TEST(LoadBalancerClaims, WhatIsOfNoInterestHidesNothing) {
  std::vector<Claim> claims(3);
  for (std::uint32_t i = 0; i < 3; ++i) claims[i].at = {i + 1, 1};
  std::vector<std::pair<std::uint32_t, std::uint32_t>> asked;
  find_overlaps(claims, [&](const Claim& first, const Claim& second) {
    asked.emplace_back(first.at.line, second.at.line);
    return false;
  });
  EXPECT_THAT(asked,
              ::testing::UnorderedElementsAre(std::pair(1U, 2U), std::pair(1U, 3U), std::pair(2U, 3U)));
}

TEST(LoadBalancerClaims, AServiceClaimsItsPortsOrAll) {
  Service service;
  const Located<net::IpAddress> address{.value = net::Ipv4Address{be32(0x0a000001)}, .at = {7, 9}};
  std::vector<Claim> claims;
  add_claims(service, address, std::nullopt, claims);
  ASSERT_THAT(claims, SizeIs(3));  // all of TCP, UDP and SCTP
  for (const Claim& one : claims) {
    EXPECT_TRUE(one.ports.all());
    EXPECT_EQ(one.at, address.at);
    EXPECT_EQ(one.domain, "default");
  }

  service.ports = {{{Protocol::kTcp, {80, 80}}, {3, 1}}, {{Protocol::kTcp, {443, 443}}, {3, 2}}};
  claims.clear();
  add_claims(service, address, std::nullopt, claims);
  ASSERT_THAT(claims, SizeIs(2));
  EXPECT_EQ(claims[1].ports, (ServicePorts{Protocol::kTcp, {443, 443}}));
  EXPECT_EQ(claims[1].at, (Position{3, 2}));

  claims.clear();
  add_claims(service, address, 8080, claims);
  ASSERT_THAT(claims, SizeIs(1));  // both ports are this one behind the service
  EXPECT_EQ(claims[0].ports, (ServicePorts{Protocol::kTcp, {8080, 8080}}));
  EXPECT_EQ(claims[0].at, address.at);
}

}  // namespace
}  // namespace millrace::load_balancer::profile
