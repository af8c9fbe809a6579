// SPDX-License-Identifier: BSD-3-Clause
// Packets of overlays, byte by byte as the RFCs draw them; nothing of common/net is used for that.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/support/packet_builder.h"

namespace millrace::testing {

// The header and what follows it, as the payload of a UDP datagram, or of GRE's IP datagram.
[[nodiscard]] std::vector<std::uint8_t> vxlan(std::uint32_t vni, const Frame& inside);
[[nodiscard]] std::vector<std::uint8_t> vxlan_gpe(std::uint32_t vni, std::uint8_t next_protocol,
                                                  const Frame& inside);
[[nodiscard]] std::vector<std::uint8_t> geneve(std::uint32_t vni, std::uint16_t protocol, const Frame& inside,
                                               const std::vector<std::uint8_t>& options = {});

// A frame whose UDP datagram is an overlay's, without what only tells one flow from another: source port,
// flow label, and so the checksum. The port is in the dynamic range (RFC 6335), a checksum right, where it is
// not zero; else the frame comes back as it is. Other frames come back as they are.
[[nodiscard]] Frame without_flow(Frame frame);

}  // namespace millrace::testing
