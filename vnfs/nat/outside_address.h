// SPDX-License-Identifier: BSD-3-Clause
// One address that subscribers share in the outside world, and whose each of its ports is.
#pragma once

#include <cstdint>
#include <optional>

#include "common/core/shared_address.h"

namespace millrace::nat {

using core::AddressId;
using core::kNoAddress;
using core::kPortSpaces;
using core::PortSpace;

// Nothing for a protocol whose ports a NAT can not choose.
[[nodiscard]] constexpr std::optional<PortSpace> port_space(std::uint8_t protocol) noexcept {
  if (protocol == net::protocol::kTcp) return PortSpace::kTcp;
  if (protocol == net::protocol::kUdp) return PortSpace::kUdp;
  if (protocol == net::protocol::kIcmp) return PortSpace::kIcmp;
  return std::nullopt;
}

// The holder of a run is a subscriber: it has a block of ports (records.h).
class OutsideAddress final : public core::SharedAddress {
 public:
  OutsideAddress(net::Ipv4Address address, std::uint16_t domain, AddressId id)
      : SharedAddress(address, domain, id) {}

  [[nodiscard]] net::Ipv4Address address() const noexcept { return SharedAddress::address().v4(); }
};

}  // namespace millrace::nat
