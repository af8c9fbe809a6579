// SPDX-License-Identifier: BSD-3-Clause
// Looks into the sessions that their rule wants inspected: what is found there may end them.
#pragma once

#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

struct Inspect {
  static constexpr std::string_view kName = "inspect";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& /*policy*/) const noexcept {
    return (state.inspected & batch.live_mask()) != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void look(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void copy(const core::Packet& packet, const Session& session, const inspection::Inspection& by,
            std::uint64_t tsc) noexcept;
  void refuse(core::Batch& batch, core::Packet& packet, const inspection::Judgement& judgement) noexcept;
};

}  // namespace millrace::firewall
