// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/tcp.h"

#include <initializer_list>
#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::flow {

void PrintTo(TcpVerdict verdict, std::ostream* out) { *out << name(verdict); }
void PrintTo(TcpState state, std::ostream* out) { *out << name(state); }

namespace {

using enum TcpVerdict;
using namespace net::tcp_flag;

constexpr Direction kClient = Direction::kForward;
constexpr Direction kServer = Direction::kReverse;
constexpr std::uint8_t kPlain = kAck;
constexpr std::uint8_t kFinAck = kFin | kAck;
constexpr std::uint8_t kSynAck = kSyn | kAck;

// One line of an exchange: who sends what, and what the tracker must say and hold afterwards.
struct Line {
  Direction from;
  std::uint8_t flags;
  std::uint32_t sequence;
  std::uint32_t acknowledgment;
  std::uint16_t length;
  TcpVerdict verdict;
  TcpState state;
  std::uint16_t window = 1000;
  std::vector<std::uint8_t> options = {};
};

struct Connection {
  TcpTrack track{};
  TcpState state = TcpState::kNone;
  TcpSettings settings{};

  TcpVerdict offer(const Line& line) {
    TcpSegment segment;
    segment.sequence = line.sequence;
    segment.acknowledgment = line.acknowledgment;
    segment.window = line.window;
    segment.payload_length = line.length;
    segment.flags = line.flags;
    segment.options = line.options;
    const TcpTrack before = track;
    const TcpState state_before = state;
    const TcpVerdict verdict = track_tcp(track, state, segment, line.from, settings);
    if (verdict != kOk) {
      EXPECT_EQ(track, before) << "only kOk may change the track";
      EXPECT_EQ(state, state_before);
    }
    return verdict;
  }
  void play(const std::vector<Line>& script) {
    int number = 0;
    for (const Line& line : script) {
      SCOPED_TRACE("line " + std::to_string(++number));
      EXPECT_EQ(offer(line), line.verdict);
      EXPECT_EQ(state, line.state);
    }
  }
};

const std::vector<std::uint8_t> kScale7 = {2, 4, 5, 180, 1, 3, 3, 7};

// Client ISN 1000, server ISN 5000, windows of 1000 bytes and no scaling.
Connection established() {
  Connection c;
  c.play({
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent},
      {kServer, kSynAck, 5000, 1001, 0, kOk, TcpState::kSynReceived},
      {kClient, kPlain, 1001, 5001, 0, kOk, TcpState::kEstablished},
  });
  return c;
}

TEST(TcpTrack, OpensTransfersAndCloses) {
  Connection c = established();
  c.play({
      {kClient, kPlain | kPsh, 1001, 5001, 100, kOk, TcpState::kEstablished},
      {kServer, kPlain, 5001, 1101, 500, kOk, TcpState::kEstablished},
      {kClient, kPlain, 1101, 5501, 0, kOk, TcpState::kEstablished},
      {kClient, kFinAck, 1101, 5501, 0, kOk, TcpState::kFinWait},
      {kServer, kPlain, 5501, 1102, 0, kOk, TcpState::kFinWait},
      {kServer, kPlain, 5501, 1102, 900, kOk,
       TcpState::kFinWait},  // a half-closed connection still carries data
      {kClient, kPlain, 1102, 6401, 0, kOk, TcpState::kFinWait},
      {kServer, kFinAck, 6401, 1102, 0, kOk, TcpState::kLastAck},
      {kServer, kFinAck, 6401, 1102, 0, kOk, TcpState::kLastAck},
      {kClient, kPlain, 1102, 6402, 0, kOk, TcpState::kTimeWait},
      {kServer, kFinAck, 6401, 1102, 0, kOk, TcpState::kTimeWait},
  });
}

