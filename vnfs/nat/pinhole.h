// SPDX-License-Identifier: BSD-3-Clause
// Lets the other end of a session in to another port of the inside host, for a connection that a message has
// announced. Data path.
#pragma once

#include <optional>

#include "vnfs/nat/alg.h"

namespace millrace::nat {

struct PinholeRequest {
  std::uint16_t inside_port = 0;  // of the session's inside host, wire order
  std::uint8_t protocol = 0;      // TCP or UDP
  Endpoint remote;                // who is let in; port 0: all of its ports
  Tick lifetime = 120'000;        // sessions that were opened by then keep the port
  bool even = false;              // an even port outside, if one is to be had
  std::uint16_t suggested = 0;    // this one, if it is to be had; wire order
};

// The outside end that stands for the inside one, at the session's own outside address: a mapping of the
// profile, or one of the pool's ports with a lease (leases.h). The same request has the same answer while
// that lasts. Nothing when there is none to be had: the session has AlgRecord::kMostPinholes, the subscriber
// all it may have, the pool or a table is full.
[[nodiscard]] std::optional<Endpoint> open_pinhole(const AlgContext& context,
                                                   const PinholeRequest& request) noexcept;

}  // namespace millrace::nat
