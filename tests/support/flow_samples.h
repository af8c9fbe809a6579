// SPDX-License-Identifier: BSD-3-Clause
// Records for the tests of the flow log: every number differs, so that one in the wrong place shows.
#pragma once

#include <vector>

#include "common/control/flow_log/flow_record.h"

namespace millrace::control::testing {

// 2024-05-01 12:00:00.250750 UTC, after the epoch in microseconds.
inline constexpr std::int64_t kEventMicroseconds = 1'714'564'800'250'750;
inline constexpr std::int64_t kStartMilliseconds = 1'714'564'790'100;
inline constexpr std::int64_t kNewStartMilliseconds = 1'714'564'795'150;
inline constexpr std::int64_t kLastMilliseconds = 1'714'564'799'200;

[[nodiscard]] FlowRecord tcp_ended();    // IPv4, 192.0.2.10:40001 -> 198.51.100.20:443, by idle timeout
[[nodiscard]] FlowRecord udp6_ended();   // IPv6, 2001:db8:1::10:5353 -> 2001:db8:2::20:53, forced
[[nodiscard]] FlowRecord ping_ended();   // ICMP echo, 192.0.2.11 -> 198.51.100.21
[[nodiscard]] FlowRecord ping6_ended();  // ICMPv6 echo
[[nodiscard]] FlowRecord tcp_opened();   // the beginning of tcp_ended()
[[nodiscard]] FlowRecord tcp_updated();  // tcp_ended() while it goes on, and not for the first time
[[nodiscard]] FlowRecord udp_denied();   // IPv4, one packet of 88 bytes
[[nodiscard]] std::vector<FlowRecord> one_of_each();

}  // namespace millrace::control::testing