TEST(TcpTrack, TheResponderMayCloseFirstOrBothAtOnce) {
  Connection first = established();
  first.play({
      {kServer, kFinAck, 5001, 1001, 0, kOk, TcpState::kCloseWait},
      {kClient, kFinAck, 1001, 5002, 0, kOk, TcpState::kLastAck},
      {kServer, kPlain, 5002, 1002, 0, kOk, TcpState::kTimeWait},
  });
  Connection both = established();
  both.play({
      {kServer, kFinAck, 5001, 1001, 0, kOk, TcpState::kCloseWait},
      {kClient, kFinAck, 1001, 5001, 0, kOk, TcpState::kLastAck},  // they crossed
      {kServer, kPlain, 5002, 1002, 0, kOk, TcpState::kLastAck},
      {kClient, kPlain, 1002, 5002, 0, kOk, TcpState::kTimeWait},
  });
}

TEST(TcpTrack, OpensFromBothSidesAtOnce) {  // RFC 9293 figure 8
  Connection c;
  c.play({
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent},
      {kServer, kSyn, 5000, 0, 0, kOk, TcpState::kSynSent2},
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent2},
      {kServer, kSynAck, 5000, 1001, 0, kOk, TcpState::kSynReceived},
      {kClient, kSynAck, 1000, 5001, 0, kOk, TcpState::kEstablished},
      {kServer, kSynAck, 5000, 1001, 0, kOk, TcpState::kEstablished},
      {kServer, kPlain, 5001, 1001, 10, kOk, TcpState::kEstablished},
  });
}

TEST(TcpTrack, NeedsASynToBegin) {
  for (const std::uint8_t flags : {kPlain, kSynAck, kFinAck, kRst}) {
    Connection c;
    c.play({{kClient, flags, 1, 1, 0, kNotSyn, TcpState::kNone}});
  }
}

TEST(TcpTrack, RepeatsOfTheOpeningPass) {
  Connection c;
  c.play({
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent},
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent},
      {kClient, kSyn, 2000, 0, 0, kOk, TcpState::kSynSent},  // the client began anew
      {kServer, kSynAck, 5000, 1001, 0, kBadAck, TcpState::kSynSent},
      {kServer, kSynAck, 5000, 2001, 0, kOk, TcpState::kSynReceived},
      {kClient, kSyn, 2000, 0, 0, kOk, TcpState::kSynReceived},
      {kServer, kSynAck, 5000, 2001, 0, kOk, TcpState::kSynReceived},
      {kServer, kSynAck, 7000, 2001, 0, kOk,
       TcpState::kSynReceived},  // SYN cookies give another number later
      {kClient, kPlain, 2001, 5001, 0, kBadAck, TcpState::kSynReceived},
      {kClient, kPlain, 2001, 7001, 0, kOk, TcpState::kEstablished},
      {kServer, kSynAck, 7000, 2001, 0, kOk, TcpState::kEstablished},  // the ACK was lost behind the tracker
      {kServer, kSynAck, 7500, 2001, 0, kSynInEstablished, TcpState::kEstablished},
  });
}

TEST(TcpTrack, TheOpeningAcknowledgmentIsExact) {
  Connection c;
  c.play({
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent},
      {kServer, kSynAck, 5000, 1000, 0, kBadAck, TcpState::kSynSent},
      {kServer, kSynAck, 5000, 1002, 0, kBadAck, TcpState::kSynSent},
      {kServer, kPlain, 5000, 1001, 5, kBadAck, TcpState::kSynSent},
      {kClient, kPlain, 1001, 5001, 5, kOutOfWindow, TcpState::kSynSent},
      {kServer, kSynAck, 5000, 1001, 0, kOk, TcpState::kSynReceived},
      {kClient, kPlain, 1001, 5000, 0, kBadAck, TcpState::kSynReceived},
      {kClient, kPlain, 1001, 5002, 0, kBadAck, TcpState::kSynReceived},
      {kClient, kPlain, 900000, 5001, 0, kOutOfWindow, TcpState::kSynReceived},
      {kClient, kPlain, 1001, 5001, 300, kOk, TcpState::kEstablished},
  });
}

