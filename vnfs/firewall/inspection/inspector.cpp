// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/inspector.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "vnfs/firewall/inspection/evidence.h"

namespace millrace::firewall::inspection {
namespace {

std::size_t length_of(std::span<const MutableBytes> pieces) noexcept {
  std::size_t length = 0;
  for (const MutableBytes& piece : pieces) length += piece.size();
  return length;
}

// Whether a FIN stands behind the bytes that are there.
bool ends_here(const Conversation& talk, std::size_t side, const Evidence& evidence) noexcept {
  const auto end = static_cast<std::uint32_t>(length_of(evidence.payload));
  return evidence.sequence + end - talk.first_sequence[side] == talk.streams[side].in_order_end();
}

Response response_of(const CompiledSignature& signature, OnMatch on_match) noexcept {
  if (signature.response == Response::kPass || on_match == OnMatch::kAsWritten) return signature.response;
  if (on_match == OnMatch::kAlert) return Response::kAlert;
  return signature.response == Response::kAlert ? Response::kDrop : signature.response;
}

}  // namespace

std::uint32_t Inspector::open(std::uint16_t inspection) noexcept {
  if (free_count_ == 0) return 0;
  const std::uint32_t number = free_[--free_count_];
  Conversation& talk = conversations_[number];
  talk = {};
  talk.inspection = inspection;
  talk.in_use = true;
  in_use_.add(1);
  return number + 1;
}

void Inspector::close(std::uint32_t conversation) noexcept {
  Conversation& talk = (*this)[conversation];
  for (const std::size_t side : {0U, 1U}) end_stream(talk, side);
  talk.in_use = false;
  free_[free_count_++] = conversation - 1;
  in_use_.set(in_use_.read() - 1);
}

Bytes Inspector::in_one_piece(std::span<const MutableBytes> pieces) noexcept {
  if (pieces.empty()) return {};
  if (pieces.size() == 1) return pieces[0];
  const MutableBytes whole = room_.take(length_of(pieces));
  std::size_t at = 0;
  for (const MutableBytes& piece : pieces) {
    if (at + piece.size() > whole.size()) break;
    std::memcpy(whole.data() + at, piece.data(), piece.size());
    at += piece.size();
  }
  return whole;
}

Judgement Inspector::overloaded(Case& now, Notable why) noexcept {
  const bool drops = now.by.drop_when_overloaded;
  const Subject& subject = now.evidence.subject;
  if (!now.talk.told_unseen) {
    now.talk.told_unseen = true;
    note(now.evidence.session, now.by, why, subject.side, drops ? Outcome::kBlocked : Outcome::kAllowed,
         subject.now, now.evidence.tsc);
  }
  if (drops) return {.what = What::kOverloaded};
  return {.finished = true};
}

void Inspector::ask(Case& now) noexcept {
  const Subject& subject = now.evidence.subject;
  Judgement& judgement = now.judgement;
  const std::size_t side = now.side();
  if (now.evidence.lists.lists != nullptr) ask_lists(now);
  Hits hits;
  const MatchOutcome outcome =
      now.by.matchers[worker_]->match(subject, now.talk.match[side], now.talk.bits, thresholds_, hits);
  if (!subject.by_segment) now.talk.waits[side] = outcome.waits;
  for (const Hit& hit : hits.all()) {
    const CompiledSignature& signature = now.by.set->signatures()[hit.signature];
    const Response response = response_of(signature, now.by.on_match);
    if (response == Response::kPass) break;
    const bool ends = response != Response::kAlert;
    if (ends && judgement.what == What::kPass)
      judgement.what = response == Response::kReject ? What::kReject : What::kDrop;
    if (hit.told) tell(now, hit, ends ? Outcome::kBlocked : Outcome::kAllowed);
    if (hit.told && !std::exchange(now.talk.copied, true)) now.talk.copies_left = now.by.copied_packets;
  }
  matches_.add(hits.count + hits.more);
  if (outcome.passed) judgement.finished = true;
  if (outcome.exhausted && judgement.what == What::kPass) judgement = overloaded(now, Notable::kNoTime);
}

// The stream is known from here on, unless it is known already. False when the segment contradicts what is
// known: a SYN may be sent again, but not with another number once it has brought bytes.
bool Inspector::begin_stream(Case& now) noexcept {
  const Evidence& evidence = now.evidence;
  const Subject& subject = evidence.subject;
  const std::size_t side = now.side();
  Stream& stream = now.talk.streams[side];
  const bool syn = (subject.tcp_flags & net::tcp_flag::kSyn) != 0;
  if (stream.window() != 0) {
    if (!syn || now.talk.first_sequence[side] == evidence.sequence) return true;
    if (stream.in_order_end() != 0) return false;
    stream.end(pool_);
  } else if (!syn) {
    if (evidence.payload.empty()) return true;
    note(evidence.session, now.by, Notable::kInMidStream, subject.side, Outcome::kAllowed, subject.now,
         evidence.tsc);
  }
  now.talk.first_sequence[side] = evidence.sequence;
  stream.begin(evidence.sequence, now.by.streams);
  return true;
}

void Inspector::end_stream(Conversation& talk, std::size_t side) noexcept {
  end_speech(talk, side);
  talk.streams[side].end(pool_);
  talk.over[side] = true;
}

bool Inspector::goes_by(Conversation& talk, const Inspection& by, Side side, std::uint8_t tcp_flags,
                        bool has_payload, std::uint32_t acknowledgment) noexcept {
  using namespace net::tcp_flag;
  const std::size_t own = index_of(side);
  if ((tcp_flags & (kSyn | kFin | kRst | kAck)) != kAck || !talk.opened[own] || !talk.established)
    return false;
  if ((has_payload && !talk.over[own]) || (talk.over[0] && talk.over[1])) return false;
  if (by.set->looks_at_segments(side)) return false;
  Stream& other = talk.streams[own ^ 1U];
  if (other.window() != 0) {
    other.acknowledged(acknowledgment);
    if (other.done()) end_stream(talk, own ^ 1U);
  }
  return true;
}

void Inspector::judge_stream(Case& now) noexcept {
  Conversation& talk = now.talk;
  const Evidence& evidence = now.evidence;
  const Subject& subject = evidence.subject;
  Judgement& judgement = now.judgement;
  const std::size_t side = now.side();
  const std::size_t other = side ^ 1U;
  if ((subject.tcp_flags & net::tcp_flag::kAck) != 0 && talk.streams[other].window() != 0) {
    talk.streams[other].acknowledged(evidence.acknowledgment);
    if (talk.streams[other].done()) end_stream(talk, other);
  }
  judgement.finished = talk.over[0] && talk.over[1];
  if (subject.opening) ask(now);
  if (talk.over[side]) return;
  if (!begin_stream(now)) {
    judgement.what = What::kConflict;
    return;
  }
  // What a reset carries is not read (RFC 9293 section 3.5.3).
  if ((subject.tcp_flags & net::tcp_flag::kRst) != 0) return;
  const bool fin = (subject.tcp_flags & net::tcp_flag::kFin) != 0;
  if (evidence.payload.empty()) {
    now.ended = fin && ends_here(talk, side, evidence);
    if (now.ended) ask_stream(now);
    return;
  }
  const Offer offer = talk.streams[side].offer(pool_, evidence.sequence, evidence.payload, now.by.streams);
  judgement.rewritten = offer.rewritten;
  const auto noted = [&](Notable notable, Outcome outcome) {
    note(evidence.session, now.by, notable, subject.side, outcome, subject.now, evidence.tsc);
  };
  if (offer.rewritten) noted(Notable::kRewritten, Outcome::kAllowed);
  switch (offer.verdict) {
    case StreamVerdict::kNew:
      now.ended = fin && ends_here(talk, side, evidence);
      ask_stream(now);
      break;
    case StreamVerdict::kConflict:
      noted(Notable::kConflict, Outcome::kBlocked);
      judgement.what = What::kConflict;
      break;
    case StreamVerdict::kTooManyHoles:
    case StreamVerdict::kTooFarAhead:
      judgement.what = What::kHoles;
      break;
    case StreamVerdict::kNoMemory:
      judgement = overloaded(now, Notable::kNoMemory);
      break;
    case StreamVerdict::kHeld:
    case StreamVerdict::kOld:
    case StreamVerdict::kBeyond:
      break;
  }
}

void Inspector::judge_datagram(Case& now) noexcept {
  Conversation& talk = now.talk;
  ask_datagram(now);
  const std::uint32_t window = now.by.streams.inspect_bytes;
  std::uint32_t& looked_at = talk.datagram_bytes[now.side()];
  looked_at = std::min(looked_at, window) + static_cast<std::uint32_t>(now.payload.size());
  const bool enough = talk.datagram_bytes[0] >= window && talk.datagram_bytes[1] >= window;
  if (enough && talk.speech != Speech::kDns) now.judgement.finished = true;
}

// A segment of TCP by itself, for signatures that look at packets.
void Inspector::judge_segment(Case& now) noexcept {
  Subject& subject = now.evidence.subject;
  parts_.clear();
  parts_.set(Buffer::kPayload, in_one_piece(now.evidence.payload));
  subject.parts = &parts_;
  subject.fresh = bit(Buffer::kPayload);
  subject.by_segment = true;
  ask(now);
}

Judgement Inspector::judge(Conversation& talk, const Inspection& by, const Evidence& evidence) noexcept {
  static constexpr Parts kNone{};
  Subject& subject = evidence.subject;
  const std::size_t side = index_of(subject.side);
  subject.opening = !talk.opened[side] || (subject.established && !talk.established);
  talk.opened[side] = true;
  talk.established = subject.established;
  subject.speech = talk.speech;
  subject.parts = &kNone;
  Judgement judgement;
  Case now{.talk = talk, .by = by, .evidence = evidence, .judgement = judgement};
  if (!is_tcp(evidence)) {
    judge_datagram(now);
  } else {
    judge_stream(now);
    if (now.undecided() && by.set->looks_at_segments(subject.side)) judge_segment(now);
    // Each side has acknowledged all that the other said, to its end: nothing can be added or replaced.
    if (evidence.session.tcp_state == flow::TcpState::kTimeWait) judgement.finished = true;
  }
  room_.clear();
  judgement.blocks = judgement.what == What::kDrop || judgement.what == What::kReject;
  return judgement;
}

}  // namespace millrace::firewall::inspection
