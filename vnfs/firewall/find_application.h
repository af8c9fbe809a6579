// SPDX-License-Identifier: BSD-3-Clause
// Finds out the applications of sessions that were let in until theirs is known, and asks the rules again
// then (ruling.h). It looks at what passed TCP tracking and only there: segments behind a hole do not pass
// before the application is settled (TrackConnection), so that the receiver has no bytes that were not looked
// at.
#pragma once

#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

struct FindApplication {
  static constexpr std::string_view kName = "find_application";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& policy) const noexcept {
    return policy.asks_applications && (state.inspected & batch.live_mask()) != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void look(core::Batch& batch, core::Packet& packet, Session& session, const Policy& policy) noexcept;
  void rule(core::Batch& batch, core::Packet& packet, Session& session, const Policy& policy) noexcept;
  [[nodiscard]] Bytes in_one_piece(const core::Packet& packet) noexcept;
};

}  // namespace millrace::firewall
