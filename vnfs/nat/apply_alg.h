// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/nat/alg.h"
#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// Packets of sessions that have an ALG's record: their messages get outside addresses and ports, TCP segments
// the sequence numbers that go with those. They still have the addresses they arrived with.
struct ApplyAlg {
  static constexpr std::string_view kName = "apply_alg";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& /*policy*/) const noexcept {
    return (state.watched & batch.live_mask()) != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void apply(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void apply_tcp(core::Batch& batch, core::Packet& packet, const AlgContext& context) noexcept;
  void apply_tunnel(const core::Packet& packet, const Session& session) noexcept;
  void apply_udp(core::Batch& batch, core::Packet& packet, const AlgContext& context) noexcept;
};

}  // namespace millrace::nat
