// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

// Gives packets to the backends of `ipip`, `gre` and `gue` services inside packets of our own, from the
// address of the interface they leave by. Backends answer their clients directly; answers that come by us
// nevertheless pass as they are.
//
// What does not fit its tunnel: the client of a datagram that may not be cut is told what does (RFC 1191,
// RFC 8201); of another one the outer datagram is cut, whatever its family, for that is what RFC 2003 and RFC
// 2473 section 7 ask for. SYNs are held to the segments that fit.
struct Encapsulate {
  static constexpr std::string_view kName = "encapsulate";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& policy) const noexcept {
    return !policy.tunnels.empty() && ((state.bound | state.to_tunnel) & batch.live_mask()) != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void to_backend(core::Batch& batch, unsigned lane, const TunnelWay& way, const Policy& policy) noexcept;
  void to_client(core::Batch& batch, unsigned lane, const TunnelWay& way, const Policy& policy) noexcept;
  [[nodiscard]] bool prepare(core::Batch& batch, core::Packet& packet, const TunnelWay& to,
                             const net::TunnelHeader& tunnel, std::uint16_t mss) noexcept;
  void add_fragment_header(core::Batch& batch, core::Packet& packet, std::uint16_t mtu) noexcept;
};

}  // namespace millrace::load_balancer
