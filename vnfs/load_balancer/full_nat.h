// SPDX-License-Identifier: BSD-3-Clause
// Forwarding by full_nat: the backend sees an address and a port of ours as the client, so that its answers
// come here wherever its routes lead. Data path.
#pragma once

#include "vnfs/load_balancer/deltas.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

struct FullNat {
  WorkerState& state;

  // Gives a connection that begins with this packet a source and its deltas; a reason when it can not have
  // one. `begun` knows its key.
  [[nodiscard]] std::optional<Drop> begin(const core::Packet& packet, const Service& service,
                                          const Backend& backend, Connection& begun) noexcept;
  // Of a connection that has a source.
  void forward(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;

 private:
  // What a packet shows on the other side.
  struct Face {
    PacketEnds ends;
    std::uint16_t ip_delta;
    std::uint16_t transport_delta;
  };

  [[nodiscard]] bool is_still(const core::Batch& batch, const core::Packet& packet) const noexcept;
  void tell(core::Batch& batch, core::Packet& packet, const core::NextHop& hop, bool crosses,
            const Policy& policy) noexcept;
  void pass(core::Batch& batch, core::Packet& packet, const Policy& policy, const Face& face) noexcept;
  void to_backend(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void to_client(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
};

}  // namespace millrace::load_balancer
