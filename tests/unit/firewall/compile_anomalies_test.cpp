// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/compile_anomalies.h"

#include <gtest/gtest.h>

#include "common/control/profile/section.h"

namespace millrace::firewall {
namespace {

using inspection::AnomalyKind;
using inspection::AnomalySettings;
using inspection::WatchSettings;

profile::Section section(const std::string& anomalies, const std::string& more = "") {
  const auto whole = control::parse_profile(profile::schema(),
                                            "vnf: firewall\nname: fw\nports: {p: {device: net_null0}}\n"
                                            "interfaces: {a: {port: p}}\nfirewall:\n" +
                                                more + "  anomalies: " + anomalies + "\n",
                                            "fw.yaml", control::no_files());
  if (!whole) throw std::runtime_error(whole.error().to_string());
  return whole->own;
}

// The reference page of the profile gives these numbers, and the detector's tests are about those.
TEST(CompileAnomalies, DefaultsAreThoseOfWatchAndDetector) {
  const auto own = section("{}");
  EXPECT_EQ(watch_settings(*own.anomalies), WatchSettings{});
  const AnomalySettings made = anomaly_settings(*own.anomalies, own);
  const AnomalySettings wanted;
  for (std::size_t kind = 0; kind < inspection::kAnomalyKinds; ++kind) {
    EXPECT_EQ(made.kinds[kind].on, wanted.kinds[kind].on) << kind;
    EXPECT_EQ(made.kinds[kind].floors, wanted.kinds[kind].floors) << kind;
    EXPECT_EQ(made.kinds[kind].block_for_s, 0U) << kind;
  }
  EXPECT_EQ(made.sensitivity, wanted.sensitivity);
  EXPECT_EQ(made.deviations, wanted.deviations);
  EXPECT_EQ(made.clear_after_s, wanted.clear_after_s);
  EXPECT_EQ(made.most_open, wanted.most_open);
  EXPECT_EQ(made.most_blocked, wanted.most_blocked);
  EXPECT_EQ(made.no_tunnels, wanted.no_tunnels);
  EXPECT_TRUE(made.never_block.empty());
}

TEST(CompileAnomalies, WhatTheProfileSays) {
  const auto own = section(R"({
    except: ["@own", 192.0.2.1-192.0.2.3, "2001:db8::/32"], sensitivity: high, deviations: 9, clear_after: 5m,
    ipv6_source: 56, most_open: 7, most_blocked: 8,
    port_scan: {above: {10s: 1, 5m: 2, 1h: 3}, action: block, block_for: 90s},
    host_sweep: {action: ignore}, syn_flood: {above: 600/min}, udp_flood: {action: ignore},
    brute_force: {ports: [22, 2222], shorter_than: 5s, at_least_bytes: 10, at_most_bytes: 20, action: block},
    dns_tunnel: {action: alarm, domains_without: example.org}})",
                           "  groups: {own: [198.51.100.0/24]}\n");
  WatchSettings watch;
  watch.login_ports = {22, 2222};
  watch.short_ms = 5000;
  watch.login_bytes = 10;
  watch.short_bytes = 20;
  watch.ipv6_source_bits = 56;
  EXPECT_EQ(watch_settings(*own.anomalies), watch);
  const AnomalySettings made = anomaly_settings(*own.anomalies, own);
  EXPECT_EQ(made.of(AnomalyKind::kPortScan).floors, (std::array<double, 3>{1, 2, 3}));
  EXPECT_EQ(made.of(AnomalyKind::kPortScan).block_for_s, 90U);
  EXPECT_FALSE(made.of(AnomalyKind::kHostSweep).on);
  EXPECT_EQ(made.of(AnomalyKind::kSynFlood).floors[0], 10);
  EXPECT_FALSE(made.of(AnomalyKind::kUdpFlood).on);
  EXPECT_EQ(made.of(AnomalyKind::kBruteForce).block_for_s, 600U);
  EXPECT_EQ(made.of(AnomalyKind::kDnsTunnel).block_for_s, 0U);
  EXPECT_EQ(made.sensitivity, 2);
  EXPECT_EQ(made.deviations, 9);
  EXPECT_EQ(made.clear_after_s, 300U);
  EXPECT_EQ(made.most_open, 7U);
  EXPECT_EQ(made.most_blocked, 8U);
  EXPECT_EQ(made.no_tunnels, std::vector<std::string>{"example.org"});
  const auto never = [&](const char* text) {
    return std::ranges::any_of(made.never_block, [&](const net::Prefix& prefix) {
      return prefix.contains(*net::IpAddress::parse(text));
    });
  };
  for (const char* source : {"198.51.100.9", "192.0.2.1", "192.0.2.3", "2001:db8:7::1"})
    EXPECT_TRUE(never(source));
  for (const char* source : {"198.51.101.9", "192.0.2.4", "2001:db9::1"}) EXPECT_FALSE(never(source));
}

}  // namespace
}  // namespace millrace::firewall
