// SPDX-License-Identifier: BSD-3-Clause
// Why the firewall drops a packet, beyond the core's own reasons.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "common/core/drop_reason.h"

namespace millrace::firewall {

enum class Drop : std::uint8_t {
  kDeniedByRule = core::kFirstFunctionReason,
  kRejectedByRule,
  kDeniedByDefault,
  kRejectedByDefault,
  kPolicyChanged,
  kRuleRateLimit,
  kRuleSessionLimit,
  kSourceRateLimit,
  kSourceSessionLimit,
  kSessionTableFull,
  kSessionEnded,
  kDraining,
  kTcpNotSyn,
  kTcpInvalidFlags,
  kTcpBadOption,
  kTcpOutOfWindow,
  kTcpBadAck,
  kTcpRstOutOfWindow,
  kTcpSynInEstablished,
  kTcpBadCookie,
  kSynCookie,
  kIcmpUnrelated,
  kIcmpBadEmbedded,
  kIcmpUnsolicited,
  kReversePath,
  kSpoofedLocal,
  kFragmentUnmatched,
  kArpSpoofed,
  kNdSpoofed,
  kJoined,
  kInspectionMatch,
  kInspectionRejected,
  kInspectionBlocked,
  kInspectionOverloaded,
  kStreamConflict,
  kStreamHoles,
  kThreatList,
  kBlockedSource,
  kApplication,
  kApplicationOverloaded,
  kCount
};

// In the order of Drop, beginning with its first.
[[nodiscard]] std::span<const core::DropReason> drop_reasons() noexcept;

}  // namespace millrace::firewall
