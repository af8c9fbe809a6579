// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// Networks of IPv6 that have another prefix outside (RFC 6296): the source of what leaves, the destination of
// what comes in, and both in the packets that ICMP errors are about. Any worker may do it, there is no state.
struct TranslatePrefix {
  static constexpr std::string_view kName = "translate_prefix";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& /*batch*/, const Policy& policy) const noexcept {
    return !policy.mapped_networks.empty();
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  struct Ends;
  void outward(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void inward(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void enter(core::Batch& batch, core::Packet& packet, const MappedNetwork& network, Ends& ends,
             const Policy& policy) noexcept;
  void send(core::Batch& batch, core::Packet& packet, const Ends& ends) noexcept;
  [[nodiscard]] bool map(core::Batch& batch, core::Packet& packet, const MappedNetwork* network, bool outward,
                         net::Ipv6Address& address, std::size_t place) noexcept;
};

}  // namespace millrace::nat
