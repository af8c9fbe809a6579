// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// Which session a packet belongs to: hash all, prefetch all, look up all. An ICMP error is looked up by the
// packet inside it.
struct FindBinding {
  static constexpr std::string_view kName = "find_binding";
  WorkerState& state;

  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  [[nodiscard]] bool look_through(core::Batch& batch, core::Packet& packet, Lookup& lookup,
                                  const Policy& policy) noexcept;
  void look_for_call(const core::Packet& packet, Lookup& lookup) noexcept;
  [[nodiscard]] bool look_inside(core::Batch& batch, core::Packet& packet, Lookup& lookup) noexcept;
};

}  // namespace millrace::nat
