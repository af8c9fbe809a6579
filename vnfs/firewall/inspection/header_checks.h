// SPDX-License-Identifier: BSD-3-Clause
// The parts of a signature that are no bytes: what it asks of the packet and of the session.
#pragma once

#include "vnfs/firewall/inspection/flow_bits.h"
#include "vnfs/firewall/inspection/signature_set.h"

namespace millrace::firewall::inspection {

// Protocol, direction, session and packet; not addresses and ports.
[[nodiscard]] bool packet_holds(const CompiledSignature& signature, const Subject& subject) noexcept;
[[nodiscard]] bool port_holds(const PortSpec& spec, std::uint16_t port) noexcept;

// Whether those are set that it asks for, and those not that it does not want.
[[nodiscard]] bool flow_bits_hold(const CompiledSignature& signature, const FlowBits& bits) noexcept;
// What a match changes.
void change_flow_bits(const CompiledSignature& signature, FlowBits& bits) noexcept;

}  // namespace millrace::firewall::inspection
