// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/backend_change.h"

#include "tests/unit/load_balancer/profile_fixture.h"

namespace millrace::load_balancer {
namespace {

class BackendChange : public ::testing::Test {
 protected:
  profile::Whole whole = *profile::parse_section(
      "  services:\n"
      "    - {name: web, address: 203.0.113.80, ports: [tcp/80], backends: [{address: 10.0.0.11}, {address: "
      "10.0.0.12}]}\n"
      "    - {name: alt, address: 203.0.113.81, ports: [tcp/80], backends: [{address: 10.0.0.21}]}\n"
      "    - {name: two, address: 203.0.113.82, ports: [tcp/80, tcp/443], backends: [{address: 10.0.0.31}]}\n"
      "    - {name: near, address: 203.0.113.83, ports: [tcp/80], forwarding: direct, backends: [{address: "
      "10.0.0.11}]}\n"
      "    - {name: six, address: \"2001:db8:9::1\", ports: [tcp/80], backends: [{address: "
      "\"2001:db8:2::9\"}]}\n");
  LivePools live;
  std::vector<BackendKey> in_force;

  static BackendKey key(const std::string& service, std::string_view address, std::uint16_t port = 0) {
    return {service, *net::IpAddress::parse(address), port};
  }
  // Empty when it may be.
  std::string wrong(const std::string& service, std::string_view address, std::uint16_t port = 0,
                    bool remove = false) {
    control::BackendChange change;
    change.service = service;
    change.address = *net::IpAddress::parse(address);
    change.port = port;
    change.remove = remove;
    const auto checked = check_change(whole.own, whole.common, live, in_force, change);
    if (checked) return {};
    EXPECT_EQ(checked.error().where, "backend");
    return checked.error().reason;
  }
};

TEST_F(BackendChange, AHostThatTheServiceCanReach) {
  EXPECT_EQ(wrong("web", "10.0.0.13"), "");
  EXPECT_EQ(wrong("web", "10.0.0.13", 8080), "");
  EXPECT_EQ(wrong("web", "10.1.2.3"), "");
  EXPECT_EQ(wrong("near", "10.0.0.13"), "");
  EXPECT_EQ(wrong("six", "2001:db8:2::10"), "");
}

TEST_F(BackendChange, OneThatIsThereMayBeChangedAndAnyTakenAway) {
  EXPECT_EQ(wrong("web", "10.0.0.11"), "");
  EXPECT_EQ(wrong("web", "127.0.0.1", 0, true), "");
}

TEST_F(BackendChange, WhatTheProfileCouldNotSayEither) {
  using ::testing::HasSubstr;
  EXPECT_THAT(wrong("web", "127.0.0.1"), HasSubstr("give the address of a host"));
  EXPECT_THAT(wrong("web", "203.0.113.80"), HasSubstr("is the address of service 'web'"));
  EXPECT_THAT(wrong("web", "10.0.0.1"), HasSubstr("the appliance's own address"));
  EXPECT_THAT(wrong("web", "10.0.0.11", 80), HasSubstr("is a backend of the service already, in line 14"));
  EXPECT_THAT(wrong("web", "2001:db8:2::10"), HasSubstr("it must be of IPv4"));
  EXPECT_THAT(wrong("web", "192.0.2.1"), HasSubstr("no route of domain 'default' leads to 192.0.2.1"));
  EXPECT_THAT(wrong("near", "10.1.2.3"), HasSubstr("is on no subnet of domain"));
  EXPECT_THAT(wrong("near", "10.0.0.13", 8080), HasSubstr("does not rewrite it"));
  EXPECT_THAT(wrong("two", "10.0.0.32", 8080),
              HasSubstr("answers from port 8080 could be for any of 2 ports"));
}

// With nat on both an answer could be for either: the policy could not be compiled from then on.
TEST_F(BackendChange, TheSamePortBehindTwoServices) {
  using ::testing::HasSubstr;
  EXPECT_THAT(wrong("web", "10.0.0.21"), HasSubstr("is behind service 'alt' as well (line 15)"));
  EXPECT_EQ(wrong("web", "10.0.0.21", 8080), "");
  // One that the API has added.
  live.overrides[key("alt", "10.0.0.41", 8080)].added = true;
  EXPECT_THAT(wrong("web", "10.0.0.41", 8080), HasSubstr("is behind service 'alt' as well, and"));
  EXPECT_EQ(wrong("alt", "10.0.0.41", 8080), "");
  // One that was taken away and is gone, then one that still has connections.
  live.overrides[key("alt", "10.0.0.21")].removed = true;
  EXPECT_EQ(wrong("web", "10.0.0.21"), "");
  in_force = {key("alt", "10.0.0.21")};
  EXPECT_THAT(wrong("web", "10.0.0.21"), HasSubstr("is behind service 'alt' as well, and"));
  EXPECT_EQ(wrong("alt", "10.0.0.21"), "");
}

TEST_F(BackendChange, AServiceThatIsNotThereIsForOthersToRefuse) { EXPECT_EQ(wrong("wep", "10.0.0.13"), ""); }

}  // namespace
}  // namespace millrace::load_balancer
