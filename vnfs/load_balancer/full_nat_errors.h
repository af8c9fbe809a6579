// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors about packets that were forwarded by full_nat. Data path.
#pragma once

#include "vnfs/load_balancer/cross_family.h"

namespace millrace::load_balancer {

// Gives them, and the packet inside them, to whom that packet came from, as it was sent.
struct FullNatErrors {
  WorkerState& state;

  // `packet` is about a connection that has a source.
  void forward(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;

 private:
  [[nodiscard]] static CrossFamily::Error as_seen(const core::Packet& packet, const Connection& connection,
                                                  const Backend& backend) noexcept;
  static void write(const core::Packet& packet, const net::Headers& inner, const Connection& connection,
                    const CrossFamily::Error& error) noexcept;
};

}  // namespace millrace::load_balancer
