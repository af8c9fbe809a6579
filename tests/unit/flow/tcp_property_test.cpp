// SPDX-License-Identifier: BSD-3-Clause
// Two simulated TCP endpoints talk through a network that loses, repeats and reorders, with the tracker in
// the middle. The endpoints follow RFC 9293 and count positions in 64 bits from the start of each stream, so
// they share no arithmetic with the tracker. What they send must pass; what a stranger injects must not, and
// must change nothing.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "common/flow/tcp.h"

namespace millrace::flow {
namespace {

using namespace net::tcp_flag;

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  bool chance(unsigned percent) { return below(100) < percent; }
  std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }

 private:
  std::mt19937_64 engine_;
};

struct Wire {  // a segment on its way
  TcpSegment segment;
  bool offers_scale = false;
  std::uint8_t scale = 0;
};

// Position 0 is the SYN, 1 to `data` the bytes, data + 1 the FIN. 32-bit numbers are the initial number plus
// position.
class Endpoint {
 public:
  Endpoint(Random& random, std::deque<Wire>& out) : random_(random), out_(out) {
    initial_ = random.chance(50) ? 0U - static_cast<std::uint32_t>(random.below(200000)) : random.word();
    data_ = random.chance(20) ? 0 : random.below(random.chance(50) ? 3000 : 300000);
    offers_scale_ = random.chance(70);
    scale_ = static_cast<std::uint8_t>(random.below(random.chance(20) ? 15 : 9));
    buffer_ = 1 + random.below(random.chance(30) ? 2000 : 400000);
    largest_ = 1 + random.below(random.chance(20) ? 60000 : 1460);
  }

  void open() {
    if (!syn_sent_) send_syn();
  }
  [[nodiscard]] bool synchronized() const { return syn_sent_ && acked_ > 0 && peer_known_; }
  [[nodiscard]] bool finished() const { return acked_ == data_ + 2 && fin_received_; }
  [[nodiscard]] std::uint32_t expected() const {
    return peer_initial_ + static_cast<std::uint32_t>(received_);
  }
  [[nodiscard]] std::uint64_t next() const { return next_; }
  // The segment is of no use here: it lies before the window (RFC 9293 section 3.10.7.4, first step) or says
  // nothing new.
  [[nodiscard]] bool useless(const TcpSegment& s) const {
    if (!peer_known_) return false;
    const auto size = s.payload_length + (s.has(kSyn) ? 1 : 0) + (s.has(kFin) ? 1 : 0);
    const std::int64_t begin = position(s.sequence, peer_initial_, received_);
    const auto expected_next = static_cast<std::int64_t>(received_);
    if (size == 0 ? begin < expected_next : begin + size <= expected_next) return true;
    return size == 0 && position(s.acknowledgment, initial_, acked_) <= static_cast<std::int64_t>(acked_);
  }

  void act() {
    read();
    if (!syn_sent_) return;
    if (!synchronized()) {
      if (random_.chance(5)) send_syn();
      return;
    }
    if (random_.chance(40)) send_new();
    if (random_.chance(8) && acked_ < sent_) retransmit();
    if (random_.chance(2)) keepalive();
    if (random_.chance(5)) send_ack();
    if (edge_ <= next_ && acked_ == next_ && next_ < data_ + 2 && random_.chance(10)) {
      emit(next_, next_ <= data_ ? 1 : 0, next_ == data_ + 1);  // RFC 9293 section 3.8.6.1
      next_ = sent_ = std::max(sent_, next_ + 1);
    }
  }

