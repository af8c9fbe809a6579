// SPDX-License-Identifier: BSD-3-Clause
#include <bit>
#include <utility>

#include "vnfs/firewall/inspection/dns_reader.h"
#include "vnfs/firewall/inspection/evidence.h"
#include "vnfs/firewall/inspection/guess_speech.h"

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

// Which protocol it is, once enough was said.
void Inspector::settle_speech(Conversation& talk, Subject& subject) noexcept {
  if (talk.speech_settled) return;
  const Bytes client = talk.streams[0].bytes(pool_);
  const SpeechGuess guess = guess_speech(client, talk.streams[1].bytes(pool_), port_of_server(subject));
  talk.speech_settled = guess.settled;
  talk.speech = guess.speech;
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

// A message of any protocol, and with the first of them the stream's new bytes. False when nothing more is to
// be asked.
bool Inspector::ask_message(Conversation& talk, const Inspection& by, const Evidence& evidence,
                            const Parts& found, Judgement& judgement, Buffers& fresh_stream) noexcept {
  Subject& subject = evidence.subject;
  const std::size_t side = index_of(subject.side);
  parts_ = found;
  subject.fresh = found.present | std::exchange(fresh_stream, 0);
  parts_.set(Buffer::kPayload, talk.streams[side].bytes(pool_), true);
  subject.parts = &parts_;
  subject.coming = 0;
  talk.match[side].next_message();
  ask(talk, by, evidence, judgement);
  subject.coming = ~Buffers{0};
  return judgement.what == What::kPass && !judgement.finished;
}

void Inspector::read_lines(Conversation& talk, const Inspection& by, const Evidence& evidence,
                           Judgement& judgement, Buffers& fresh_stream) noexcept {
  const std::size_t side = index_of(evidence.subject.side);
  LineReader& lines = talk.lines[side];
  const Bytes stream = talk.streams[side].bytes(pool_);
  Parts found;
  for (Bytes line; lines.next(stream, line);) {
    found.clear();
    if (talk.speech == Speech::kSsh) {
      if (!read_ssh_identification(line, found)) continue;
      lines.end();
    } else {
      const SmtpCommand command = read_smtp_command(line, found);
      // What is behind these is mail, or not in the clear.
      if (command == SmtpCommand::kData || command == SmtpCommand::kTls) lines.end();
      if (command != SmtpCommand::kNamed) continue;
    }
    if (!ask_message(talk, by, evidence, found, judgement, fresh_stream)) break;
  }
  talk.unreadable[side] = lines.over();
}

void Inspector::read_dns_stream(Conversation& talk, const Inspection& by, const Evidence& evidence,
                                Judgement& judgement, Buffers& fresh_stream) noexcept {
  const std::size_t side = index_of(evidence.subject.side);
  const Bytes stream = talk.streams[side].bytes(pool_);
  std::uint32_t& at = talk.datagram_bytes[side];  // all before it has been read
  while (stream.size() - at >= 2) {
    const std::size_t length = std::size_t{stream[at]} << 8U | stream[at + 1];
    if (stream.size() - at - 2 < length) return;
    const Bytes message = stream.subspan(at + 2, length);
    at += static_cast<std::uint32_t>(2 + length);
    read_dns(talk, by, evidence, message, judgement, fresh_stream);
    if (judgement.what != What::kPass || judgement.finished) return;
  }
}

void Inspector::read_dns(Conversation& talk, const Inspection& by, const Evidence& evidence, Bytes message,
                         Judgement& judgement, Buffers& fresh_stream) noexcept {
  static_cast<void>(read_dns_query(message, room_, [&](Bytes name, std::uint16_t) noexcept {
    Parts found;
    found.set(Buffer::kDnsQuery, name);
    return ask_message(talk, by, evidence, found, judgement, fresh_stream);
  }));
}

void Inspector::read_messages(Conversation& talk, const Inspection& by, const Evidence& evidence, bool ended,
                              Judgement& judgement, Buffers& fresh_stream) noexcept {
  const std::size_t side = index_of(evidence.subject.side);
  if (talk.unreadable[side]) return;
  switch (talk.speech) {
    case Speech::kHttp:
      return read_http(talk, by, evidence, ended, judgement, fresh_stream);
    case Speech::kTls:
      talk.tls[side].advance(talk.streams[side].bytes(pool_), room_, [&](const Parts& found) noexcept {
        return ask_message(talk, by, evidence, found, judgement, fresh_stream);
      });
      talk.unreadable[side] = talk.tls[side].over();
      return;
    case Speech::kSsh:
    case Speech::kSmtp:
      return read_lines(talk, by, evidence, judgement, fresh_stream);
    case Speech::kDns:
      if (side == 0) read_dns_stream(talk, by, evidence, judgement, fresh_stream);
      return;
    case Speech::kUnknown:
      return;
  }
}

void Inspector::ask_stream(Conversation& talk, const Inspection& by, const Evidence& evidence, bool ended,
                           Judgement& judgement) noexcept {
  Subject& subject = evidence.subject;
  const std::size_t side = index_of(subject.side);
  settle_speech(talk, subject);
  Buffers fresh_stream = bit(Buffer::kPayload);
  read_messages(talk, by, evidence, ended, judgement, fresh_stream);
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

}  // namespace millrace::firewall::inspection
