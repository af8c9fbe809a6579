// SPDX-License-Identifier: BSD-3-Clause
// TCP connection and window tracking by a middlebox.
//
// Method: Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2001), as pf and netfilter use
// it. A segment is let through when it could reach the receiver's window and acknowledges what the other side
// has sent. States: RFC 9293. Window scale: RFC 7323. RST and SYN in a live connection: RFC 5961.
//
// Bounds, with W = the largest window the receiver ever offered, as seen by the tracker:
//   - sequence <= receiver.max_ack + W + 1; the 1 is a probe of a closed window, or a FIN behind a full one
//   - sequence + length >= sender.end - W - 2: a retransmission, a keepalive, a probe below the window
//   - receiver.end - (132000 << sender.scale) <= acknowledgment <= receiver.end
//
// A segment they refuse carries nothing its receiver could still use. Selective acknowledgments are not
// looked at: they never exceed these bounds. van Rooij's upper bound is the highest acknowledgment + window;
// here it is the highest acknowledgment + the largest window, never tighter, as RFC 5961 needs the
// acknowledgment itself.
//
// One connection belongs to one worker. Nothing here allocates or throws.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "common/base/reader.h"
#include "common/flow/direction.h"
#include "common/net/wire.h"

namespace millrace::flow {

struct TcpEndpoint {
  std::uint32_t end;  // one past the highest sequence number this side sent
  // Highest acknowledgment it sent; before its first, the other's initial sequence + 1.
  std::uint32_t max_ack;
  // Largest window it offered, in units of 1 << scale; in bytes until kScaleSettled.
  std::uint16_t max_window;
  std::uint8_t scale;  // 0 to 14
  std::uint8_t flags;  // of namespace tcp_side

  bool operator==(const TcpEndpoint&) const noexcept = default;
};
static_assert(sizeof(TcpEndpoint) == 12);

struct TcpTrack {
  std::array<TcpEndpoint, 2> side;  // by Direction

  bool operator==(const TcpTrack&) const noexcept = default;
};
static_assert(sizeof(TcpTrack) == 24);

namespace tcp_side {
inline constexpr std::uint8_t kScaleOffered = 0x01;   // its SYN carried a window scale
inline constexpr std::uint8_t kSackPermitted = 0x02;  // its SYN permitted SACK
inline constexpr std::uint8_t kAcked = 0x04;          // it acknowledged the other's SYN
inline constexpr std::uint8_t kFinSent = 0x08;
inline constexpr std::uint8_t kFinAcked = 0x10;  // the other acknowledged its FIN
inline constexpr std::uint8_t kFinFirst = 0x20;  // it closed first, so it is the one in TIME-WAIT
inline constexpr std::uint8_t kPickedUp = 0x40;  // found in mid-stream: the scale is unknown and taken as 14
inline constexpr std::uint8_t kScaleSettled = 0x80;  // on both sides: max_window is in units of 1 << scale
}  // namespace tcp_side

enum class TcpState : std::uint8_t {
  kNone,         // no segment seen
  kSynSent,      // SYN from the initiator
  kSynSent2,     // and a SYN from the responder: simultaneous open
  kSynReceived,  // both SYNs seen, one acknowledged
  kEstablished,
  kFinWait,    // the initiator has closed its side
  kCloseWait,  // the responder has closed its side
  kLastAck,    // both have, not both acknowledged
  kTimeWait,   // both acknowledged
  kClosed,     // by RST
};

enum class TcpVerdict : std::uint8_t {
  kOk,
  // Pass it, change nothing, leave the timer: the receiver decides, and answers with a challenge ACK.
  kChallenge,
  // A new connection on the ports of one that has ended: recycle the session, offer the segment anew.
  kReopen,
  // What follows refuses the segment and has changed nothing.
  kNotSyn,
  kInvalidFlags,
  kBadOption,
  kOutOfWindow,
  kBadAck,
  kRstOutOfWindow,
  kSynInEstablished,
};

[[nodiscard]] constexpr bool refused(TcpVerdict verdict) noexcept { return verdict > TcpVerdict::kReopen; }

// "in_snake_case", for counters and logs.
[[nodiscard]] std::string_view name(TcpVerdict verdict) noexcept;
[[nodiscard]] std::string_view name(TcpState state) noexcept;

struct TcpSegment {  // host byte order
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint16_t window = 0;
  std::uint16_t payload_length = 0;
  std::uint8_t flags = 0;  // of net::tcp_flag
  Bytes options;           // looked at only in a SYN

