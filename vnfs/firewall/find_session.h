// SPDX-License-Identifier: BSD-3-Clause
// Which session is the packet of? Known, new, or accepted by another policy than the present one.
#pragma once

#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

struct FindSession {
  static constexpr std::string_view kName = "find_session";
  WorkerState& state;

  // Sets packet.session and packet.direction where a session is found, state.lookups for all, and the lanes
  // of state.unsettled. ICMP errors are found by the packet inside them, and dropped when there is no such
  // session.
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  [[nodiscard]] bool look_inside(core::Batch& batch, core::Packet& packet, flow::FlowLookup& lookup) noexcept;
  void enter_wires(core::Batch& batch, std::uint64_t lanes) noexcept;
  [[nodiscard]] bool reopens(const core::Packet& packet, const Session& session, flow::Sender sender,
                             const Policy& policy) const noexcept;
  void relate(core::Batch& batch, core::Packet& packet) noexcept;
  void settle(core::Packet& packet, unsigned lane, const Policy& policy, Tick now) noexcept;
};

}  // namespace millrace::firewall
