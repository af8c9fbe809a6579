// SPDX-License-Identifier: BSD-3-Clause
// What a packet changes in its session. Data path.
#pragma once

#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// RFC 6146 section 3.5.2.2 and RFC 7857 section 2: a reset makes the connection transitory, and any later
// segment takes that back, so that a forged one does no harm; a reset that comes again keeps nothing open. A
// SYN after both sides have closed begins anew.
inline void track_tcp(BindingTable& bindings, Session& session, SessionIndex index, std::uint8_t flags,
                      Direction direction, const Policy& policy, Tick now) noexcept {
  using namespace net::tcp_flag;
  using namespace tcp_seen;
  const bool outward = direction == Direction::kForward;
  const std::uint8_t before = session.tcp;
  std::uint8_t seen = before;
  if ((flags & kRst) != 0) {
    if ((before & kReset) != 0) return;
    seen |= kReset;
  } else {
    seen = static_cast<std::uint8_t>(seen & ~kReset);
    if ((flags & kSyn) != 0) {
      if ((seen & kFins) == kFins) seen = 0;
      seen |= outward ? kSynOut : kSynIn;
    }
    if ((flags & kFin) != 0) seen |= outward ? kFinOut : kFinIn;
  }
  session.last_seen = now;
  if (seen == before) return;
  session.tcp = seen;
  bindings.reschedule(index, policy.timeouts, now);
}

// A packet that passes: time, bytes, state.
[[gnu::always_inline]] inline void follow(BindingTable& bindings, Session& session,
                                          const core::Packet& packet, const Policy& policy,
                                          Tick now) noexcept {
  using namespace net::tcp_flag;
  const net::Headers& headers = packet.headers;
  const auto direction = static_cast<Direction>(packet.direction);
  if (headers.protocol == net::protocol::kTcp && !headers.later_fragment()) {
    if (((headers.tcp_flags & (kSyn | kFin | kRst)) | (session.tcp & tcp_seen::kReset)) != 0) [[unlikely]]
      track_tcp(bindings, session, packet.session, headers.tcp_flags, direction, policy, now);
    else
      session.last_seen = now;
  } else if (direction == Direction::kForward) {
    session.last_seen = now;  // RFC 4787 REQ-6: what comes in keeps nothing open
  }
  session.bytes[packet.direction] += packet.ip_length();
}

}  // namespace millrace::nat
