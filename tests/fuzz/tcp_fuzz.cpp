// SPDX-License-Identifier: BSD-3-Clause
// One connection's segments from bytes. What must hold: only kOk changes anything; flags no TCP sends never
// pass; the fast path for established connections says what the slow one does.
#include "common/flow/tcp.h"
#include "tests/fuzz/input.h"

namespace {

using namespace millrace;
using flow::Direction;
using flow::TcpEndpoint;
using flow::TcpState;
using flow::TcpVerdict;
using fuzz::require;

// Segments that follow what was seen are rare in random numbers: `kind` gives them a chance.
std::uint32_t near(std::uint8_t kind, std::uint32_t expected, std::uint32_t other, std::uint32_t value) {
  switch (kind & 3U) {
    case 0:
      return expected;
    case 1:
      return expected + static_cast<std::uint32_t>(static_cast<std::int8_t>(value));
    case 2:
      return other;
    default:
      return value;
  }
}

}  // namespace

// The first byte holds the settings. Then, for each segment: what it is made of, its flags, and numbers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t choices = input.u8();
  const flow::TcpSettings settings{.midstream_pickup = (choices & 1U) != 0,
                                   .liberal_window = (choices & 2U) != 0};
  flow::TcpTrack track{};
  TcpState state = TcpState::kNone;
  while (!input.empty()) {
    const std::uint8_t kind = input.u8();
    const auto direction = (kind & 1U) != 0 ? Direction::kReverse : Direction::kForward;
    const TcpEndpoint& self = track.side[kind & 1U];
    const TcpEndpoint& peer = track.side[(kind & 1U) ^ 1U];
    flow::TcpSegment segment;
    segment.flags = input.u8();
    segment.sequence = near(kind >> 1U & 3U, self.end, peer.max_ack, (kind & 0x06U) != 0 ? input.u32() : 0);
    segment.acknowledgment =
        near(kind >> 3U & 3U, peer.end, self.max_ack, (kind & 0x18U) != 0 ? input.u32() : 0);
    segment.window = input.u16();
    segment.payload_length = (kind & 0x20U) != 0 ? input.u16() : 0;
    if ((kind & 0x40U) != 0) segment.options = input.bytes(input.u8() % 41U);

    const flow::TcpTrack track_before = track;
    const TcpState state_before = state;
    net::TcpHeader header{};
    header.sequence = be32(segment.sequence);
    header.acknowledgment = be32(segment.acknowledgment);
    header.flags = segment.flags;
    header.window = be16(segment.window);
    flow::TcpTrack fast_track = track;
    const bool established =
        flow::track_established(fast_track, state, header, segment.payload_length, direction);
    const TcpVerdict verdict = flow::track_tcp(track, state, segment, direction, settings);
    if (established) {
      require(verdict == TcpVerdict::kOk && track == fast_track && state == state_before, "both paths agree");
    } else {
      require(fast_track == track_before, "what the fast path leaves alone it has not changed");
    }
    if (verdict != TcpVerdict::kOk)
      require(track == track_before && state == state_before, "what does not pass changes nothing");
    if (!flow::tcp_flags_valid(segment.flags))
      require(verdict == TcpVerdict::kInvalidFlags, "flags no TCP sends are refused");
    require(state != TcpState::kNone || verdict != TcpVerdict::kOk, "what passes begins a connection");
    require(track.side[0].scale <= 14 && track.side[1].scale <= 14, "RFC 7323 section 2.3");
    require(!flow::name(verdict).empty() && flow::name(verdict) != "unknown", "every verdict has a name");
    if (verdict == TcpVerdict::kReopen) {
      require(state == TcpState::kTimeWait || state == TcpState::kClosed,
              "only what has ended is opened anew");
      track = {};
      state = TcpState::kNone;
      require(!flow::refused(flow::track_tcp(track, state, segment, direction, settings)),
              "a SYN that opens anew is taken");
    }
  }
  return 0;
}
