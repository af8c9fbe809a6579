// SPDX-License-Identifier: BSD-3-Clause
// What the profile says of anomalies of behaviour.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/control/profile/section.h"
#include "common/control/profile/units.h"
#include "vnfs/firewall/profile_inspection.h"

namespace millrace::firewall::profile {

using control::Milliseconds;
using control::Rate;

enum class AnomalyAction : std::uint8_t { kIgnore, kAlarm, kBlock };
enum class Sensitivity : std::uint8_t { kLow, kNormal, kHigh };

// Counts in the last ten seconds, five minutes and hour.
struct AnomalyCounts {
  std::uint64_t ten_seconds = 0;
  std::uint64_t five_minutes = 0;
  std::uint64_t hour = 0;
};

// What a source does.
struct SourceAnomaly {
  Located<AnomalyCounts> above;
  AnomalyAction action = AnomalyAction::kAlarm;
  Located<std::optional<Milliseconds>> block_for{};  // kBlock only; empty: kBlockFor

  static constexpr Milliseconds kBlockFor{600'000};
};

// What happens to a service: there is no one source to block.
struct FloodAnomaly {
  Rate above;
  AnomalyAction action = AnomalyAction::kAlarm;
};

struct BruteForce {
  SourceAnomaly source{.above = {.value = {20, 60, 200}, .at = {}}};
  Located<std::vector<std::uint16_t>> ports{.value = {21, 22, 23, 465, 587, 3389}, .at = {}};
  Milliseconds shorter_than{15'000};
  Located<std::uint64_t> at_least_bytes{.value = 800, .at = {}};
  std::uint64_t at_most_bytes = 8'000;

  static constexpr std::size_t kMostPorts = 8;
};

struct DnsTunnel {
  SourceAnomaly source{.above = {.value = {50, 150, 300}, .at = {}}};
  std::vector<std::string> domains_without = {"amazonaws.com",  "azure.com",   "cloudfront.net",
                                              "akamaiedge.net", "windows.net", "googlevideo.com",
                                              "ip6.arpa"};
};

struct Anomalies {
  AddressTerms except;
  Sensitivity sensitivity = Sensitivity::kNormal;
  std::uint64_t deviations = 6;
  Milliseconds clear_after{60'000};
  std::uint8_t ipv6_source = 64;  // bits of a prefix
  std::uint64_t most_open = 64;
  std::uint64_t most_blocked = 1024;
  SourceAnomaly port_scan{.above = {.value = {50, 75, 150}, .at = {}}};
  SourceAnomaly host_sweep{.above = {.value = {50, 100, 200}, .at = {}}};
  FloodAnomaly syn_flood{.above = {.count = 200}};
  FloodAnomaly udp_flood{.above = {.count = 1000}};
  BruteForce brute_force;
  DnsTunnel dns_tunnel;
};

[[nodiscard]] std::shared_ptr<const control::Struct<Anomalies>> anomalies_table();

// What does not fit together, but for the names in `except`.
void check_anomalies(const Anomalies& anomalies, control::Diagnostics& diagnostics);

}  // namespace millrace::firewall::profile
