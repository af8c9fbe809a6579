// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/compile_anomalies.h"

#include <algorithm>
#include <chrono>

namespace millrace::firewall {
namespace {

using inspection::AnomalyKind;
using inspection::AnomalyKindSettings;

std::uint32_t seconds_of(profile::Milliseconds time) {
  return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

AnomalyKindSettings lower(const profile::SourceAnomaly& kind) {
  AnomalyKindSettings lowered;
  lowered.on = kind.action != profile::AnomalyAction::kIgnore;
  const profile::AnomalyCounts& above = *kind.above;
  lowered.floors = {static_cast<double>(above.ten_seconds), static_cast<double>(above.five_minutes),
                    static_cast<double>(above.hour)};
  if (kind.action == profile::AnomalyAction::kBlock)
    lowered.block_for_s = seconds_of(kind.block_for.value.value_or(profile::SourceAnomaly::kBlockFor));
  return lowered;
}

AnomalyKindSettings lower(const profile::FloodAnomaly& kind) {
  AnomalyKindSettings lowered;
  lowered.on = kind.action != profile::AnomalyAction::kIgnore;
  lowered.floors = {kind.above.per_second()};
  return lowered;
}

double lower(profile::Sensitivity sensitivity) {
  switch (sensitivity) {
    case profile::Sensitivity::kLow:
      return 0.5;
    case profile::Sensitivity::kHigh:
      return 2;
    case profile::Sensitivity::kNormal:
      break;
  }
  return 1;
}

}  // namespace

inspection::WatchSettings watch_settings(const profile::Anomalies& anomalies) {
  static_assert(profile::BruteForce::kMostPorts == inspection::WatchSettings::kMostLoginPorts);
  const profile::BruteForce& logins = anomalies.brute_force;
  inspection::WatchSettings settings;
  settings.login_ports = {};
  const std::size_t ports = std::min(logins.ports->size(), settings.login_ports.size());
  std::copy_n(logins.ports->begin(), ports, settings.login_ports.begin());
  settings.short_ms = static_cast<std::uint32_t>(logins.shorter_than.count());
  settings.short_bytes = logins.at_most_bytes;
  settings.login_bytes = *logins.at_least_bytes;
  settings.ipv6_source_bits = anomalies.ipv6_source;
  return settings;
}

inspection::AnomalySettings anomaly_settings(const profile::Anomalies& anomalies,
                                             const profile::Section& groups) {
  inspection::AnomalySettings settings;
  settings.of(AnomalyKind::kPortScan) = lower(anomalies.port_scan);
  settings.of(AnomalyKind::kHostSweep) = lower(anomalies.host_sweep);
  settings.of(AnomalyKind::kSynFlood) = lower(anomalies.syn_flood);
  settings.of(AnomalyKind::kUdpFlood) = lower(anomalies.udp_flood);
  settings.of(AnomalyKind::kBruteForce) = lower(anomalies.brute_force.source);
  settings.of(AnomalyKind::kDnsTunnel) = lower(anomalies.dns_tunnel.source);
  settings.sensitivity = lower(anomalies.sensitivity);
  settings.deviations = static_cast<double>(anomalies.deviations);
  settings.clear_after_s = seconds_of(anomalies.clear_after);
  settings.most_open = anomalies.most_open;
  settings.most_blocked = anomalies.most_blocked;
  settings.no_tunnels = anomalies.dns_tunnel.domains_without;
  for (const auto& term : anomalies.except) {
    const profile::Group* group = term->group.empty() ? nullptr : groups.group(term->group);
    const std::vector<net::Prefix>& prefixes = group == nullptr ? term->prefixes : group->prefixes;
    settings.never_block.insert(settings.never_block.end(), prefixes.begin(), prefixes.end());
  }
  return settings;
}

}  // namespace millrace::firewall
