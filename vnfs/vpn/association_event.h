// SPDX-License-Identifier: BSD-3-Clause
// What a worker tells the control thread of an association.
#pragma once

#include <cstdint>

#include "common/net/address.h"
#include "vnfs/vpn/lifetime.h"

namespace millrace::vpn {

struct AssociationEvent {
  enum class Kind : std::uint8_t {
    kSoftLimit,
    kHardLimit,
    kOtherEnds,  // of an inbound one: genuine packets come from `address` and `port`
    kAcquire,    // a packet met a policy of `tunnel` that has no association; from `local` to `address`
  };
  Kind kind = Kind::kSoftLimit;
  bool outbound = false;
  std::uint8_t protocol = 0;
  std::uint16_t port = 0;        // kAcquire: of the remote end
  std::uint16_t local_port = 0;  // kAcquire
  std::uint32_t slot = 0;
  std::uint32_t spi = 0;
  std::uint32_t tunnel = 0;
  net::IpAddress address;
  net::IpAddress local;
};

[[nodiscard]] constexpr AssociationEvent::Kind event_of(Lifetime::Passed passed) noexcept {
  return passed == Lifetime::Passed::kSoft ? AssociationEvent::Kind::kSoftLimit
                                           : AssociationEvent::Kind::kHardLimit;
}

}  // namespace millrace::vpn
