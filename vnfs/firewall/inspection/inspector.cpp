// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/inspector.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "common/net/wire.h"
#include "vnfs/firewall/inspection/guess_http.h"
#include "vnfs/firewall/session_ends.h"

namespace millrace::firewall::inspection {
namespace {

using What = Judgement::What;

std::size_t index_of(Side side) noexcept { return side == Side::kServer ? 1 : 0; }

bool is_tcp(const Evidence& evidence) noexcept { return evidence.subject.protocol == net::protocol::kTcp; }

std::size_t length_of(std::span<const MutableBytes> pieces) noexcept {
  std::size_t length = 0;
  for (const MutableBytes& piece : pieces) length += piece.size();
  return length;
}

// Three quarters of what an event shows lie before the end of the match.
Bytes around(Bytes bytes, std::size_t end) noexcept {
  constexpr std::size_t kBefore = InspectionEvent::kMostPayload / 4 * 3;
  const std::size_t from = std::min(end > kBefore ? end - kBefore : 0, bytes.size());
  return bytes.subspan(from, std::min(bytes.size() - from, InspectionEvent::kMostPayload));
}

// Bodies, of either side, that come behind their message's head.
constexpr Buffers kBodies =
    bit(Buffer::kHttpRequestBody) | bit(Buffer::kHttpResponseBody) | bit(Buffer::kFileData);

// To make a head's parts again costs about as much as to look at its bytes. False when that was done too
// often.
bool spend(MatchState& state, HttpPlace head) noexcept {
  const std::uint32_t cost = head.end - head.begin;
  if (state.work < cost) {
    state.work = 0;
    return false;
  }
  state.work -= cost;
  return true;
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

template <class Address>
void put_address(const Address& address, std::array<std::uint8_t, 16>& out) noexcept {
  std::memcpy(out.data(), &address, sizeof address);
}

void put(const net::IpAddress& address, std::array<std::uint8_t, 16>& out) noexcept {
  out = {};
  if (address.is_v4()) {
    put_address(address.v4(), out);
  } else {
    put_address(address.v6(), out);
  }
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

void Inspector::block(Conversation& talk) noexcept {
  talk.blocked = true;
  for (const std::size_t side : {0U, 1U}) end_stream(talk, side);
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

InspectionEvent Inspector::event_of(const Session& session, const Inspection& by, Side side, Tick now,
                                    std::uint64_t tsc) const noexcept {
  InspectionEvent event{};
  const SessionEnds ends = ends_of(session);
  const bool from_client = side != Side::kServer;
  put(from_client ? ends.initiator : ends.responder, event.source);
  put(from_client ? ends.responder : ends.initiator, event.destination);
  event.source_port = from_client ? ends.initiator_port : ends.responder_port;
  event.destination_port = from_client ? ends.responder_port : ends.initiator_port;
  event.tsc = tsc;
  event.session = session.id;
  event.inspection = by.serial;
  event.rule_slot = session.rule_slot;
  for (const Direction direction : {Direction::kForward, Direction::kReverse}) {
    event.packets[static_cast<std::size_t>(direction)] = session.total_packets(direction);
    event.bytes[static_cast<std::size_t>(direction)] = session.total_bytes(direction);
  }
  event.age_ms = now - session.created;
  event.segment = session.segment().number();
  event.ingress = session.ingress;
  event.worker = worker_;
  event.side = side;
  event.protocol = session.key.protocol();
  event.family = ends.initiator.family();
  return event;
}

void Inspector::note(const Session& session, const Inspection& by, Notable notable, Side side,
                     Outcome outcome, Tick now, std::uint64_t tsc) noexcept {
  const bool unseen = notable < Notable::kConflict;
  if (unseen && outcome == Outcome::kAllowed) unseen_.add(1);
  InspectionEvent event = event_of(session, by, side, now, tsc);
  event.kind = unseen ? EventKind::kUnseen : EventKind::kAnomaly;
  event.outcome = outcome;
  event.reason = static_cast<std::uint8_t>(notable);
  static_cast<void>(events_.push(event));
}

void Inspector::note_anomaly(Conversation& talk, const Inspection& by, const Evidence& evidence, Speech of,
                             std::uint8_t anomaly) noexcept {
  constexpr std::uint8_t kMostOfSession = 16;
  if (talk.anomalies_told == kMostOfSession) return;
  ++talk.anomalies_told;
  const Subject& subject = evidence.subject;
  InspectionEvent event = event_of(evidence.session, by, subject.side, subject.now, evidence.tsc);
  event.kind = EventKind::kAnomaly;
  event.speech = of;
  event.reason = anomaly;
  static_cast<void>(events_.push(event));
}

void Inspector::tell(Conversation& talk, const Inspection& by, const Evidence& evidence, const Hit& hit,
                     Outcome outcome) noexcept {
  const Subject& subject = evidence.subject;
  InspectionEvent event = event_of(evidence.session, by, subject.side, subject.now, evidence.tsc);
  event.kind = EventKind::kAlert;
  event.outcome = outcome;
  event.signature = hit.signature;
  event.speech = talk.speech;
  event.stream = is_tcp(evidence) && !subject.by_segment;
  Parts parts = *subject.parts;
  if (hit.buffer == Buffer::kPayload) {
    event.payload.set(around(parts[Buffer::kPayload], hit.end));
  } else {  // the message from its beginning
    const Bytes payload = parts[Buffer::kPayload];
    const std::size_t begin = talk.http[index_of(subject.side)].head().begin;
    event.payload.set(payload.subspan(std::min(begin, payload.size())));
  }
  // What a person wants to know beside it: what was asked for.
  if (talk.speech == Speech::kHttp && !parts.has(Buffer::kHttpMethod)) {
    const HttpPlace head = talk.http[0].head();
    if (head.end > head.begin) add_head(talk.streams[0].bytes(pool_), head, Side::kClient, room_, parts);
  }
  event.method.set(parts[Buffer::kHttpMethod]);
  event.target.set(parts[Buffer::kHttpRawUri]);
  event.agent.set(parts[Buffer::kHttpUserAgent]);
  for (const Buffer buffer : {Buffer::kHttpHost, Buffer::kTlsSni, Buffer::kDnsQuery}) {
    if (parts.has(buffer)) event.host.set(parts[buffer]);
  }
  static_cast<void>(events_.push(event));
}

Judgement Inspector::overloaded(Conversation& talk, const Inspection& by, const Evidence& evidence,
                                Notable why) noexcept {
  const Subject& subject = evidence.subject;
  if (!talk.told_unseen) {
    talk.told_unseen = true;
    note(evidence.session, by, why, subject.side,
         by.drop_when_overloaded ? Outcome::kBlocked : Outcome::kAllowed, subject.now, evidence.tsc);
  }
  if (by.drop_when_overloaded) return {.what = What::kOverloaded};
  return {.finished = true};
}

void Inspector::ask(Conversation& talk, const Inspection& by, const Evidence& evidence,
                    Judgement& judgement) noexcept {
  Subject& subject = evidence.subject;
  Matcher& matcher = *by.matchers[worker_];
  Hits hits;
  const std::size_t side = index_of(subject.side);
  const MatchOutcome outcome = matcher.match(subject, talk.match[side], talk.bits, thresholds_, hits);
  if (!subject.by_segment) talk.waits[side] = outcome.waits;
  for (const Hit& hit : hits.all()) {
    const CompiledSignature& signature = by.set->signatures()[hit.signature];
    const Response response = response_of(signature, by.on_match);
    if (response == Response::kPass) break;
    const bool ends = response != Response::kAlert;
    if (ends && judgement.what == What::kPass)
      judgement.what = response == Response::kReject ? What::kReject : What::kDrop;
    if (hit.told) tell(talk, by, evidence, hit, ends ? Outcome::kBlocked : Outcome::kAllowed);
  }
  matches_.add(hits.count + hits.more);
  if (outcome.passed) judgement.finished = true;
  if (outcome.exhausted && judgement.what == What::kPass)
    judgement = overloaded(talk, by, evidence, Notable::kNoTime);
}

// Which protocol it is, once enough was said.
void Inspector::settle_speech(Conversation& talk, Subject& subject) noexcept {
  if (talk.speech_settled) return;
  const Guess http = guess_http(talk.streams[0].bytes(pool_));
  talk.speech_settled = http != Guess::kNotYet;
  if (http == Guess::kYes) talk.speech = Speech::kHttp;
  if (talk.speech == Speech::kUnknown) return;
  subject.speech = talk.speech;
  subject.opening = true;
}

HttpWork Inspector::http_work(Conversation& talk, const Inspection& by, PoolStore& joined,
                              PoolStore& unpacked) noexcept {
  return {.room = room_,
          .exchange = talk.exchange,
          .joined = joined,
          .unpacked = unpacked,
          .inflate = inflate_,
          .most_joined = by.streams.inspect_bytes,
          .most_unpacked = by.streams.inspect_bytes};
}

// The signatures about a message's parts, and with the first of them those about the stream's new bytes.
void Inspector::read_http(Conversation& talk, const Inspection& by, const Evidence& evidence, bool ended,
                          Judgement& judgement, Buffers& fresh_stream) noexcept {
  Subject& subject = evidence.subject;
  const std::size_t side = index_of(subject.side);
  const Bytes stream = talk.streams[side].bytes(pool_);
  PoolStore joined(pool_, talk.joined[side]);
  PoolStore unpacked(pool_, talk.unpacked[side]);
  const HttpWork work = http_work(talk, by, joined, unpacked);
  const auto on_event = [&](const HttpEvent& event) noexcept {
    for (std::uint64_t bits = event.anomalies.bits(); bits != 0; bits &= bits - 1)
      note_anomaly(talk, by, evidence, Speech::kHttp, static_cast<std::uint8_t>(std::countr_zero(bits)));
    if (event.what == HttpEvent::What::kAnomaly) return true;
    Parts parts = event.parts;
    subject.fresh = parts.present | std::exchange(fresh_stream, 0);
    if (event.what == HttpEvent::What::kHead) {
      talk.match[side].next_message();
    } else if ((talk.waits[side] & subject.fresh) != 0 && spend(talk.match[side], event.head)) {
      add_head(stream, event.head, subject.side, room_, parts);
    }
    parts.set(Buffer::kPayload, stream, true);
    subject.parts = &parts;
    subject.coming = event.ends ? 0 : kBodies;
    ask(talk, by, evidence, judgement);
    subject.coming = ~Buffers{0};
    return judgement.what == What::kPass && !judgement.finished;
  };
  if (talk.http[side].advance(stream, ended, subject.side, work, on_event) == HttpProgress::kOver)
    talk.unreadable[side] = true;
}

void Inspector::ask_stream(Conversation& talk, const Inspection& by, const Evidence& evidence, bool ended,
                           Judgement& judgement) noexcept {
  Subject& subject = evidence.subject;
  const std::size_t side = index_of(subject.side);
  settle_speech(talk, subject);
  Buffers fresh_stream = bit(Buffer::kPayload);
  if (talk.speech == Speech::kHttp && !talk.unreadable[side])
    read_http(talk, by, evidence, ended, judgement, fresh_stream);
  if (fresh_stream == 0 || judgement.what != What::kPass || judgement.finished) return;
  const Bytes stream = talk.streams[side].bytes(pool_);
  parts_.clear();
  const HttpPlace head = talk.http[side].head();
  if (head.end > head.begin && (talk.waits[side] & fresh_stream) != 0 && spend(talk.match[side], head))
    add_head(stream, head, subject.side, room_, parts_);
  parts_.set(Buffer::kPayload, stream, true);
  subject.parts = &parts_;
  subject.fresh = fresh_stream;
  // Of a session that speaks nothing that is read, no other part will come.
  if (talk.speech_settled && talk.speech == Speech::kUnknown) subject.coming = 0;
  ask(talk, by, evidence, judgement);
}

// The stream is known from here on, unless it is known already. False when the segment contradicts what is
// known: a SYN may be sent again, but not with another number once it has brought bytes.
bool Inspector::begin_stream(Conversation& talk, const Inspection& by, const Evidence& evidence) noexcept {
  const Subject& subject = evidence.subject;
  const std::size_t side = index_of(subject.side);
  Stream& stream = talk.streams[side];
  const bool syn = (subject.tcp_flags & net::tcp_flag::kSyn) != 0;
  if (stream.window() != 0) {
    if (!syn || talk.first_sequence[side] == evidence.sequence) return true;
    if (stream.in_order_end() != 0) return false;
    stream.end(pool_);
  } else if (!syn) {
    if (evidence.payload.empty()) return true;
    note(evidence.session, by, Notable::kInMidStream, subject.side, Outcome::kAllowed, subject.now,
         evidence.tsc);
  }
  talk.first_sequence[side] = evidence.sequence;
  stream.begin(evidence.sequence, by.streams);
  return true;
}

void Inspector::end_stream(Conversation& talk, std::size_t side) noexcept {
  PoolStore joined(pool_, talk.joined[side]);
  PoolStore unpacked(pool_, talk.unpacked[side]);
  talk.http[side].end({.room = room_,
                       .exchange = talk.exchange,
                       .joined = joined,
                       .unpacked = unpacked,
                       .inflate = inflate_});
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

Judgement Inspector::judge_stream(Conversation& talk, const Inspection& by,
                                  const Evidence& evidence) noexcept {
  const Subject& subject = evidence.subject;
  const std::size_t side = index_of(subject.side);
  const std::size_t other = side ^ 1U;
  if ((subject.tcp_flags & net::tcp_flag::kAck) != 0 && talk.streams[other].window() != 0) {
    talk.streams[other].acknowledged(evidence.acknowledgment);
    if (talk.streams[other].done()) end_stream(talk, other);
  }
  Judgement judgement;
  judgement.finished = talk.over[0] && talk.over[1];
  if (subject.opening) ask(talk, by, evidence, judgement);
  if (talk.over[side]) return judgement;
  if (!begin_stream(talk, by, evidence)) {
    judgement.what = What::kConflict;
    return judgement;
  }
  // What a reset carries is not read (RFC 9293 section 3.5.3).
  if ((subject.tcp_flags & net::tcp_flag::kRst) != 0) return judgement;
  const bool fin = (subject.tcp_flags & net::tcp_flag::kFin) != 0;
  if (evidence.payload.empty()) {
    if (fin && ends_here(talk, side, evidence)) ask_stream(talk, by, evidence, true, judgement);
    return judgement;
  }
  const Offer offer = talk.streams[side].offer(pool_, evidence.sequence, evidence.payload, by.streams);
  judgement.rewritten = offer.rewritten;
  const auto noted = [&](Notable notable, Outcome outcome) {
    note(evidence.session, by, notable, subject.side, outcome, subject.now, evidence.tsc);
  };
  if (offer.rewritten) noted(Notable::kRewritten, Outcome::kAllowed);
  switch (offer.verdict) {
    case StreamVerdict::kNew:
      ask_stream(talk, by, evidence, fin && ends_here(talk, side, evidence), judgement);
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
      judgement = overloaded(talk, by, evidence, Notable::kNoMemory);
      break;
    case StreamVerdict::kHeld:
    case StreamVerdict::kOld:
    case StreamVerdict::kBeyond:
      break;
  }
  return judgement;
}

Judgement Inspector::judge_datagram(Conversation& talk, const Inspection& by,
                                    const Evidence& evidence) noexcept {
  Subject& subject = evidence.subject;
  std::uint32_t& looked_at = talk.datagram_bytes[index_of(subject.side)];
  Judgement judgement;
  parts_.clear();
  parts_.set(Buffer::kPayload, in_one_piece(evidence.payload));
  subject.parts = &parts_;
  subject.fresh = bit(Buffer::kPayload);
  ask(talk, by, evidence, judgement);
  const auto length = static_cast<std::uint32_t>(parts_[Buffer::kPayload].size());
  looked_at = std::min(looked_at, by.streams.inspect_bytes) + length;
  const bool enough = talk.datagram_bytes[0] >= by.streams.inspect_bytes &&
                      talk.datagram_bytes[1] >= by.streams.inspect_bytes;
  if (enough && talk.speech != Speech::kDns) judgement.finished = true;
  return judgement;
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
  Judgement judgement =
      is_tcp(evidence) ? judge_stream(talk, by, evidence) : judge_datagram(talk, by, evidence);
  if (is_tcp(evidence) && judgement.what == What::kPass && !judgement.finished &&
      by.set->looks_at_segments(subject.side)) {
    parts_.clear();
    parts_.set(Buffer::kPayload, in_one_piece(evidence.payload));
    subject.parts = &parts_;
    subject.fresh = bit(Buffer::kPayload);
    subject.by_segment = true;
    ask(talk, by, evidence, judgement);
  }
  // Each side has acknowledged all that the other said, to its end: nothing can be added or replaced.
  if (is_tcp(evidence) && evidence.session.tcp_state == flow::TcpState::kTimeWait) judgement.finished = true;
  room_.clear();
  if (judgement.what == What::kDrop || judgement.what == What::kReject) block(talk);
  return judgement;
}

}  // namespace millrace::firewall::inspection
