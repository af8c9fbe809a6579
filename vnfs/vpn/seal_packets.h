// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/vpn/policy.h"
#include "vnfs/vpn/worker_state.h"

namespace millrace::vpn {

// Puts packets into ESP. After it they are outer datagrams on their way to the other end of their tunnel.
struct SealPackets {
  static constexpr std::string_view kName = "seal";

  [[nodiscard]] bool needed(const core::Batch& /*batch*/, const Policy& /*policy*/) const noexcept {
    return state.to_seal != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

  WorkerState& state;

 private:
  void prefetch_all() noexcept;
  [[nodiscard]] bool prepare(core::Batch& batch, core::Packet& packet, const Outbound& association,
                             const Way& way, const Policy& policy) noexcept;
  [[nodiscard]] bool seal(core::Batch& batch, core::Packet& packet, const Outbound& association,
                          const Way& way, const Policy& policy, unsigned operation) noexcept;
  void cut_aggregate(core::Batch& batch, core::Packet& packet, const Outbound& association,
                     unsigned segment) noexcept;
  void cut_datagram(core::Batch& batch, core::Packet& packet, const Outbound& association,
                    std::uint16_t room) noexcept;
  void seal_tunnel(core::Batch& batch, core::Packet& packet, const Outbound& association, const Way& way,
                   DontFragment dont_fragment, unsigned operation) noexcept;
  void add_fragment_header(core::Batch& batch, core::Packet& packet, std::uint16_t mtu) noexcept;
  [[nodiscard]] bool seal_transport(core::Batch& batch, core::Packet& packet, const Outbound& association,
                                    unsigned operation) noexcept;
  void watch(const Outbound& association, unsigned bytes, Tick now) noexcept;
};

}  // namespace millrace::vpn
