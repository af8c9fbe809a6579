// SPDX-License-Identifier: BSD-3-Clause
// From an opened ESP packet to the datagram that was sealed, in its own buffer. Data path.
#pragma once

#include "common/core/batch.h"
#include "vnfs/vpn/esp.h"

namespace millrace::vpn {

// Of tunnel mode: the datagram inside, behind the link header that the packet came with. False when it was
// dropped: RFC 4303 section 3.4.4, RFC 6040 section 4.2.
[[nodiscard]] bool take_from_tunnel(core::Batch& batch, core::Packet& packet,
                                    const EspPayload& payload) noexcept;

// Of transport mode: the outer IP header in front of what was sealed. False when it was dropped.
[[nodiscard]] bool take_from_transport(core::Batch& batch, core::Packet& packet,
                                       const EspPayload& payload) noexcept;

}  // namespace millrace::vpn
