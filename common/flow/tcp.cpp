// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/tcp.h"

#include <algorithm>

namespace millrace::flow {

namespace {

using namespace net::tcp_flag;
using detail::ack_in_window;
using detail::sequence_after;
using detail::sequence_in_window;
using detail::window_of;

constexpr std::uint8_t kMaxScale = 14;           // RFC 7323 section 2.3
constexpr std::uint16_t kPickedUpWindow = 1024;  // times 1 << 14: 16 MiB for a side not heard yet

// One segment against one connection: the two ends named from the segment's point of view.
struct Step {
  TcpTrack& track;
  TcpState& state;
  const TcpSegment& segment;
  const TcpSettings& settings;
  Direction direction;
  TcpEndpoint& self;
  TcpEndpoint& peer;
  std::uint32_t end;

  Step(TcpTrack& t, TcpState& s, const TcpSegment& g, Direction d, const TcpSettings& o) noexcept
      : track(t),
        state(s),
        segment(g),
        settings(o),
        direction(d),
        self(t.side[static_cast<std::uint8_t>(d)]),
        peer(t.side[static_cast<std::uint8_t>(opposite(d))]),
        end(g.sequence + g.payload_length + (g.has(kSyn) ? 1U : 0U) + (g.has(kFin) ? 1U : 0U)) {}

