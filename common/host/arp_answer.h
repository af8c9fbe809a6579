// SPDX-License-Identifier: BSD-3-Clause
// ARP for addresses that the function answers for and no interface has: the kernel, which knows none of them,
// says nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/reader.h"
#include "common/core/network.h"
#include "common/net/wire.h"

namespace millrace::host {

using ArpFrame = std::array<std::uint8_t, sizeof(net::EthernetHeader) + sizeof(net::ArpHeader)>;

// The reply of `interface` to an untagged frame that came in by it (RFC 826); nothing when it is no request,
// or for another address.
[[nodiscard]] std::optional<ArpFrame> arp_answer(Bytes frame, core::InterfaceId interface,
                                                 const core::Network& network);

}  // namespace millrace::host
