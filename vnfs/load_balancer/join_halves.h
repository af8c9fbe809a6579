// SPDX-License-Identifier: BSD-3-Clause
// The connections that SYN cookies opened (syn_guard.h): the client's half is there, the backend's is to
// come.
//
// While the backend has not answered, whatever the client says again asks it again. When it refuses, the
// client gets its reset; when it keeps silent for the time a handshake may take, one of ours. Both count as
// failed handshakes. Afterwards the numbers of the backend's half are translated both ways.
#pragma once

#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

// Before Forward: packets still have the addresses they came with.
struct JoinHalves {
  static constexpr std::string_view kName = "join_halves";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& /*policy*/) const noexcept {
    return (state.proxied & batch.live_mask()) != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void ask_again(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void take_word(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void join(core::Batch& batch, core::Packet& packet) noexcept;
  void from_client(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void from_backend(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
};

// The TCP header inside an ICMP error about a connection that a cookie opened, as the error's receiver knows
// it. `direction` is the error's; of the header `present` bytes are there.
void translate_quoted(std::uint8_t* header, std::size_t present, Direction direction,
                      const Connection& connection) noexcept;

}  // namespace millrace::load_balancer
