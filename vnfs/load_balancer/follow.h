// SPDX-License-Identifier: BSD-3-Clause
// What a packet changes in its connection. Data path.
#pragma once

#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

// As far as one direction alone tells, where answers do not come by us. A SYN after both sides have closed,
// or after a reset, begins anew.
inline void track_tcp(WorkerState& state, ConnectionIndex index, std::uint8_t flags, Direction direction,
                      const Policy& policy, Tick now) noexcept {
  namespace flag = net::tcp_flag;
  using namespace tcp_seen;
  Connection& connection = state.connections[index];
  const std::uint8_t before = connection.tcp;
  const bool from_client = direction == Direction::kForward;
  std::uint8_t seen = before;
  if ((flags & flag::kRst) != 0) {
    if (!from_client && connection.waits_for_backend()) state.tallies.handshake_failed(connection.backend);
    seen |= static_cast<std::uint8_t>(from_client ? kReset : kReset | kResetIn);
  } else if ((flags & flag::kSyn) != 0) {
    seen |= from_client ? kSynOut : kSynIn;
    if (!from_client) state.tallies.handshake_answered(connection.backend);
  } else if (from_client) {
    seen |= kAckOut;
  }
  if ((flags & flag::kFin) != 0) seen |= from_client ? kFinOut : kFinIn;
  if (seen == before) return;
  connection.tcp = seen;
  if (connection.is_closing() && !connection.has(Connection::kOver)) {
    connection.flags |= Connection::kOver;
    state.tallies.connection_over(connection);
  }
  if (connection.ended_by_backend()) state.limits.over(connection);
  state.connections.reschedule(index, policy.services[connection.service].timeouts, now);
}

// A packet that passes: time, bytes, state.
[[gnu::always_inline]] inline void follow(WorkerState& state, const core::Packet& packet,
                                          const Policy& policy, Tick now) noexcept {
  namespace flag = net::tcp_flag;
  Connection& connection = state.connections[packet.session];
  const net::Headers& headers = packet.headers;
  connection.last_seen = now;
  connection.bytes[packet.direction] += packet.ip_length();
  if (headers.protocol != net::protocol::kTcp || headers.later_fragment()) return;
  const bool opening = (connection.tcp & tcp_seen::kAckOut) == 0;
  if ((headers.tcp_flags & (flag::kSyn | flag::kFin | flag::kRst)) != 0 || opening) [[unlikely]] {
    track_tcp(state, packet.session, headers.tcp_flags, static_cast<Direction>(packet.direction), policy,
              now);
  }
}

}  // namespace millrace::load_balancer
