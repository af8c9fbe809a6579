// SPDX-License-Identifier: BSD-3-Clause
// Why the NAT gateway drops a packet, beside the core's own reasons.
#pragma once

#include <cstdint>
#include <span>

#include "common/core/drop_reason.h"

namespace millrace::nat {

enum class Drop : std::uint8_t {
  kNoRule = core::kFirstFunctionReason,
  kNotTranslated,
  kNoBinding,
  kFiltered,
  kPoolExhausted,
  kSubscriberPorts,
  kSubscriberSessions,
  kSessionTableFull,
  kSubscriberTableFull,
  kUnsupportedProtocol,
  kUntranslatable,
  kTcpNotSyn,
  kTcpInvalidFlags,
  kIcmpBadChecksum,
  kIcmpBadEmbedded,
  kIcmpUnrelated,
  kIcmpUnsolicited,
  kFragmentUnmatched,
  kSpoofed,
  kHairpinOff,
  kPolicyChanged,
  kSessionEnded,
  kDraining,
  kPortControl,
  kPortControlMalformed,
  kAlgPartial,
  kAlgNoRoom,
  kAlgChanged,
  kCount
};

// In the order of Drop.
[[nodiscard]] std::span<const core::DropReason> drop_reasons() noexcept;

}  // namespace millrace::nat
