// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

// ICMP errors about balanced packets: to whom the packet inside them came from, with that packet as its
// sender knows it. A too-big for what a backend sent reaches that backend (RFC 1191, RFC 8201).
struct ForwardErrors {
  static constexpr std::string_view kName = "forward_errors";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& /*policy*/) const noexcept {
    return (state.related & batch.live_mask()) != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void forward(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
};

}  // namespace millrace::load_balancer
