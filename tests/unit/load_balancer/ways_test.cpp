// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/ways.h"

#include <gtest/gtest.h>

#include "tests/support/networks.h"

namespace millrace::load_balancer {
namespace {

using core::DomainId;
using core::Network;
using core::NextHopId;

Policy policy_of(const std::vector<std::string>& backends) {
  Policy policy;
  for (const std::string& address : backends)
    policy.backends.push_back({.address = *net::IpAddress::parse(address), .state = Backend::State::kActive});
  return policy;
}

// Hosts 10.0.0.1 to 10.0.0.9 by routes of their own, the n-th through neighbour n + `shift`.
std::shared_ptr<const Network> network_of(unsigned shift) {
  testing::NetworkBuilder builder;
  builder.interface(core::PortId(0), "lan", {"10.1.0.1/24"}).interface(core::PortId(0), "other", {}, 9, 0, 1);
  for (unsigned n = 1; n < 10; ++n) {
    builder.route("10.0.0." + std::to_string(n) + "/32", "lan", testing::neighbor_mac(n + shift).to_string());
    builder.route("10.0.0." + std::to_string(n) + "/32", "other", testing::neighbor_mac(n + 100).to_string());
  }
  return builder.build();
}

// The last byte of the MAC address that the way leads to.
unsigned neighbor(Ways& ways, BackendId id, const Network& network, const Policy& policy,
                  unsigned domain = 0) {
  const NextHopId hop = ways.to(id, DomainId(static_cast<std::uint16_t>(domain)), network, policy);
  return hop.valid() ? network.next_hops[hop.value()].rewrite[5] : 0;
}

TEST(Ways, AreThoseOfTheRoutes) {
  Ways ways;
  const auto network = network_of(0);
  const Policy policy = policy_of({"10.0.0.3", "10.0.0.7"});
  ways.begin(*network, policy);
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(neighbor(ways, 0, *network, policy), 3U);
    EXPECT_EQ(neighbor(ways, 1, *network, policy), 7U);
  }
}

TEST(Ways, FollowTheDomain) {
  Ways ways;
  const auto network = network_of(0);
  const Policy policy = policy_of({"10.0.0.3"});
  ways.begin(*network, policy);
  EXPECT_EQ(neighbor(ways, 0, *network, policy, 1), 103U);
}

TEST(Ways, FollowTheNetwork) {
  Ways ways;
  const Policy policy = policy_of({"10.0.0.3"});
  // Another network in the place of the first: its address says nothing.
  Network network = *network_of(0);
  ways.begin(network, policy);
  EXPECT_EQ(neighbor(ways, 0, network, policy), 3U);
  std::destroy_at(&network);
  std::construct_at(&network, *network_of(40));
  ways.begin(network, policy);
  EXPECT_EQ(neighbor(ways, 0, network, policy), 43U);
}

// A number may be another backend's in the next policy.
TEST(Ways, FollowThePolicy) {
  Ways ways;
  const auto network = network_of(0);
  const Policy before = policy_of({"10.0.0.3"});
  ways.begin(*network, before);
  EXPECT_EQ(neighbor(ways, 0, *network, before), 3U);
  const Policy after = policy_of({"10.0.0.4", "10.0.0.5"});
  ways.begin(*network, after);
  EXPECT_EQ(neighbor(ways, 0, *network, after), 4U);
  EXPECT_EQ(neighbor(ways, 1, *network, after), 5U);
  ways.begin(*network, before);
  EXPECT_EQ(neighbor(ways, 0, *network, before), 3U);
}

TEST(Ways, ThereIsNoneWithoutARoute) {
  Ways ways;
  const auto network = network_of(0);
  const Policy policy = policy_of({"192.0.2.1", "2001:db8::1"});
  ways.begin(*network, policy);
  EXPECT_EQ(neighbor(ways, 0, *network, policy), 0U);
  EXPECT_EQ(neighbor(ways, 1, *network, policy), 0U);
}

}  // namespace
}  // namespace millrace::load_balancer
