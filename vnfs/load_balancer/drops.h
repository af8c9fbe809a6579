// SPDX-License-Identifier: BSD-3-Clause
// Why the load balancer drops a packet, beside the core's own reasons.
#pragma once

#include <cstdint>
#include <span>

#include "common/core/drop_reason.h"

namespace millrace::load_balancer {

enum class Drop : std::uint8_t {
  kNoBackend = core::kFirstFunctionReason,
  kUnknownConnection,
  kBackendGone,
  kServiceGone,
  kConnectionEnded,
  kDraining,
  kIcmpUnrelated,
  kIcmpBadEmbedded,
  kIcmpBadChecksum,
  kSpoofed,
  kFragmentUnmatched,
  kNoHeadroom,
  kNoTunnelSource,
  kTunnelError,
  kTunnelTooBig,
  kTunnelPathMtu,
  kClientConnections,
  kClientRate,
  kServiceConnections,
  kNoSourcePort,
  kNoRecord,
  kNoPorts,
  kNotAnAnswer,
  kUntranslatable,
  kSynCookie,
  kTcpBadOption,
  kBadCookie,
  kBadHandshake,
  kBackendSilent,
  kTableFull,
  kCount
};

// In the order of Drop.
[[nodiscard]] std::span<const core::DropReason> drop_reasons() noexcept;

}  // namespace millrace::load_balancer
