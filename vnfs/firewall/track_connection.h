// SPDX-License-Identifier: BSD-3-Clause
// The packet in its session: TCP state and window, counts, the time it was seen.
#pragma once

#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

struct TrackConnection {
  static constexpr std::string_view kName = "track_connection";
  WorkerState& state;

  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  template <bool kSomeUndecided>
  void track(core::Batch& batch, const Policy& policy) noexcept;
  [[nodiscard]] bool waits(const core::Packet& packet, const Session& session, unsigned lane) noexcept;
  void track_tcp(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void settle_tcp(core::Batch& batch, core::Packet& packet, flow::TcpVerdict verdict, flow::TcpState before,
                  const Policy& policy) noexcept;
};

}  // namespace millrace::firewall
