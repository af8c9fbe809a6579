// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>

#include "common/core/batch.h"
#include "common/core/network.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/policy.h"

namespace millrace::firewall {

// Why the source of a packet that would begin a session can not be its own; nothing when it may (RFC 3704
// sections 2.2 and 2.4). An address of the appliance itself is never a source on the wire. With kLoose there
// must be a route back that leads to somewhere; with kStrict by the interface the packet came in by. In
// transparent mode there are no routes and nothing is refused.
[[nodiscard]] std::optional<Drop> refuse_source(const core::Packet& packet, const core::Network& network,
                                                ReversePath reverse_path) noexcept;

}  // namespace millrace::firewall