TEST(TcpTrack, DataMayRideInTheSyn) {  // RFC 7413
  Connection all;
  all.play({
      {kClient, kSyn, 1000, 0, 200, kOk, TcpState::kSynSent},
      {kServer, kSynAck, 5000, 1201, 0, kOk, TcpState::kSynReceived},
      {kServer, kPlain, 5001, 1201, 400, kOk, TcpState::kSynReceived},
      {kClient, kPlain, 1201, 5401, 0, kOk, TcpState::kEstablished},
  });
  Connection refused_data;
  refused_data.play({
      {kClient, kSyn, 1000, 0, 200, kOk, TcpState::kSynSent},
      {kServer, kSynAck, 5000, 1001, 0, kOk, TcpState::kSynReceived},
      {kClient, kPlain, 1001, 5001, 200, kOk, TcpState::kEstablished},
  });
}

TEST(TcpTrack, WindowBoundsAreThoseOfThePaper) {
  Connection c = established();
  c.play({
      // The server's window is 1000 and it has acknowledged 1001, so the edge is 2001, and one byte for a
      // probe.
      {kClient, kPlain, 2003, 5001, 1, kOutOfWindow, TcpState::kEstablished},
      {kClient, kPlain, 1001, 5001, 1000, kOk, TcpState::kEstablished},
      {kClient, kPlain, 2001, 5001, 1, kOk, TcpState::kEstablished},
      {kClient, kPlain, 2002, 5001, 0, kOk, TcpState::kEstablished},
      {kClient, kPlain, 1001, 5001, 1000, kOk, TcpState::kEstablished},  // retransmission
      {kClient, kPlain, 900, 5001, 50, kOutOfWindow, TcpState::kEstablished},
      {kServer, kPlain, 5001, 2002, 0, kOk, TcpState::kEstablished},
      {kServer, kPlain, 5001, 2003, 0, kBadAck, TcpState::kEstablished},  // nobody sent 2002
      {kServer, kPlain, 5001, 2002U - 132000, 0, kOk, TcpState::kEstablished},
      {kServer, kPlain, 5001, 2002U - 132001, 0, kBadAck, TcpState::kEstablished},
  });
}

TEST(TcpTrack, ScaleHoldsOnlyWhenBothOfferIt) {
  Connection both;
  both.play({
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent, 1000, kScale7},
      {kServer, kSynAck, 5000, 1001, 0, kOk, TcpState::kSynReceived, 1000, kScale7},
      {kClient, kPlain, 1001, 5001, 0, kOk, TcpState::kEstablished, 10},
      // A SYN's window is never scaled (RFC 7323 section 2.2): 1000 bytes, in units of 128 made 1024.
      {kClient, kPlain, 1001 + 1026, 5001, 1, kOutOfWindow, TcpState::kEstablished},
      {kServer, kPlain, 5001, 1001, 0, kOk, TcpState::kEstablished, 500},
      {kClient, kPlain, 1001 + 60000, 5001, 1400, kOk, TcpState::kEstablished},
      {kClient, kPlain, 1001 + 64002, 5001, 1, kOutOfWindow, TcpState::kEstablished},
  });
  Connection one;
  one.play({
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent, 1000, kScale7},
      {kServer, kSynAck, 5000, 1001, 0, kOk, TcpState::kSynReceived, 1000},
      {kClient, kPlain, 1001, 5001, 0, kOk, TcpState::kEstablished, 1000},
      {kServer, kPlain, 5001, 1001, 1000, kOk, TcpState::kEstablished, 1000},
      {kServer, kPlain, 6003, 1001, 1, kOutOfWindow, TcpState::kEstablished, 1000},
  });
}

