// SPDX-License-Identifier: BSD-3-Clause
// Why the VPN gateway drops a packet, beside the core's own reasons.
#pragma once

#include <cstdint>
#include <span>

#include "common/core/drop_reason.h"

namespace millrace::vpn {

enum class Drop : std::uint8_t {
  kUnknownSpi = core::kFirstFunctionReason,
  kReplayed,
  kForged,
  kEspTruncated,
  kEspPadding,
  kInnerMalformed,
  kInnerUnexpected,
  kInnerRefused,
  kInnerCongestion,
  kDummy,
  kKeepalive,
  kLifetimeOver,
  kNumbersUsedUp,
  kClearText,
  kDiscarded,
  kNoAssociation,
  kTunnelDown,
  kNoWay,
  kNoHeadroom,
  kNoTailroom,
  kTransportUnfit,
  kPathMtu,
  kJoined,
  kCount
};

// In the order of Drop.
[[nodiscard]] std::span<const core::DropReason> drop_reasons() noexcept;

}  // namespace millrace::vpn
