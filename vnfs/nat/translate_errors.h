// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// ICMP errors about sessions: to whom the packet inside them came from, with that packet as its sender knows
// it (RFC 5508 section 4). They neither keep a session nor end one.
struct TranslateErrors {
  static constexpr std::string_view kName = "translate_errors";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& /*policy*/) const noexcept {
    return (state.related & ~state.mixed & batch.live_mask()) != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void translate(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
};

}  // namespace millrace::nat