  void receive(const Wire& wire) {
    const TcpSegment& s = wire.segment;
    if (s.has(kSyn)) {
      if (!peer_known_) {
        peer_known_ = true;
        peer_initial_ = s.sequence;
        received_ = 1;
        scaling_ = offers_scale_ && wire.offers_scale;
        peer_scale_ = scaling_ ? wire.scale : 0;
        edge_ = acked_ + s.window + 1;
        if (s.has(kAck)) take_ack(s, 0);
        if (acked_ > 0) {
          send_ack();
        } else {
          send_syn();
        }
        return;
      }
      if (s.has(kAck)) take_ack(s, 0);
      send_ack();
      return;
    }
    if (!peer_known_ || !s.has(kAck)) return;
    take_ack(s, peer_scale_);
    if (!synchronized()) return;
    const std::int64_t begin = position(s.sequence, peer_initial_, received_);
    const std::int64_t end = begin + s.payload_length + (s.has(kFin) ? 1 : 0);
    const std::uint64_t right = received_ + free_space();
    if (end > static_cast<std::int64_t>(received_)) {
      const auto from =
          std::max<std::uint64_t>(received_, static_cast<std::uint64_t>(std::max<std::int64_t>(begin, 0)));
      const std::uint64_t data_end = static_cast<std::uint64_t>(begin) + s.payload_length;
      const std::uint64_t to = std::min(data_end, right);
      if (to > from) held_[from] = std::max(held_[from], to);
      if (s.has(kFin) && data_end <= right) fin_at_ = data_end;
      collect();
    }
    if (end != begin || begin != static_cast<std::int64_t>(received_)) send_ack();
  }

 private:
  static std::int64_t position(std::uint32_t number, std::uint32_t initial, std::uint64_t near) {
    const auto away = static_cast<std::int32_t>(number - initial - static_cast<std::uint32_t>(near));
    return static_cast<std::int64_t>(near) + away;
  }
  [[nodiscard]] std::uint64_t free_space() const { return buffer_ - std::min(unread_, buffer_); }

  void read() {
    if (random_.chance(20)) {
      const bool was_shut = free_space() == 0;
      unread_ -= random_.chance(50) ? unread_ : random_.below(unread_ + 1);
      if (was_shut && synchronized() && free_space() != 0) send_ack();
    }
  }
  void collect() {
    while (!held_.empty() && held_.begin()->first <= received_) {
      const std::uint64_t to = held_.begin()->second;
      held_.erase(held_.begin());
      if (to <= received_) continue;
      unread_ += to - received_;
      received_ = to;
    }
    if (fin_at_ == received_ && !fin_received_) {
      fin_received_ = true;
      ++received_;
    }
  }
  void take_ack(const TcpSegment& s, std::uint8_t scale) {
    const std::int64_t ack = position(s.acknowledgment, initial_, acked_);
    if (ack < 0 || ack > static_cast<std::int64_t>(sent_)) return;
    acked_ = std::max(acked_, static_cast<std::uint64_t>(ack));
    next_ = std::max(next_, acked_);
    edge_ =
        std::max(edge_, static_cast<std::uint64_t>(ack) + (static_cast<std::uint64_t>(s.window) << scale));
  }
  void send_syn() {
    syn_sent_ = true;
    next_ = sent_ = std::max<std::uint64_t>(sent_, 1);
    emit(0, 0, false);
  }
  void send_ack() { emit(random_.chance(80) ? sent_ : next_, 0, false); }
  void keepalive() {  // RFC 9293 section 3.8.4, with and without a byte of garbage
    if (acked_ == sent_ && sent_ > 1 && !(sent_ == data_ + 2)) {
      emit(sent_ - 1, static_cast<std::uint16_t>(random_.below(2)), false);
    }
  }
  void send_new() {
    while (next_ <= data_ && next_ < edge_) {
      const std::uint64_t size = std::min({largest_, data_ + 1 - next_, edge_ - next_});
      const bool fin = next_ + size == data_ + 1 && random_.chance(50) && next_ + size < edge_;
      emit(next_, static_cast<std::uint16_t>(size), fin);
      next_ += size + (fin ? 1 : 0);
      sent_ = std::max(sent_, next_);
      if (random_.chance(30)) return;
    }
    if (next_ == data_ + 1 && random_.chance(30)) {
      emit(next_, 0, true);
      sent_ = std::max(sent_, ++next_);
    }
  }
  void retransmit() {
    if (random_.chance(30)) next_ = acked_;  // go back
    if (acked_ == data_ + 1) return emit(acked_, 0, true);
    const std::uint64_t size = std::min({largest_, data_ + 1 - acked_, sent_ - acked_});
    const bool fin = acked_ + size == data_ + 1 && sent_ == data_ + 2;
    emit(acked_, static_cast<std::uint16_t>(size), fin);
  }
  void emit(std::uint64_t at, std::uint16_t size, bool fin) {
    Wire wire;
    TcpSegment& s = wire.segment;
    s.sequence = initial_ + static_cast<std::uint32_t>(at);
    s.payload_length = size;
    const bool syn = at == 0 && size == 0;
    s.flags = static_cast<std::uint8_t>((syn ? kSyn : 0) | (fin ? kFin : 0) | (peer_known_ ? kAck : 0) |
                                        (random_.chance(20) && size != 0 ? kPsh : 0));
    if (peer_known_) s.acknowledgment = expected();
    const std::uint64_t window = syn || !scaling_ ? free_space() : free_space() >> scale_;
    s.window = static_cast<std::uint16_t>(std::min<std::uint64_t>(window, 65535));
    wire.offers_scale = syn && offers_scale_;
    wire.scale = scale_;
    out_.push_back(wire);
  }