  [[nodiscard]] constexpr bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
};

struct TcpSettings {
  bool midstream_pickup = false;  // take up connections whose opening was not seen
  bool liberal_window = false;    // pass segments out of window; RST and SYN are checked all the same
};

struct TcpOptions {
  bool has_window_scale = false;
  bool sack_permitted = false;
  std::uint8_t window_scale = 0;  // at most 14, RFC 7323 section 2.3
};

// What a SYN's options say. False when a length is impossible.
[[nodiscard]] bool parse_tcp_options(Bytes options, TcpOptions& found) noexcept;

// False for combinations no TCP sends: none, SYN+FIN, SYN+RST, FIN+RST, no ACK outside SYN and RST.
[[nodiscard]] constexpr bool tcp_flags_valid(std::uint8_t flags) noexcept {
  using namespace net::tcp_flag;
  constexpr std::uint64_t kValid = 1ULL << kSyn | 1ULL << (kSyn | kUrg) | 1ULL << (kSyn | kAck) |
                                   1ULL << kRst | 1ULL << (kRst | kAck) | 1ULL << (kFin | kAck) |
                                   1ULL << (kFin | kAck | kUrg) | 1ULL << kAck | 1ULL << (kAck | kUrg);
  return (kValid >> (flags & (kFin | kSyn | kRst | kAck | kUrg)) & 1U) != 0;
}

namespace detail {

// Twice the MAXACKWINDOW (66000) of van Rooij's paper: the other side may have a window in flight, and RFC
// 5961 section 5.2 lets an acknowledgment lag a window behind what is known to have arrived.
inline constexpr std::uint32_t kMaxAckWindow = 2 * 66000;

[[nodiscard]] constexpr bool sequence_after(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>(a - b) > 0;
}
[[nodiscard]] constexpr std::uint32_t window_of(const TcpEndpoint& side) noexcept {
  return static_cast<std::uint32_t>(side.max_window) << side.scale;
}
// `end` is one past the last sequence number the segment takes.
[[nodiscard]] constexpr bool sequence_in_window(const TcpEndpoint& self, const TcpEndpoint& peer,
                                                std::uint32_t sequence, std::uint32_t end) noexcept {
  const std::uint32_t window = window_of(peer);
  return (static_cast<std::int32_t>(peer.max_ack + window + 1 - sequence) >= 0) &&
         (static_cast<std::int32_t>(end + window + 2 - self.end) >= 0);
}
[[nodiscard]] constexpr bool ack_in_window(const TcpEndpoint& self, const TcpEndpoint& peer,
                                           std::uint32_t acknowledgment) noexcept {
  return peer.end - acknowledgment <= kMaxAckWindow << self.scale;
}
constexpr void advance(TcpEndpoint& self, std::uint32_t end, std::uint32_t acknowledgment,
                       std::uint16_t window) noexcept {
  self.end = sequence_after(end, self.end) ? end : self.end;
  self.max_ack = sequence_after(acknowledgment, self.max_ack) ? acknowledgment : self.max_ack;
  self.max_window = std::max(window, self.max_window);
}

}  // namespace detail

// Nearly all segments: a connection in its established state, an ACK and no other flag that matters, in
// window. False, and nothing changed, for any other; then track_tcp() decides.
[[nodiscard, gnu::always_inline]] inline bool track_established(TcpTrack& track, TcpState state,
                                                                const net::TcpHeader& tcp,
                                                                std::uint16_t payload_length,
                                                                Direction direction) noexcept {
  using namespace net::tcp_flag;
  if (state != TcpState::kEstablished || (tcp.flags & (kSyn | kFin | kRst | kAck)) != kAck) [[unlikely]]
    return false;
  const auto index = static_cast<std::uint8_t>(direction);
  TcpEndpoint& self = track.side[index];
  const TcpEndpoint& peer = track.side[index ^ 1U];
  const std::uint32_t sequence = tcp.sequence.host();
  const std::uint32_t acknowledgment = tcp.acknowledgment.host();
  const std::uint32_t end = sequence + payload_length;
  if (!detail::sequence_in_window(self, peer, sequence, end) ||
      !detail::ack_in_window(self, peer, acknowledgment)) [[unlikely]]
    return false;
  detail::advance(self, end, acknowledgment, tcp.window.host());
  return true;
}

// The verdict on one segment; the sender of the first is the initiator. `track` and `state` begin zero
// (kNone) and change only with kOk. With kReopen the caller clears both and offers the segment to a fresh
// session.
[[nodiscard]] TcpVerdict track_tcp(TcpTrack& track, TcpState& state, const TcpSegment& segment,
                                   Direction direction, const TcpSettings& settings) noexcept;

}  // namespace millrace::flow
