// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/net/translate_header.h"
#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// Packets of sessions between an IPv6 host inside and an IPv4 host outside (RFC 6146): the other family's
// headers by RFC 7915, and errors about such packets.
struct TranslateFamily {
  static constexpr std::string_view kName = "translate_family";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& policy) const noexcept {
    return policy.nat64 && (state.mixed & batch.live_mask()) != 0;
  }
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void to_ipv4(core::Batch& batch, core::Packet& packet, Session& session, const Policy& policy) noexcept;
  void to_ipv6(core::Batch& batch, core::Packet& packet, Session& session, const Policy& policy) noexcept;
  void error_to_ipv4(core::Batch& batch, core::Packet& packet, const Session& session,
                     const Policy& policy) noexcept;
  void error_to_ipv6(core::Batch& batch, core::Packet& packet, const Session& session,
                     const Policy& policy) noexcept;
  // It has no counterpart: RFC 7915 sections 4.4 and 5.4.
  void refuse(core::Batch& batch, core::Packet& packet) noexcept;
  [[nodiscard]] net::Ipv6Ends inside_ends(const Session& session, const Policy& policy) const noexcept;
};

}  // namespace millrace::nat
