// SPDX-License-Identifier: BSD-3-Clause
// Messages of what a session speaks: signatures are asked about the parts of each.
#include <algorithm>
#include <bit>
#include <utility>

#include "vnfs/firewall/inspection/evidence.h"

namespace millrace::firewall::inspection {
namespace {

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

}  // namespace

// The signatures about parts of a message, and with the first of them those about the payload. False when
// nothing more is to be asked.
bool Inspector::ask_about(Case& now, Parts& parts, Buffers fresh, Buffers coming) noexcept {
  Subject& subject = now.evidence.subject;
  subject.fresh = fresh | std::exchange(now.unasked, 0);
  parts.set(Buffer::kPayload, now.payload, now.grows);
  subject.parts = &parts;
  subject.coming = coming;
  ask(now);
  subject.coming = ~Buffers{0};
  return now.undecided();
}

// A message that is all there.
bool Inspector::ask_message(Case& now, const Parts& found) noexcept {
  now.talk.match[now.side()].next_message();
  parts_ = found;
  return ask_about(now, parts_, found.present, 0);
}

void Inspector::note_anomalies(Case& now, Speech of, std::uint64_t anomalies) noexcept {
  for (; anomalies != 0; anomalies &= anomalies - 1)
    note_anomaly(now, of, static_cast<std::uint8_t>(std::countr_zero(anomalies)));
}

void Inspector::read_http(Case& now, HttpDialogue& http) noexcept {
  const std::size_t side = now.side();
  MatchState& match = now.talk.match[side];
  PoolStore joined(pool_, http.joined[side]);
  PoolStore unpacked(pool_, http.unpacked[side]);
  const HttpWork work{.room = room_,
                      .exchange = http.exchange,
                      .joined = joined,
                      .unpacked = unpacked,
                      .inflate = inflate_,
                      .most_joined = now.by.streams.inspect_bytes,
                      .most_unpacked = now.by.streams.inspect_bytes};
  const auto on_event = [&](const HttpEvent& event) noexcept {
    note_anomalies(now, Speech::kHttp, event.anomalies.bits());
    if (event.what == HttpEvent::What::kAnomaly) return true;
    const Buffers fresh = event.parts.present;
    if (event.what == HttpEvent::What::kHead) {
      match.next_message();
    } else if ((now.talk.waits[side] & (fresh | now.unasked)) != 0 && spend(match, event.head)) {
      add_head(now.payload, event.head, now.evidence.subject.side, room_, event.parts);
    }
    return ask_about(now, event.parts, fresh, event.ends ? 0 : kBodies);
  };
  const Side from = now.evidence.subject.side;
  if (http.readers[side].advance(now.payload, now.ended, from, work, on_event) == HttpProgress::kOver)
    now.talk.unreadable[side] = true;
}

void Inspector::read_tls(Case& now, TlsDialogue& tls) noexcept {
  const std::size_t side = now.side();
  const auto on_event = [&](const readers::TlsEvent& event) noexcept {
    note_anomalies(now, Speech::kTls, event.anomalies.bits());
    return event.parts.present == 0 || ask_message(now, event.parts);
  };
  const Bytes stream = now.payload.subspan(std::min<std::size_t>(tls.begins[side], now.payload.size()));
  const Side from = now.evidence.subject.side;
  if (tls.readers[side].advance(stream, now.ended, from, room_, on_event) == readers::ReadProgress::kOver)
    now.talk.unreadable[side] = true;
}

bool Inspector::take_dns(Case& now, const readers::DnsEvent& event) noexcept {
  note_anomalies(now, Speech::kDns, event.anomalies.bits());
  return event.what != readers::DnsEvent::What::kQuestion || event.is_answer || ask_message(now, event.parts);
}

void Inspector::read_dns(Case& now, DnsDialogue& dns) noexcept {
  const std::size_t side = now.side();
  const auto on_event = [&](const readers::DnsEvent& event) noexcept { return take_dns(now, event); };
  if (dns.readers[side].advance(now.payload, now.ended, on_event) == readers::ReadProgress::kOver)
    now.talk.unreadable[side] = true;
}

void Inspector::read_ssh(Case& now, SshDialogue& ssh) noexcept {
  const std::size_t side = now.side();
  const auto on_event = [&](const readers::SshEvent& event) noexcept {
    note_anomalies(now, Speech::kSsh, event.anomalies.bits());
    return event.parts.present == 0 || ask_message(now, event.parts);
  };
  const Side from = now.evidence.subject.side;
  if (ssh.readers[side].advance(now.payload, now.ended, from, on_event) == readers::ReadProgress::kOver)
    now.talk.unreadable[side] = true;
}

bool Inspector::take_smtp(Case& now, const readers::SmtpEvent& event) noexcept {
  using Event = readers::SmtpEvent::What;
  constexpr Buffers kMail = bit(Buffer::kFileData);
  constexpr Buffers kEnvelope = bit(Buffer::kSmtpMailFrom) | bit(Buffer::kSmtpRcptTo);
  note_anomalies(now, Speech::kSmtp, event.anomalies.bits());
  parts_ = event.parts;
  MatchState& match = now.talk.match[now.side()];
  switch (event.what) {
    case Event::kHelo:
      match.next_message();
      return ask_about(now, parts_, bit(Buffer::kSmtpHelo), kEnvelope | kMail);
    case Event::kMailFrom:
      match.next_message();
      return ask_about(now, parts_, bit(Buffer::kSmtpMailFrom), kEnvelope | kMail);
    case Event::kRcptTo:
      return ask_about(now, parts_, bit(Buffer::kSmtpRcptTo), kMail);
    case Event::kMail:
      if (event.begins) match.next_message();
      return ask_about(now, parts_, kMail, 0);
    case Event::kReply:
    case Event::kAnomaly:
      break;
  }
  return true;
}

void Inspector::read_smtp(Case& now, SmtpDialogue& smtp) noexcept {
  Conversation& talk = now.talk;
  const std::size_t side = now.side();
  PoolStore joined(pool_, smtp.joined[side]);
  const readers::SmtpWork work{
      .exchange = smtp.exchange, .joined = joined, .most_joined = now.by.streams.inspect_bytes};
  const auto on_event = [&](const readers::SmtpEvent& event) noexcept { return take_smtp(now, event); };
  const Side from = now.evidence.subject.side;
  if (smtp.readers[side].advance(now.payload, now.ended, from, work, on_event) ==
      readers::ReadProgress::kOver)
    talk.unreadable[side] = true;
  if (!smtp.exchange.tls()) return;
  // RFC 3207: what either side says next is TLS.
  const std::array<std::uint32_t, 2> begins{smtp.readers[0].tls_begin(), smtp.readers[1].tls_begin()};
  for (PooledBytes& mail : smtp.joined) mail.clear(pool_);
  begin_speech(talk, Speech::kTls);
  std::get_if<TlsDialogue>(&talk.dialogue)->begins = begins;
  now.evidence.subject.speech = talk.speech;
  now.evidence.subject.opening = true;
}

// The messages that the payload has added to, of a stream.
void Inspector::read_stream(Case& now) noexcept {
  Conversation& talk = now.talk;
  if (talk.unreadable[now.side()]) return;
  if (auto* http = std::get_if<HttpDialogue>(&talk.dialogue)) return read_http(now, *http);
  if (auto* tls = std::get_if<TlsDialogue>(&talk.dialogue)) return read_tls(now, *tls);
  if (auto* dns = std::get_if<DnsDialogue>(&talk.dialogue)) return read_dns(now, *dns);
  if (auto* ssh = std::get_if<SshDialogue>(&talk.dialogue)) return read_ssh(now, *ssh);
  if (auto* smtp = std::get_if<SmtpDialogue>(&talk.dialogue)) return read_smtp(now, *smtp);
}

// Another connection of QUIC may begin between the same ends: each hello is read.
void Inspector::read_quic(Case& now, QuicDialogue& quic) noexcept {
  if (quic.hello.over()) {
    if (!readers::is_quic_initial(now.payload)) return;
    quic.hello = {};
  }
  const auto on_event = [&](const readers::TlsEvent& event) noexcept {
    if (!quic.told) note_anomalies(now, Speech::kQuic, event.anomalies.bits());
    if (event.what != readers::TlsEvent::What::kClientHello) return true;
    quic.told = true;
    return event.parts.present == 0 || ask_message(now, event.parts);
  };
  static_cast<void>(
      quic.hello.advance(now.payload, {.room = room_, .crypto = *quic_, .pool = pool_}, on_event));
}

void Inspector::read_datagram(Case& now) noexcept {
  if (auto* quic = std::get_if<QuicDialogue>(&now.talk.dialogue)) {
    if (now.side() == 0) read_quic(now, *quic);
  } else if (std::holds_alternative<DnsDialogue>(now.talk.dialogue)) {
    const auto on_event = [&](const readers::DnsEvent& event) noexcept { return take_dns(now, event); };
    static_cast<void>(readers::read_dns(now.payload, on_event));
  }
}

// What no message has had the signatures asked about.
void Inspector::ask_rest(Case& now) noexcept {
  if (now.unasked == 0 || !now.undecided()) return;
  Conversation& talk = now.talk;
  const std::size_t side = now.side();
  parts_.clear();
  const HttpPlace head = talk.http_head(side);
  if (head.end > head.begin && (talk.waits[side] & now.unasked) != 0 && spend(talk.match[side], head))
    add_head(now.payload, head, now.evidence.subject.side, room_, parts_);
  // Of a datagram, and of a session that speaks nothing that is read, no other part will come.
  const bool no_more = !now.grows || (talk.speech_settled && talk.speech == Speech::kUnknown);
  static_cast<void>(ask_about(now, parts_, 0, no_more ? 0 : ~Buffers{0}));
}

void Inspector::ask_stream(Case& now) noexcept {
  now.payload = now.talk.streams[now.side()].bytes(pool_);
  now.grows = true;
  now.unasked = bit(Buffer::kPayload);
  settle_speech(now);
  read_stream(now);
  ask_rest(now);
}

void Inspector::ask_datagram(Case& now) noexcept {
  now.payload = in_one_piece(now.evidence.payload);
  now.unasked = bit(Buffer::kPayload);
  settle_datagrams(now);
  now.talk.match[now.side()].next_message();
  read_datagram(now);
  ask_rest(now);
}

}  // namespace millrace::firewall::inspection
