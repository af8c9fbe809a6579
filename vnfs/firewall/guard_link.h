// SPDX-License-Identifier: BSD-3-Clause
// First stage, with work to do in transparent mode only: what hosts on one link say to each other passes
// between the two ports of a pair, when it can be true. In routed mode all of it goes to the twin before the
// function.
//
//   - ARP: the sender's hardware address is the frame's source, and neither is a group's (RFC 826, RFC 1122).
//   - Neighbour discovery: sent on this link, so the hop limit is 255; unfragmented; well-formed (RFC 4861
//     sections 6.1, 7.1 and 8.1, RFC 6980); no link-layer address in it is a group's.
//   - Other ICMPv6 that stays on the link, listener reports above all: by its addresses.
//   - Frames that are neither ARP nor IP and that the profile lets pass.
//
// These need no rule and no session.
#pragma once

#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

// ICMPv6 that hosts on one link need of each other. Discovery must be credible besides.
[[nodiscard]] bool is_of_the_link(const core::Packet& packet) noexcept;

struct GuardLink {
  static constexpr std::string_view kName = "guard_link";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& /*policy*/) const noexcept {
    return batch.network->forwarding == core::Forwarding::kTransparent;
  }
  // Sets state.link_local, the lanes that the session stages leave alone, and packet.session of those.
  void process(core::Batch& batch, const Policy& policy) noexcept;
};

}  // namespace millrace::firewall