TEST(TcpTrack, ProbesAndKeepalivesPass) {
  Connection c = established();
  c.play({
      {kServer, kPlain, 5001, 1001, 0, kOk, TcpState::kEstablished, 0},
      {kClient, kPlain, 1000, 5001, 0, kOk, TcpState::kEstablished},  // keepalive, RFC 9293 section 3.8.4
      {kClient, kPlain, 1000, 5001, 1, kOk, TcpState::kEstablished},  // with a byte of garbage
      {kServer, kPlain, 5001, 1001, 0, kOk, TcpState::kEstablished, 0},
      {kClient, kPlain, 1001, 5001, 1, kOk, TcpState::kEstablished},  // probe of the closed window
      {kServer, kPlain, 5001, 1001, 0, kOk, TcpState::kEstablished, 0},
      {kClient, kPlain, 1001, 5001, 1, kOk, TcpState::kEstablished},
  });
  Connection closed;  // closed from the first
  closed.play({
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent},
      {kServer, kSynAck, 5000, 1001, 0, kOk, TcpState::kSynReceived, 0},
      {kClient, kPlain, 1001, 5001, 0, kOk, TcpState::kEstablished},
      {kClient, kPlain, 1001, 5001, 1, kOk, TcpState::kEstablished},
      {kClient, kPlain, 1002, 5001, 0, kOk, TcpState::kEstablished},
  });
}

TEST(TcpTrack, NumbersWrap) {
  Connection c;
  const std::uint32_t a = 0xffffff80;
  const std::uint32_t b = 0xffffffff;
  c.play({
      {kClient, kSyn, a, 0, 0, kOk, TcpState::kSynSent},
      {kServer, kSynAck, b, a + 1, 0, kOk, TcpState::kSynReceived},
      {kClient, kPlain, a + 1, b + 1, 500, kOk, TcpState::kEstablished},
      {kServer, kPlain, b + 1, a + 501, 600, kOk, TcpState::kEstablished},
      {kServer, kPlain, b + 601, a + 502, 0, kBadAck, TcpState::kEstablished},
      {kClient, kPlain, a + 501, b + 601, 500, kOk, TcpState::kEstablished},
      {kClient, kFinAck, a + 1001, b + 601, 0, kOk, TcpState::kFinWait},
  });
}

// RFC 5961 section 3.2.
TEST(TcpTrack, OnlyAnExactResetCloses) {
  Connection c = established();
  c.play({
      {kClient, kPlain, 1001, 5001, 100, kOk, TcpState::kEstablished},
      {kServer, kRst, 4999, 0, 0, kRstOutOfWindow, TcpState::kEstablished},
      {kServer, kRst, 5000, 0, 0, kRstOutOfWindow, TcpState::kEstablished},
      {kServer, kRst, 5002, 0, 0, kChallenge, TcpState::kEstablished},
      {kServer, kRst, 6001, 0, 0, kChallenge, TcpState::kEstablished},
      {kServer, kRst, 6003, 0, 0, kRstOutOfWindow, TcpState::kEstablished},
      {kServer, kRst, 5001, 0, 0, kOk, TcpState::kClosed},
      {kClient, kSyn, 9000, 0, 0, kReopen, TcpState::kClosed},
  });
  Connection abort = established();
  abort.play({
      {kClient, kPlain, 1001, 5001, 100, kOk, TcpState::kEstablished},
      {kClient, kRst | kAck, 1101, 5001, 0, kOk, TcpState::kClosed},  // before the data are acknowledged
  });
}

TEST(TcpTrack, AResetInSynSentMustAcknowledgeTheSyn) {  // RFC 9293 section 3.10.7.3
  Connection c;
  c.play({
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent},
      {kServer, kRst, 0, 0, 0, kRstOutOfWindow, TcpState::kSynSent},
      {kServer, kRst | kAck, 0, 1000, 0, kRstOutOfWindow, TcpState::kSynSent},
      {kServer, kRst | kAck, 0, 1002, 0, kRstOutOfWindow, TcpState::kSynSent},
      {kServer, kRst | kAck, 0, 1001, 0, kOk, TcpState::kClosed},
  });
  Connection scan;
  scan.play({
      {kClient, kSyn, 1000, 0, 0, kOk, TcpState::kSynSent},
      {kServer, kSynAck, 5000, 1001, 0, kOk, TcpState::kSynReceived},
      {kServer, kRst, 777777, 0, 0, kRstOutOfWindow, TcpState::kSynReceived},
      {kClient, kRst, 1001, 0, 0, kOk, TcpState::kClosed},
  });
}

