// SPDX-License-Identifier: BSD-3-Clause
// GET /v1/vpn/tunnels: what an operator calls a tunnel, whoever agreed on its keys. Control thread.
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <vector>

#include "common/core/network.h"
#include "vnfs/vpn/associations.h"
#include "vnfs/vpn/charon_control.h"

namespace millrace::vpn {

// Tunnels with keys of the profile, by their names in its order, then connections: each with its peers, and
// their pairs of associations. `charon` is null without key exchange.
[[nodiscard]] boost::json::array tunnel_report(const Associations& in_force, const core::Network& network,
                                               const std::vector<std::string>& profile_tunnels,
                                               const CharonControl* charon, Tick now);

}  // namespace millrace::vpn
