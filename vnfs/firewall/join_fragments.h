// SPDX-License-Identifier: BSD-3-Clause
// Datagrams of sessions that are looked into come whole to those who look: a fragment waits for the others.
#pragma once

#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

struct JoinFragments {
  static constexpr std::string_view kName = "join_fragments";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& /*policy*/) const noexcept {
    return (state.inspected & batch.live_mask()) != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void join(core::Batch& batch, core::Packet& packet) noexcept;
};

}  // namespace millrace::firewall
