// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/live_pools.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "common/core/network.h"

namespace millrace::load_balancer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Clock::time_point kNow{seconds(1'000)};

net::IpAddress backend_host(unsigned last) {
  return *net::IpAddress::parse("10.0.0." + std::to_string(last));
}

profile::Backend backend(unsigned last, std::uint32_t weight = 1) {
  profile::Backend made;
  made.address.value = backend_host(last);
  made.weight = weight;
  return made;
}

class LivePoolsTest : public ::testing::Test {
 protected:
  LivePoolsTest() {
    network_.domains.push_back({.name = "default", .routes = {}});
    profile::Service service;
    service.name.value = "web";
    service.address.value = *net::IpAddress::parse("203.0.113.80");
    service.backends = {backend(11), backend(12, 3)};
    section_.services.push_back(std::move(service));
  }

  profile::Service& service() { return section_.services[0]; }
  static BackendKey key(unsigned last) { return {"web", backend_host(last), 0}; }

  // As in force, after what was there before.
  BackendSpec spec_of(unsigned last, Clock::time_point now = kNow,
                      const std::vector<BackendKey>& before = {}) {
    const auto services = services_now(section_, live_, before, network_, now);
    EXPECT_TRUE(services);
    for (const BackendSpec& spec : services->at(0).backends) {
      if (spec.address == backend_host(last)) return spec;
    }
    return {.address = backend_host(last), .weight = 0, .state = Backend::State::kAbsent};
  }
  Backend::State state_of(unsigned last, Clock::time_point now = kNow,
                          const std::vector<BackendKey>& before = {}) {
    return spec_of(last, now, before).state;
  }
  void check_health() { service().health.emplace(); }

  profile::Section section_;
  LivePools live_;
  core::Network network_;
};

TEST_F(LivePoolsTest, WithoutChecksAllAreActive) {
  EXPECT_EQ(state_of(11), Backend::State::kActive);
  EXPECT_EQ(spec_of(12).weight, 3 * spec_of(11).weight);
}

TEST_F(LivePoolsTest, ADomainThatIsNotThereIsAnError) {
  service().domain.value = "blue";
  const auto services = services_now(section_, live_, {}, network_, kNow);
  ASSERT_FALSE(services);
  EXPECT_NE(services.error().message().find("blue"), std::string::npos);
}

// Nothing is known at the very beginning; later on a new backend has to show that it works.
TEST_F(LivePoolsTest, UnknownHealthIsGoodOnlyWhereNothingIsKnown) {
  check_health();
  EXPECT_EQ(state_of(11), Backend::State::kActive);
  live_.health[key(12)] = LivePools::Health::kUp;
  EXPECT_EQ(state_of(11), Backend::State::kDown);
  EXPECT_EQ(state_of(12), Backend::State::kActive);
  live_.health[key(11)] = LivePools::Health::kUp;
  EXPECT_EQ(state_of(11), Backend::State::kActive);
  live_.health[key(11)] = LivePools::Health::kDown;
  EXPECT_EQ(state_of(11), Backend::State::kDown);
}

TEST_F(LivePoolsTest, AnEjectedBackendIsDownForItsTime) {
  live_.ejected[key(11)] = kNow + seconds(10);
  EXPECT_EQ(state_of(11), Backend::State::kDown);
  EXPECT_EQ(state_of(11, kNow + seconds(10)), Backend::State::kActive);
  EXPECT_EQ(next_change(section_, live_, kNow), kNow + seconds(10));
}

// From a tenth to the whole in ten steps.
TEST_F(LivePoolsTest, ASlowStartGrowsByTenths) {
  service().slow_start = milliseconds(10'000);
  const std::uint32_t whole = spec_of(12).weight;
  live_.up_since[key(12)] = kNow;
  EXPECT_EQ(spec_of(12).weight * 10, whole);
  EXPECT_EQ(spec_of(12, kNow + milliseconds(999)).weight * 10, whole);
  EXPECT_EQ(spec_of(12, kNow + milliseconds(1'000)).weight * 10, 2 * whole);
  EXPECT_EQ(spec_of(12, kNow + milliseconds(5'500)).weight * 10, 6 * whole);
  EXPECT_EQ(spec_of(12, kNow + milliseconds(9'000)).weight, whole);
  EXPECT_EQ(spec_of(12, kNow + milliseconds(60'000)).weight, whole);
  EXPECT_EQ(next_change(section_, live_, kNow), kNow + milliseconds(1'000));
  EXPECT_EQ(next_change(section_, live_, kNow + milliseconds(1'500)), kNow + milliseconds(2'000));
  EXPECT_EQ(next_change(section_, live_, kNow + milliseconds(10'000)), std::nullopt);
}

TEST_F(LivePoolsTest, WhatIsTakenAwayDrainsAsLongAsTheServiceSays) {
  service().drain = seconds(30);
  const std::vector<BackendKey> before{key(11), key(12), key(13)};
  // The policy that first is without it.
  EXPECT_EQ(state_of(13, kNow, before), Backend::State::kDraining);
  EXPECT_EQ(spec_of(13, kNow, before).weight, 0U);
  live_.leaving[key(13)] = kNow + seconds(30);
  EXPECT_EQ(state_of(13, kNow + seconds(29), before), Backend::State::kDraining);
  EXPECT_EQ(next_change(section_, live_, kNow), kNow + seconds(30));
  EXPECT_EQ(state_of(13, kNow + seconds(30), before), Backend::State::kAbsent);
  // Of another service, it is none of this one's business.
  EXPECT_EQ(state_of(14, kNow, {{"mail", backend_host(14), 0}}), Backend::State::kAbsent);
}

TEST_F(LivePoolsTest, WithoutDrainWhatIsTakenAwayIsGone) {
  service().drain = milliseconds(0);
  EXPECT_EQ(state_of(13, kNow, {key(13)}), Backend::State::kAbsent);
}

TEST_F(LivePoolsTest, TheOperatorsWordStands) {
  live_.overrides[key(11)] = {.draining = true};
  live_.overrides[key(12)] = {.weight = 9};
  live_.overrides[key(13)] = {.added = true, .weight = 2};
  EXPECT_EQ(state_of(11), Backend::State::kDraining);
  EXPECT_EQ(spec_of(12).weight * 2, 9 * spec_of(13).weight);
  EXPECT_EQ(state_of(13), Backend::State::kActive);
  live_.overrides[key(12)] = {.removed = true};
  EXPECT_EQ(state_of(12), Backend::State::kAbsent);
}

TEST_F(LivePoolsTest, TheProfilesBackendComesBeforeAFoundOneOfThatAddress) {
  live_.discovered["web"] = {backend(12, 7), backend(13, 7)};
  EXPECT_EQ(spec_of(12).weight * 7, 3 * spec_of(13).weight);
  const auto wanted = wanted_backends(service(), live_);
  EXPECT_EQ(wanted.size(), 3U);
}

TEST_F(LivePoolsTest, TheLastResortIsActiveWhenNobodyElseIs) {
  check_health();
  service().last_resort = backend(99);
  live_.health[key(11)] = LivePools::Health::kUp;
  live_.health[key(12)] = LivePools::Health::kDown;
  EXPECT_EQ(state_of(99), Backend::State::kDown);
  live_.health[key(11)] = LivePools::Health::kDown;
  EXPECT_EQ(state_of(99), Backend::State::kActive);
}

}  // namespace
}  // namespace millrace::load_balancer
