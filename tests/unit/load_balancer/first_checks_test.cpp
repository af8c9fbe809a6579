// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/first_checks.h"

#include <gtest/gtest.h>

#include "tests/support/networks.h"

namespace millrace::load_balancer::test {
namespace {

using namespace std::chrono_literals;
using testing::NetworkBuilder;

const core::PortId kOutside{0};
const core::PortId kInside{1};

TEST(FirstChecks, GoWhenThePortOfEveryInterfaceIsUp) {
  const auto network = NetworkBuilder()
                           .interface(kOutside, "wan", {"192.0.2.1/24"})
                           .interface(kInside, "lan", {"10.0.0.1/24"})
                           .build();
  EXPECT_TRUE(first_checks_may_go(*network, 0s));
}

TEST(FirstChecks, WaitForTheLastPort) {
  const auto network = NetworkBuilder()
                           .interface(kOutside, "wan", {"192.0.2.1/24"})
                           .interface(kInside, "lan", {"10.0.0.1/24"})
                           .port_down()
                           .build();
  EXPECT_FALSE(first_checks_may_go(*network, 0s));
  EXPECT_FALSE(first_checks_may_go(*network, kLongestHold - 1ms));
}

TEST(FirstChecks, DoNotWaitForeverForALink) {
  const auto network = NetworkBuilder().interface(kInside, "lan", {"10.0.0.1/24"}).port_down().build();
  EXPECT_TRUE(first_checks_may_go(*network, kLongestHold));
}

TEST(FirstChecks, DoNotWaitForAnInterfaceThatIsNoMore) {
  const auto network = NetworkBuilder().interface(kInside, "lan", {"10.0.0.1/24"}).removed("was").build();
  EXPECT_TRUE(first_checks_may_go(*network, 0s));
}

}  // namespace
}  // namespace millrace::load_balancer::test