  [[nodiscard]] bool from_initiator() const noexcept { return direction == Direction::kForward; }
  // During the opening: it acknowledges the other's SYN, and nothing the other has not sent.
  [[nodiscard]] bool acks_the_syn() const noexcept {
    return segment.has(kAck) && segment.acknowledgment - self.max_ack <= peer.end - self.max_ack;
  }
};

TcpState state_after_fins(const TcpTrack& track, TcpState now) noexcept {
  const std::uint8_t first = track.side[0].flags;
  const std::uint8_t second = track.side[1].flags;
  if ((first & second & tcp_side::kFinSent) != 0) {
    return (first & second & tcp_side::kFinAcked) != 0 ? TcpState::kTimeWait : TcpState::kLastAck;
  }
  if ((first & tcp_side::kFinSent) != 0) return TcpState::kFinWait;
  if ((second & tcp_side::kFinSent) != 0) return TcpState::kCloseWait;
  return now;
}

void note_fin(TcpEndpoint& self, const TcpEndpoint& peer) noexcept {
  if ((self.flags & tcp_side::kFinSent) != 0) return;
  self.flags |= tcp_side::kFinSent;
  if ((peer.flags & tcp_side::kFinSent) == 0) self.flags |= tcp_side::kFinFirst;
}

// RFC 9293 section 3.10.7.3 for SYN-SENT, RFC 5961 section 3.2 for the rest.
TcpVerdict track_reset(Step& step) noexcept {
  const TcpSegment& segment = step.segment;
  if (step.state == TcpState::kSynSent) {
    if (step.from_initiator()) {
      // Not exact: it may answer the bare ACK of a server that still holds an older connection.
      if (segment.sequence != step.self.end) return TcpVerdict::kChallenge;
    } else if (!step.acks_the_syn()) {
      return TcpVerdict::kRstOutOfWindow;
    }
    step.state = TcpState::kClosed;
    return TcpVerdict::kOk;
  }
  const bool opening = step.state == TcpState::kSynSent2 || step.state == TcpState::kSynReceived;
  // Exact is what the receiver expects next: what it last acknowledged, or what has passed here since.
  if (segment.sequence == step.peer.max_ack || segment.sequence == step.self.end ||
      (opening && step.acks_the_syn())) {
    step.state = TcpState::kClosed;
    return TcpVerdict::kOk;
  }
  const bool in_window = segment.sequence - step.peer.max_ack <= window_of(step.peer) + 1;
  return in_window ? TcpVerdict::kChallenge : TcpVerdict::kRstOutOfWindow;
}

void begin_side(Step& step, const TcpOptions& options) noexcept {
  const bool scaled = options.has_window_scale;
  step.self.end = step.end;
  step.self.max_window = step.segment.window;
  step.self.scale = 0;
  step.self.flags = static_cast<std::uint8_t>((scaled ? tcp_side::kScaleOffered : 0) |
                                              (options.sack_permitted ? tcp_side::kSackPermitted : 0));
  if (scaled) step.self.scale = options.window_scale;
  step.peer.max_ack = step.segment.sequence + 1;
}

// RFC 7323 section 2.2: scaling holds when both offered it, and the window in a SYN is never scaled. To be
// called when a segment is not a SYN: the first whose window is scaled.
void settle_scale(TcpTrack& track) noexcept {
  if ((track.side[0].flags & tcp_side::kScaleSettled) != 0) return;
  const bool scaled = (track.side[0].flags & track.side[1].flags & tcp_side::kScaleOffered) != 0;
  for (TcpEndpoint& side : track.side) {
    if (!scaled) side.scale = 0;
    side.max_window = static_cast<std::uint16_t>((side.max_window + (1U << side.scale) - 1) >> side.scale);
    side.flags |= tcp_side::kScaleSettled;
  }
}

TcpVerdict pick_up(Step& step) noexcept {
  const TcpSegment& segment = step.segment;
  step.self = {.end = step.end,
               .max_ack = segment.acknowledgment,
               .max_window = std::max<std::uint16_t>(segment.window, kPickedUpWindow),
               .scale = kMaxScale,
               .flags = tcp_side::kAcked | tcp_side::kPickedUp | tcp_side::kScaleSettled};
  step.peer = {.end = segment.acknowledgment,
               .max_ack = segment.sequence,
               .max_window = kPickedUpWindow,
               .scale = kMaxScale,
               .flags = tcp_side::kAcked | tcp_side::kPickedUp | tcp_side::kScaleSettled};
  if (segment.has(kFin)) note_fin(step.self, step.peer);
  step.state = state_after_fins(step.track, TcpState::kEstablished);
  return TcpVerdict::kOk;
}

TcpVerdict track_first(Step& step, const TcpOptions& options) noexcept {
  if (step.segment.has(kRst)) return TcpVerdict::kNotSyn;
  if (!step.segment.has(kSyn)) return step.settings.midstream_pickup ? pick_up(step) : TcpVerdict::kNotSyn;
  if (step.segment.has(kAck)) return TcpVerdict::kNotSyn;
  step.track = TcpTrack{};
  begin_side(step, options);
  step.state = TcpState::kSynSent;
  return TcpVerdict::kOk;
}

TcpVerdict track_syn_while_opening(Step& step, const TcpOptions& options) noexcept {
  const bool same = step.segment.sequence + 1 == step.peer.max_ack || step.end == step.self.end;
  if (step.state == TcpState::kSynSent) {
    if (!step.from_initiator()) {
      begin_side(step, options);
      step.state = TcpState::kSynSent2;
      return TcpVerdict::kOk;
    }
    if (!same) {  // the initiator started over
      begin_side(step, options);
      return TcpVerdict::kOk;
    }
    // A repeated SYN may have left out its options or data: the answer may be to either.
    if (options.has_window_scale) {
      step.self.flags |= tcp_side::kScaleOffered;
      step.self.scale = options.window_scale;
    }
    if (sequence_after(step.end, step.self.end)) step.self.end = step.end;
    step.self.max_window = std::max(step.self.max_window, step.segment.window);
    return TcpVerdict::kOk;
  }
  if (same) return TcpVerdict::kOk;
  return step.from_initiator() ? TcpVerdict::kChallenge : TcpVerdict::kSynInEstablished;
}

TcpVerdict track_synchronized(Step& step) noexcept;

// `step` works on a copy of the track: it is not the caller's until the whole segment has passed.
TcpVerdict acknowledge_syn(Step& step) noexcept {
  const TcpSegment& segment = step.segment;
  step.self.flags |= tcp_side::kAcked;
  const bool both = (step.peer.flags & tcp_side::kAcked) != 0;
  if (segment.has(kSyn)) {
    if (sequence_after(segment.acknowledgment, step.self.max_ack)) step.self.max_ack = segment.acknowledgment;
    if (both) settle_scale(step.track);
    // A FIN may have come with data before the handshake was over.
    step.state = both ? state_after_fins(step.track, TcpState::kEstablished) : TcpState::kSynReceived;
    return TcpVerdict::kOk;
  }
  settle_scale(step.track);
  step.state = TcpState::kEstablished;
  const TcpVerdict verdict = track_synchronized(step);
  if (!both) step.state = TcpState::kSynReceived;  // data before the handshake is over: RFC 7413
  return verdict;
}

TcpVerdict track_syn_ack_while_opening(Step& step, const TcpOptions& options) noexcept {
  if (!step.acks_the_syn()) return TcpVerdict::kBadAck;
  if (step.state == TcpState::kSynSent2) {
    const bool own_syn = step.segment.sequence + 1 == step.peer.max_ack;
    return own_syn ? acknowledge_syn(step) : TcpVerdict::kOutOfWindow;
  }
  if (step.state == TcpState::kSynReceived) {
    const bool peer_acked = (step.peer.flags & tcp_side::kAcked) != 0;  // then the open is a simultaneous one
    const bool repeated =
        peer_acked ? step.end == step.self.end : step.segment.sequence + 1 == step.peer.max_ack;
    if (repeated) return acknowledge_syn(step);
    if (peer_acked || (step.self.flags & tcp_side::kScaleSettled) != 0) return TcpVerdict::kOutOfWindow;
  }
  if (step.from_initiator()) return TcpVerdict::kBadAck;
  // The answer to the SYN; or another one, of a responder that keeps no state (SYN cookies) or started over.
  begin_side(step, options);
  return acknowledge_syn(step);
}

TcpVerdict track_opening(Step& step, const TcpOptions& options) noexcept {
  const TcpSegment& segment = step.segment;
  if (segment.has(kRst)) return track_reset(step);
  TcpTrack track = step.track;
  TcpState state = step.state;
  Step trial(track, state, segment, step.direction, step.settings);
  TcpVerdict verdict = TcpVerdict::kBadAck;
  if (segment.has(kSyn)) {
    verdict = segment.has(kAck) ? track_syn_ack_while_opening(trial, options)
                                : track_syn_while_opening(trial, options);
  } else if (state == TcpState::kSynSent) {
    if (step.from_initiator()) return TcpVerdict::kOutOfWindow;
    // RFC 9293 section 3.5.1: a responder that still holds an older connection answers the SYN with a bare
    // ACK.
    return segment.payload_length == 0 && !segment.has(kFin) ? TcpVerdict::kChallenge : TcpVerdict::kBadAck;
  } else if (trial.acks_the_syn() || ((trial.self.flags & tcp_side::kAcked) != 0 &&
                                      ack_in_window(trial.self, trial.peer, segment.acknowledgment))) {
    verdict = acknowledge_syn(trial);
  }
  if (verdict == TcpVerdict::kOk) {
    step.track = track;
    step.state = state;
  }
  return verdict;
}

// RFC 5961 section 4.2: a SYN in a live connection is answered by a challenge ACK, whatever its number.
TcpVerdict track_late_syn(Step& step) noexcept {
  const TcpSegment& segment = step.segment;
  if (!segment.has(kAck)) {
    if (step.state == TcpState::kClosed) return TcpVerdict::kReopen;
    // RFC 9293 section 3.6.1: TIME-WAIT accepts a SYN above the old connection. The side that waits need not
    // ask.
    if (step.state == TcpState::kTimeWait &&
        ((step.self.flags & tcp_side::kFinFirst) != 0 || !sequence_after(step.self.end, segment.sequence))) {
      return TcpVerdict::kReopen;
    }
    if (step.from_initiator()) return TcpVerdict::kChallenge;
  }
  const bool repeated = !sequence_after(step.end, step.self.end) &&
                        sequence_in_window(step.self, step.peer, segment.sequence, step.end) &&
                        (!segment.has(kAck) || ack_in_window(step.self, step.peer, segment.acknowledgment));
  return repeated ? TcpVerdict::kOk : TcpVerdict::kSynInEstablished;
}

TcpVerdict track_synchronized(Step& step) noexcept {
  const TcpSegment& segment = step.segment;
  TcpEndpoint& self = step.self;
  TcpEndpoint& peer = step.peer;
  if (segment.has(kRst)) return track_reset(step);
  if (segment.has(kSyn)) return track_late_syn(step);

  const bool after_fin = (self.flags & tcp_side::kFinSent) != 0 && sequence_after(step.end, self.end);
  bool ack_ok = ack_in_window(self, peer, segment.acknowledgment);
  const bool sequence_ok = sequence_in_window(self, peer, segment.sequence, step.end) && !after_fin;
  // What the other side sent before the pick-up was not seen: its acknowledgment is the first news of it.
  const bool unseen = !ack_ok && (self.flags & tcp_side::kPickedUp) != 0 &&
                      (peer.flags & tcp_side::kFinSent) == 0 &&
                      segment.acknowledgment - peer.end <= window_of(self);
  ack_ok = ack_ok || unseen;
  if (sequence_ok && ack_ok) {
    if (unseen) peer.end = segment.acknowledgment;
    detail::advance(self, step.end, segment.acknowledgment, segment.window);
  } else if (!step.settings.liberal_window) {
    return sequence_ok ? TcpVerdict::kBadAck : TcpVerdict::kOutOfWindow;
  }
  if (segment.has(kFin)) note_fin(self, peer);
  if ((peer.flags & tcp_side::kFinSent) != 0 && segment.acknowledgment == peer.end) {
    peer.flags |= tcp_side::kFinAcked;
  }
  if (step.state != TcpState::kClosed) step.state = state_after_fins(step.track, step.state);
  return TcpVerdict::kOk;
}

}  // namespace

TcpVerdict track_tcp(TcpTrack& track, TcpState& state, const TcpSegment& segment, Direction direction,
                     const TcpSettings& settings) noexcept {
  if (!tcp_flags_valid(segment.flags)) return TcpVerdict::kInvalidFlags;
  TcpOptions options;
  if (segment.has(kSyn) && !parse_tcp_options(segment.options, options)) return TcpVerdict::kBadOption;
  Step step(track, state, segment, direction, settings);
  switch (state) {
    case TcpState::kNone:
      return track_first(step, options);
    case TcpState::kSynSent:
    case TcpState::kSynSent2:
    case TcpState::kSynReceived:
      return track_opening(step, options);
    default:
      return track_synchronized(step);
  }
}

bool parse_tcp_options(Bytes options, TcpOptions& found) noexcept {
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kNop = 1;
  constexpr std::uint8_t kMss = 2;
  constexpr std::uint8_t kWindowScale = 3;
  constexpr std::uint8_t kSackPermitted = 4;
  constexpr std::uint8_t kTimestamps = 8;
  for (std::size_t at = 0; at < options.size();) {
    const std::uint8_t kind = options[at];
    if (kind == kEnd) return true;
    if (kind == kNop) {
      ++at;
      continue;
    }
    if (options.size() - at < 2) return false;
    const std::size_t length = options[at + 1];
    if (length < 2 || length > options.size() - at) return false;
    if (kind == kWindowScale) {
      if (length != 3) return false;
      found.has_window_scale = true;
      found.window_scale = std::min(options[at + 2], kMaxScale);
    } else if (kind == kSackPermitted) {
      if (length != 2) return false;
      found.sack_permitted = true;
    } else if ((kind == kMss && length != 4) || (kind == kTimestamps && length != 10)) {
      return false;
    }
    at += length;
  }
  return true;
}

std::string_view name(TcpVerdict verdict) noexcept {
  switch (verdict) {
    case TcpVerdict::kOk:
      return "ok";
    case TcpVerdict::kChallenge:
      return "challenge";
    case TcpVerdict::kReopen:
      return "reopen";
    case TcpVerdict::kNotSyn:
      return "not_syn";
    case TcpVerdict::kInvalidFlags:
      return "invalid_flags";
    case TcpVerdict::kBadOption:
      return "bad_option";
    case TcpVerdict::kOutOfWindow:
      return "out_of_window";
    case TcpVerdict::kBadAck:
      return "bad_ack";
    case TcpVerdict::kRstOutOfWindow:
      return "rst_out_of_window";
    case TcpVerdict::kSynInEstablished:
      return "syn_in_established";
  }
  return "unknown";
}

std::string_view name(TcpState state) noexcept {
  switch (state) {
    case TcpState::kNone:
      return "none";
    case TcpState::kSynSent:
      return "syn_sent";
    case TcpState::kSynSent2:
      return "syn_sent2";
    case TcpState::kSynReceived:
      return "syn_received";
    case TcpState::kEstablished:
      return "established";
    case TcpState::kFinWait:
      return "fin_wait";
    case TcpState::kCloseWait:
      return "close_wait";
    case TcpState::kLastAck:
      return "last_ack";
    case TcpState::kTimeWait:
      return "time_wait";
    case TcpState::kClosed:
      return "closed";
  }
  return "unknown";
}

}  // namespace millrace::flow
