// SPDX-License-Identifier: BSD-3-Clause
// What counts as an anomaly, and what is done about it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/net/address.h"
#include "vnfs/firewall/inspection/activity_history.h"

namespace millrace::firewall::inspection {

enum class AnomalyKind : std::uint8_t {
  kPortScan,
  kHostSweep,
  kSynFlood,
  kUdpFlood,
  kBruteForce,
  kDnsTunnel,
  kCount
};
inline constexpr std::size_t kAnomalyKinds = static_cast<std::size_t>(AnomalyKind::kCount);

struct AnomalyKindSettings {
  bool on = true;
  // What is never an anomaly, however unusual: ports, hosts, sessions or names in each window; of floods,
  // openings a second in the first window, where the others do not count.
  std::array<double, kWindows> floors{};
  std::uint32_t block_for_s = 0;  // 0: the source is not blocked. Floods have no source to block.
};

struct AnomalySettings {
  // By AnomalyKind.
  std::array<AnomalyKindSettings, kAnomalyKinds> kinds = {{
      {.floors = {50, 75, 150}},
      {.floors = {50, 100, 200}},
      {.floors = {200}},
      {.floors = {1000}},
      {.floors = {20, 60, 200}},
      {.floors = {50, 150, 300}},
  }};
  double sensitivity = 1;  // floors are divided by it
  double deviations = 6;   // above the baseline
  std::uint32_t clear_after_s = 60;
  std::size_t most_open = 64;
  std::size_t most_blocked = 1024;
  // Domains below which nobody but their owner answers, so that no tunnel ends there, and whose hosts have
  // long names. In lower case.
  std::vector<std::string> no_tunnels = {"amazonaws.com",  "azure.com",   "cloudfront.net",
                                         "akamaiedge.net", "windows.net", "googlevideo.com",
                                         "ip6.arpa"};
  // An address can be forged: others' name servers and one's own services belong here.
  std::vector<net::Prefix> never_block;

  [[nodiscard]] const AnomalyKindSettings& of(AnomalyKind kind) const noexcept {
    return kinds[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] AnomalyKindSettings& of(AnomalyKind kind) noexcept {
    return kinds[static_cast<std::size_t>(kind)];
  }
};

// Subjects that are remembered at once.
struct HistoryLimits {
  std::uint32_t pairs = 16384;
  std::uint32_t ports = 16384;
  std::uint32_t services = 4096;
  std::uint32_t domains = 1024;
};

}  // namespace millrace::firewall::inspection
