// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

// Gives packets to their backends the way the service wants it, and their answers the service's address;
// follows the state of TCP connections.
struct Forward {
  static constexpr std::string_view kName = "forward";
  WorkerState& state;

  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void to_backend(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void to_client(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void full_nat(core::Batch& batch, const Policy& policy) noexcept;
};

}  // namespace millrace::load_balancer
