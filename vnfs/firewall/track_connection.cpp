// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/track_connection.h"

#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/tcp_segment.h"

namespace millrace::firewall {
namespace {

using core::Batch;
using core::Packet;
using flow::TcpState;
using flow::TcpVerdict;

constexpr Drop drop_of(TcpVerdict verdict) noexcept {
  switch (verdict) {
    case TcpVerdict::kNotSyn:
      return Drop::kTcpNotSyn;
    case TcpVerdict::kInvalidFlags:
      return Drop::kTcpInvalidFlags;
    case TcpVerdict::kBadOption:
      return Drop::kTcpBadOption;
    case TcpVerdict::kBadAck:
      return Drop::kTcpBadAck;
    case TcpVerdict::kRstOutOfWindow:
      return Drop::kTcpRstOutOfWindow;
    case TcpVerdict::kSynInEstablished:
      return Drop::kTcpSynInEstablished;
    default:
      return Drop::kTcpOutOfWindow;
  }
}

}  // namespace

void TrackConnection::settle_tcp(Batch& batch, Packet& packet, TcpVerdict verdict, TcpState before,
                                 const Policy& policy) noexcept {
  Session& session = state.sessions[packet.session];
  if (verdict ==
      TcpVerdict::kReopen) {  // by the responder: whether it may is for the rules to say, at its next try
    state.sessions.close(packet.session, SessionEnd::kReopened, batch.now);
    batch.drop(packet, Drop::kSessionEnded);
    return;
  }
  if (flow::refused(verdict)) {
    batch.drop(packet, drop_of(verdict));
    // A session that this very segment opened leaves no trace; one that a later packet of the batch opened
    // stays.
    const bool opened_here = before != TcpState::kNone || (state.unsettled >> batch.lane(packet) & 1U) != 0;
    if (session.tcp_state == TcpState::kNone && opened_here)
      state.sessions.close(packet.session, SessionEnd::kClosed, batch.now);
    return;
  }
  if (session.tcp_state == TcpState::kEstablished) {
    if (!session.has(Session::kReplied)) state.watch.answered(session);
    session.flags |= Session::kReplied;
    state.sessions.confirm(packet.session);
  } else if (session.tcp_state >= TcpState::kTimeWait) {
    if (before < TcpState::kTimeWait) state.watch.finished(session);
    state.sessions.finish(packet.session, policy.timeouts, batch.now);
  }
}

// Whatever track_established() left: openings, ends, segments out of window.
void TrackConnection::track_tcp(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  Session& session = state.sessions[packet.session];
  const TcpState before = session.tcp_state;
  const auto direction = static_cast<Direction>(packet.direction);
  TcpVerdict verdict =
      flow::track_tcp(session.tcp, session.tcp_state, tcp_segment(packet), direction, policy.tcp);
  // The connection ended earlier in this very batch (FindSession sees to all others), and its initiator
  // begins anew.
  if (verdict == TcpVerdict::kReopen && direction == Direction::kForward) {
    session.tcp = {};
    session.tcp_state = TcpState::kNone;
    session.flags = static_cast<std::uint8_t>(session.flags & ~Session::kReplied);
    if (session.naming != Naming::kNone) {  // it is another one now: the rules are asked at its next packet
      state.applications.forget(session);
      session.naming = Naming::kNone;
      session.application = 0;
      session.generation = 0;
    }
    verdict = flow::track_tcp(session.tcp, session.tcp_state, tcp_segment(packet), direction, policy.tcp);
  }
  if (verdict != TcpVerdict::kOk || session.tcp_state != before)
    settle_tcp(batch, packet, verdict, before, policy);
  if (verdict == TcpVerdict::kOk) {
    session.count(direction, packet.ip_length());
    session.last_seen = batch.now;
  }
}

// Whether a segment of a session whose application is undecided has to come again: it lies behind bytes that
// have not come yet, or is a SYN with bytes that its receiver may or may not read (RFC 7413). Notes those
// that say nothing new.
bool TrackConnection::waits(const Packet& packet, const Session& session, unsigned lane) noexcept {
  const net::Headers& headers = packet.headers;
  const flow::TcpEndpoint& sender = session.tcp.side[packet.direction];
  if (session.naming != Naming::kUndecided || headers.protocol != net::protocol::kTcp ||
      headers.payload_length() == 0)
    return false;
  if ((headers.tcp_flags & net::tcp_flag::kSyn) != 0) return true;
  if (session.tcp_state == TcpState::kNone) return false;  // picked up in mid-stream
  const std::uint32_t begin = packet.l4_as<net::TcpHeader>().sequence.host();
  if (!flow::detail::sequence_after(begin + headers.payload_length(), sender.end))
    state.repeated |= std::uint64_t{1} << lane;
  return flow::detail::sequence_after(begin, sender.end);
}

template <bool kSomeUndecided>
void TrackConnection::track(Batch& batch, const Policy& policy) noexcept {
  const Tick now = batch.now;
  for (std::uint64_t lanes = batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    Packet& packet = batch[lane];
    if (packet.session == kNoSession) [[unlikely]]
      continue;  // ARP, or an ICMP error about a session
    // Another packet of the batch may have ended the session, or taken its place under pressure.
    if (!state.sessions.flows().holds(packet.session, state.lookups[lane])) [[unlikely]] {
      batch.drop(packet, Drop::kSessionEnded);
      continue;
    }
    Session& session = state.sessions[packet.session];
    const net::Headers& headers = packet.headers;
    const auto direction = static_cast<Direction>(packet.direction);
    if constexpr (kSomeUndecided) {
      if (waits(packet, session, lane)) {
        batch.drop(packet, Drop::kStreamHoles);
        continue;
      }
    }
    if (headers.protocol == net::protocol::kTcp && !headers.later_fragment()) {
      if (headers.more_fragments ||
          !flow::track_established(session.tcp, session.tcp_state, packet.l4_as<net::TcpHeader>(),
                                   headers.payload_length(), direction)) [[unlikely]] {
        track_tcp(batch, packet, policy);
        continue;
      }
    } else if (direction == Direction::kForward) {
      if (session.fresh_packets(Direction::kForward) != 0) state.watch.continued(packet, session.segment());
    } else if (!session.has(Session::kReplied)) [[unlikely]] {
      state.watch.answered(session);
      session.flags |= Session::kReplied;
      state.sessions.confirm(packet.session);
    }
    session.count(direction, packet.ip_length());
    session.last_seen = now;
  }
}

void TrackConnection::process(Batch& batch, const Policy& policy) noexcept {
  if ((state.inspected & batch.live_mask()) == 0) [[likely]]
    return track<false>(batch, policy);
  track<true>(batch, policy);
}

}  // namespace millrace::firewall
