// SPDX-License-Identifier: BSD-3-Clause
// IPv6 neighbour discovery for addresses that the function answers for and no interface has: the kernel,
// which knows none of them, says nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/reader.h"
#include "common/core/network.h"
#include "common/net/wire.h"

namespace millrace::host {

// RFC 4861 section 4.4, with the target's link-layer address.
struct NeighborAdvertisement {
  net::IcmpHeader icmp;  // its last word: flags
  net::Ipv6Address target;
  std::uint8_t option;
  std::uint8_t option_length;  // in units of 8 bytes
  net::MacAddress mac;
};
using NeighborFrame = std::array<std::uint8_t, sizeof(net::EthernetHeader) + sizeof(net::Ipv6Header) +
                                                   sizeof(NeighborAdvertisement)>;

// The advertisement of `interface` for an untagged frame that came in by it; nothing when it is no valid
// solicitation (RFC 4861 section 7.1.1), or for another address.
[[nodiscard]] std::optional<NeighborFrame> neighbor_answer(Bytes frame, core::InterfaceId interface,
                                                           const core::Network& network);

}  // namespace millrace::host
