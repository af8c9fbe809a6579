// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// Gives packets of sessions their other addresses and ports, and a way out; follows the state of TCP
// connections.
struct Translate {
  static constexpr std::string_view kName = "translate";
  WorkerState& state;

  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void translate(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
};

}  // namespace millrace::nat