// RFC 9293 section 3.5.1: one side restarted and the other does not know.
TEST(TcpTrack, ARestartedClientRecovers) {
  Connection c = established();
  c.play({
      {kClient, kSyn, 77000, 0, 0, kChallenge, TcpState::kEstablished},
      {kServer, kPlain, 5001, 1001, 0, kOk, TcpState::kEstablished},  // the challenge ACK
      {kClient, kRst, 1001, 0, 0, kOk, TcpState::kClosed},
      {kClient, kSyn, 77000, 0, 0, kReopen, TcpState::kClosed},
  });
  Connection unknown;  // the old connection is not known here either
  unknown.play({
      {kClient, kSyn, 77000, 0, 0, kOk, TcpState::kSynSent},
      {kServer, kPlain, 5001, 1001, 0, kChallenge, TcpState::kSynSent},
      {kClient, kRst, 1001, 0, 0, kChallenge, TcpState::kSynSent},
      {kClient, kSyn, 77000, 0, 0, kOk, TcpState::kSynSent},
      {kServer, kSynAck, 9000, 77001, 0, kOk, TcpState::kSynReceived},
  });
}

TEST(TcpTrack, ASynFromTheResponderIsNotALiveConnections) {
  Connection c = established();
  c.play({{kServer, kSyn, 77000, 0, 0, kSynInEstablished, TcpState::kEstablished}});
}

TEST(TcpTrack, PortsAreReusedAfterTimeWait) {
  const std::vector<Line> close = {
      {kClient, kFinAck, 1001, 5001, 0, kOk, TcpState::kFinWait},
      {kServer, kFinAck, 5001, 1002, 0, kOk, TcpState::kLastAck},
      {kClient, kPlain, 1002, 5002, 0, kOk, TcpState::kTimeWait},
  };
  Connection same = established();  // the client waits, so it may reuse its port as it likes
  same.play(close);
  same.play({{kClient, kSyn, 500, 0, 0, kReopen, TcpState::kTimeWait}});
  Connection other = established();  // the server does not wait: RFC 9293 section 3.6.1
  other.play(close);
  other.play({
      {kServer, kSyn, 700, 0, 0, kSynInEstablished, TcpState::kTimeWait},
      {kServer, kSyn, 5002, 0, 0, kReopen, TcpState::kTimeWait},
  });
}

TEST(TcpTrack, NothingNewFollowsAFin) {
  Connection c = established();
  c.play({
      {kClient, kFinAck, 1001, 5001, 10, kOk, TcpState::kFinWait},
      {kClient, kPlain, 1012, 5001, 10, kOutOfWindow, TcpState::kFinWait},
      {kClient, kFinAck, 1001, 5001, 10, kOk, TcpState::kFinWait},
  });
}

TEST(TcpTrack, PicksUpInMidStreamWhenAllowed) {
  Connection c;
  c.settings.midstream_pickup = true;
  c.play({
      {kClient, kPlain, 1000, 5000, 100, kOk, TcpState::kEstablished, 10},
      {kServer, kPlain, 5000, 1100, 1400, kOk, TcpState::kEstablished, 10},
      // The client acknowledges what passed before the pick-up.
      {kClient, kPlain, 1100, 9000, 0, kOk, TcpState::kEstablished, 10},
      {kServer, kPlain, 9000, 1100, 1400, kOk, TcpState::kEstablished, 10},
      {kServer, kPlain, 0x80000000, 1100, 10, kOutOfWindow, TcpState::kEstablished, 10},
      {kClient, kFinAck, 1100, 10400, 0, kOk, TcpState::kFinWait, 10},
  });
  Connection none;
  none.settings.midstream_pickup = true;
  none.play({
      {kClient, kRst, 1000, 5000, 0, kNotSyn, TcpState::kNone},
      {kClient, kSynAck, 1000, 5000, 0, kNotSyn, TcpState::kNone},
      {kServer, kFinAck, 1000, 5000, 0, kOk, TcpState::kCloseWait},
  });
}

