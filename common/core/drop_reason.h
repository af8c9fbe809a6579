// SPDX-License-Identifier: BSD-3-Clause
// Why a packet was dropped: a number for the data path, a name for counters, a sentence for people.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::core {

inline constexpr unsigned kMaxDropReasons = 128;
inline constexpr std::uint8_t kFirstFunctionReason = 64;  // the core's reasons come before

enum class Drop : std::uint8_t {
  kNone,
  kNoInterface,
  kInterfaceDown,
  kShortFrame,
  kTooManyTags,
  kUnknownType,
  kBadArp,
  kBadIpv4Header,
  kBadIpv4Length,
  kBadIpv4Checksum,
  kBadIpv4Options,
  kBadIpv6Header,
  kBadIpv6Length,
  kBadIpv6Extension,
  kBadFragment,
  kShortTransport,
  kBadTcpHeader,
  kBadUdpLength,
  kBadTransportChecksum,
  kNotForUs,
  kMartianSource,
  kMartianDestination,
  kLand,
  kMulticast,
  kLinkBroadcast,
  kFragmentOverlap,
  kFragmentDuplicate,
  kFragmentTiny,
  kFragmentInvalid,
  kFragmentTableFull,
  kFragmentTimeout,
  kFragmentRefused,
  kOverlayHeader,
  kOverlayFragment,
  kOverlayUnknown,
  kOverlayPayload,
  kOverlayChecksum,
  kOverlayControl,
  kOverlayOption,
  kOverlayCongestion,
  kServiceHeader,
  kServicePath,
  kServiceIndex,
  kServiceOam,
  kServiceMetadata,
  kServicePayload,
  kPoliced,
  kNoRoute,
  kBlackhole,
  kProhibited,
  kTtlExceeded,
  kPacketTooBig,
  kNeighborUnresolved,
  kOwnerRingFull,
  kHostRingFull,
  kTransmitRingFull,
  kTransmitFailed,
  kPortDown,
  kNoMemory,
  kShutdown,
  kCount
};

struct DropReason {
  std::uint8_t id;
  std::string_view name;      // snake_case, a metric label
  std::string_view sentence;  // what happened and, where there is one, what to do
  bool shortage = false;      // the appliance's own: no room, or too slow. Its beginning and end are logged
};

// All the core's reasons, in the order of Drop; a function (firewall, NAT...) has a list of its own.
[[nodiscard]] std::span<const DropReason> core_drop_reasons() noexcept;

}  // namespace millrace::core