  Random& random_;
  std::deque<Wire>& out_;
  std::uint32_t initial_ = 0, peer_initial_ = 0;
  std::uint64_t data_ = 0, acked_ = 0, next_ = 0, sent_ = 0, edge_ = 0;
  std::uint64_t received_ = 0, buffer_ = 0, unread_ = 0, largest_ = 0, fin_at_ = ~0ULL;
  std::map<std::uint64_t, std::uint64_t> held_;
  bool offers_scale_ = false, scaling_ = false, syn_sent_ = false, peer_known_ = false, fin_received_ = false;
  std::uint8_t scale_ = 0, peer_scale_ = 0;
};

struct Outcome {
  std::uint64_t passed = 0;
  std::uint64_t useless = 0;
  std::uint64_t injected = 0;
  bool finished = false;
  TcpState state = TcpState::kNone;
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : random_(seed) {
    loss_ = static_cast<unsigned>(random_.below(15));
    repeat_ = static_cast<unsigned>(random_.below(10));
    reorder_ = random_.chance(50) ? 1 : 1 + random_.below(12);
    both_open_ = random_.chance(10);
    strangers_ = random_.chance(50);
  }

  Outcome run() {
    ends_[0].open();
    if (both_open_) ends_[1].open();
    for (int step = 0; step < 60000 && !done(); ++step) {
      const std::size_t side = random_.below(2);
      switch (random_.below(5)) {
        case 0:
          ends_[side].act();
          break;
        case 1:
        case 2:
          cross_tracker(side);
          break;
        default:
          deliver(side);
          break;
      }
      if (strangers_ && state_ >= TcpState::kEstablished && random_.chance(10)) inject();
      if (::testing::Test::HasFailure()) break;
    }
    outcome_.finished = ends_[0].finished() && ends_[1].finished();
    outcome_.state = state_;
    return outcome_;
  }

 private:
  bool done() const { return ends_[0].finished() && ends_[1].finished() && state_ == TcpState::kTimeWait; }

  // The next segment of a queue, as the network pleases.
  bool take(std::deque<Wire>& queue, Wire& wire) {
    if (queue.empty()) return false;
    const auto at =
        static_cast<std::ptrdiff_t>(random_.below(std::min<std::uint64_t>(queue.size(), reorder_)));
    wire = queue[static_cast<std::size_t>(at)];
    if (!random_.chance(repeat_)) queue.erase(queue.begin() + at);
    return !random_.chance(loss_);
  }

  TcpVerdict offer(const Wire& wire, std::size_t side) {
    const std::uint8_t options[] = {3, 3, wire.scale, 1};
    TcpSegment segment = wire.segment;
    if (wire.offers_scale) segment.options = options;
    const TcpTrack track_before = track_;
    const TcpState state_before = state_;
    if (state_ == TcpState::kNone) initiator_ = side;
    const auto direction = side == initiator_ ? Direction::kForward : Direction::kReverse;
    net::TcpHeader header{};
    header.sequence = be32(segment.sequence);
    header.acknowledgment = be32(segment.acknowledgment);
    header.flags = segment.flags;
    header.window = be16(segment.window);
    TcpTrack fast_track = track_;
    const bool established = track_established(fast_track, state_, header, segment.payload_length, direction);
    const TcpVerdict verdict = track_tcp(track_, state_, segment, direction, settings_);
    if (verdict != TcpVerdict::kOk) {
      EXPECT_EQ(track_, track_before);
      EXPECT_EQ(state_, state_before);
    }
    // The fast path takes the plain segments of an established connection, and as track_tcp() does.
    const bool plain = state_before == TcpState::kEstablished && verdict == TcpVerdict::kOk &&
                       (segment.flags & (kSyn | kFin | kRst)) == 0;
    EXPECT_EQ(established, plain);
    EXPECT_EQ(fast_track, established ? track_ : track_before);
    return verdict;
  }