TEST(TcpTrack, LiberalWindowStillChecksResets) {
  Connection c = established();
  c.settings.liberal_window = true;
  c.play({
      {kClient, kPlain, 900000, 5001, 1, kOk, TcpState::kEstablished},
      {kClient, kRst, 900000, 5001, 0, kRstOutOfWindow, TcpState::kEstablished},
      {kServer, kPlain, 5001, 1001, 0, kOk, TcpState::kEstablished},
  });
}

TEST(TcpFlags, OnlyWhatATcpSends) {
  // RFC 9293 section 3.10.7.4: after the SYN every segment but a reset carries ACK. PSH, ECE and CWR go with
  // any.
  for (unsigned flags = 0; flags < 256; ++flags) {
    const bool syn = (flags & kSyn) != 0;
    const bool fin = (flags & kFin) != 0;
    const bool rst = (flags & kRst) != 0;
    const bool ack = (flags & kAck) != 0;
    const bool urg = (flags & kUrg) != 0;
    bool valid =
        static_cast<int>(syn) + static_cast<int>(fin) + static_cast<int>(rst) <= 1 && (ack || syn || rst);
    if (urg && (rst || (syn && ack))) valid = false;
    EXPECT_EQ(tcp_flags_valid(static_cast<std::uint8_t>(flags)), valid) << flags;
  }
  Connection c = established();
  c.play({
      {kClient, 0, 1001, 5001, 0, kInvalidFlags, TcpState::kEstablished},
      {kClient, kFin | kPsh | kUrg, 1001, 5001, 0, kInvalidFlags, TcpState::kEstablished},
      {kClient, kFin | kAck | kSyn, 1001, 5001, 0, kInvalidFlags, TcpState::kEstablished},
  });
}

TEST(TcpOptionsWalk, FindsAndBounds) {
  using V = std::vector<std::uint8_t>;
  TcpOptions found;
  ASSERT_TRUE(parse_tcp_options(V{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 9}, found));
  EXPECT_TRUE(found.has_window_scale);
  EXPECT_EQ(found.window_scale, 9);
  EXPECT_TRUE(found.sack_permitted);
  found = {};
  ASSERT_TRUE(parse_tcp_options(V{3, 3, 15}, found));
  EXPECT_EQ(found.window_scale, 14);  // RFC 7323 section 2.3
  found = {};
  ASSERT_TRUE(parse_tcp_options(V{254, 5, 3, 3, 9, 3, 3, 7}, found)) << "what is not known is skipped";
  EXPECT_EQ(found.window_scale, 7);
  found = {};
  ASSERT_TRUE(parse_tcp_options(V{0, 3, 3, 9}, found));
  EXPECT_FALSE(found.has_window_scale) << "nothing counts behind the end of the list";
  for (const V& bad : {V{3}, V{3, 0}, V{3, 1}, V{3, 3}, V{3, 4, 1, 1}, V{4, 3, 0}, V{2, 3, 1},
                       V{254, 9, 0, 0}, V{8, 4, 0, 0}}) {
    TcpOptions options;
    EXPECT_FALSE(parse_tcp_options(bad, options)) << ::testing::PrintToString(bad);
  }
  Connection c;
  c.play({{kClient, kSyn, 1, 0, 0, kBadOption, TcpState::kNone, 1000, {3, 0}}});
}

}  // namespace
}  // namespace millrace::flow
