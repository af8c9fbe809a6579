// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about packets that were put into a tunnel: routers send them to where the outer packet came
// from, which is us. What a client can do something about is said to it again, about its own packet (RFC 2003
// section 4, RFC 2473 section 8). It all stands in the error, so that any worker can answer it. Data path.
#pragma once

#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

// False, and nothing done, when the error is about none of our tunnels' packets. Else it was dropped, by the
// name of what was done about it.
[[nodiscard]] bool answer_tunnel_error(core::Batch& batch, core::Packet& error, const Policy& policy,
                                       WorkerState& state) noexcept;

}  // namespace millrace::load_balancer
