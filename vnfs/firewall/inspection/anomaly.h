// SPDX-License-Identifier: BSD-3-Clause
// Behaviour that is told of: who, what, how strong, and the numbers that say so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/flow/segment.h"
#include "common/net/address.h"
#include "vnfs/firewall/inspection/anomaly_rules.h"
#include "vnfs/firewall/inspection/anomaly_settings.h"

namespace millrace::firewall::inspection {

enum class Severity : std::uint8_t { kMinor, kMajor, kCritical };

// "port_scan", "minor".
[[nodiscard]] std::string_view name(AnomalyKind kind) noexcept;
[[nodiscard]] std::string_view name(Severity severity) noexcept;

struct Fact {
  std::string_view name;  // in_snake_case, of a literal
  double value;
};

struct Anomaly {
  AnomalyKind kind;
  Severity severity;
  double strength;      // the measure in terms of what would just be an anomaly
  net::Prefix subject;  // source or client; of floods the destination
  flow::Segment segment;
  std::uint16_t port = 0;  // kSynFlood, kBruteForce, and kHostSweep of one port
  std::uint8_t protocol = 0;
  std::string domain;  // kDnsTunnel
  std::vector<Fact> evidence;
  std::vector<std::string> examples;  // "198.51.100.7:8443"
  std::string sentence;               // for people
  Tick began;                         // when it was found
  Tick last;                          // when it last went on
};

// `ipv6_source_bits`: of WatchSettings.
[[nodiscard]] Anomaly describe(const Suspicion& suspicion, std::uint8_t ipv6_source_bits);

// Of the domain as it was asked for, in which any byte may be: what is not a letter, digit, '-' or '.' as
// '?'.
[[nodiscard]] std::string printable(std::string_view domain);

}  // namespace millrace::firewall::inspection