  void cross_tracker(std::size_t side) {
    Wire wire;
    if (!take(near_[side], wire)) return;
    const TcpVerdict verdict = offer(wire, side);
    if (refused(verdict)) {
      // Only a late copy may be refused, and only when its receiver has no use for it.
      EXPECT_TRUE(ends_[side ^ 1U].useless(wire.segment))
          << name(verdict) << " in " << name(state_) << " flags " << int{wire.segment.flags} << " from side "
          << side;
      ++outcome_.useless;
      return;
    }
    EXPECT_NE(verdict, TcpVerdict::kReopen);
    ++outcome_.passed;
    far_[side].push_back(wire);
  }

  void deliver(std::size_t side) {
    Wire wire;
    if (take(far_[side], wire)) ends_[side ^ 1U].receive(wire);
  }

  // A stranger knows addresses and ports but not the numbers: at least 8 MiB off, far past any window in use
  // here.
  void inject() {
    constexpr std::uint32_t kFar = 8U << 20;
    static constexpr std::uint8_t kFlags[] = {kAck,        kAck | kPsh, kRst, kRst | kAck,
                                              kFin | kAck, kSyn | kAck, kSyn};
    const std::size_t side = random_.below(2);
    Wire wire;
    TcpSegment& s = wire.segment;
    s.flags = kFlags[random_.below(std::size(kFlags))];
    s.sequence = ends_[side ^ 1U].expected() + kFar +
                 static_cast<std::uint32_t>(random_.below((1ULL << 32) - 2 * kFar));
    s.acknowledgment = random_.word();
    s.window = static_cast<std::uint16_t>(random_.word());
    s.payload_length = static_cast<std::uint16_t>(random_.below(1460));
    if (s.flags == kSyn && state_ == TcpState::kTimeWait) return;  // a new connection, and may be one
    const TcpVerdict verdict = offer(wire, side);
    ++outcome_.injected;
    if (s.flags == kSyn && side == initiator_) {
      EXPECT_EQ(verdict, TcpVerdict::kChallenge);
    } else {
      EXPECT_TRUE(refused(verdict)) << name(verdict) << " in " << name(state_) << " flags " << int{s.flags};
    }
  }

  Random random_;
  std::deque<Wire> near_[2];  // from each side to the tracker
  std::deque<Wire> far_[2];   // from the tracker on
  Endpoint ends_[2] = {{random_, near_[0]}, {random_, near_[1]}};
  TcpTrack track_{};
  TcpState state_ = TcpState::kNone;
  TcpSettings settings_;
  Outcome outcome_;
  unsigned loss_ = 0, repeat_ = 0;
  std::uint64_t reorder_ = 1;
  std::size_t initiator_ = 0;  // the side whose SYN came to the tracker first
  bool both_open_ = false, strangers_ = false;
};

TEST(TcpProperty, LegitimateSegmentsPassAndStrangersDoNot) {
  constexpr std::uint64_t kSeeds = 3000;
  Outcome total;
  std::uint64_t finished = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Outcome outcome = Simulation(seed).run();
    ASSERT_FALSE(HasFailure());
    total.passed += outcome.passed;
    total.useless += outcome.useless;
    total.injected += outcome.injected;
    if (outcome.finished) {
      ++finished;
      EXPECT_EQ(outcome.state, TcpState::kTimeWait);
    }
  }
  // The simulation itself must do something: most connections finish in the steps they have, and strangers
  // tried.
  EXPECT_GT(finished, kSeeds * 4 / 5);
  EXPECT_GT(total.injected, kSeeds * 10);
  EXPECT_LT(total.useless, total.passed / 100);
  RecordProperty("passed", std::to_string(total.passed));
  RecordProperty("useless", std::to_string(total.useless));
  RecordProperty("finished", std::to_string(finished));
}

}  // namespace
}  // namespace millrace::flow
