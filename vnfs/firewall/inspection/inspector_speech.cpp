// SPDX-License-Identifier: BSD-3-Clause
// What a session speaks, and the readers that go with it.
#include "vnfs/firewall/inspection/evidence.h"
#include "vnfs/firewall/inspection/readers/speech.h"

namespace millrace::firewall::inspection {

void Inspector::begin_speech(Conversation& talk, Speech speech) noexcept {
  talk.speech = speech;
  talk.unreadable = {};
  switch (speech) {
    case Speech::kHttp:
      talk.dialogue.emplace<HttpDialogue>();
      break;
    case Speech::kTls:
      talk.dialogue.emplace<TlsDialogue>();
      break;
    case Speech::kDns:
      talk.dialogue.emplace<DnsDialogue>();
      break;
    case Speech::kSsh:
      talk.dialogue.emplace<SshDialogue>();
      break;
    case Speech::kSmtp:
      talk.dialogue.emplace<SmtpDialogue>();
      break;
    case Speech::kQuic:
      talk.dialogue.emplace<QuicDialogue>();
      break;
    case Speech::kUnknown:
      talk.dialogue.emplace<std::monostate>();
      break;
  }
}

// Nothing more of the side is read.
void Inspector::end_speech(Conversation& talk, std::size_t side) noexcept {
  if (auto* http = std::get_if<HttpDialogue>(&talk.dialogue)) {
    PoolStore joined(pool_, http->joined[side]);
    PoolStore unpacked(pool_, http->unpacked[side]);
    http->readers[side].end({.room = room_,
                             .exchange = http->exchange,
                             .joined = joined,
                             .unpacked = unpacked,
                             .inflate = inflate_});
  } else if (auto* smtp = std::get_if<SmtpDialogue>(&talk.dialogue)) {
    smtp->joined[side].clear(pool_);
    if (side == 1) smtp->exchange.lose_server();
  } else if (auto* quic = std::get_if<QuicDialogue>(&talk.dialogue)) {
    if (side == 0) quic->hello.end(pool_);
  }
}

// Which protocol a connection speaks, once enough was said.
void Inspector::settle_speech(Case& now) noexcept {
  Conversation& talk = now.talk;
  if (talk.speech_settled) return;
  Subject& subject = now.evidence.subject;
  const readers::SpeechGuess guess = readers::guess_speech({.client = talk.streams[0].bytes(pool_),
                                                            .server = talk.streams[1].bytes(pool_),
                                                            .server_port = port_of_server(subject)});
  talk.speech_settled = guess.settled;
  if (guess.speech == Speech::kUnknown) return;
  begin_speech(talk, guess.speech);
  subject.speech = talk.speech;
  subject.opening = true;
}

// Which one the datagrams of a session are of. A server passes over what is no packet of QUIC: a client may
// begin with it at any time.
void Inspector::settle_datagrams(Case& now) noexcept {
  Conversation& talk = now.talk;
  Subject& subject = now.evidence.subject;
  const bool first = !talk.speech_settled;
  talk.speech_settled = true;
  if (subject.protocol != net::protocol::kUdp) return;
  Speech speech = Speech::kUnknown;
  if (now.side() == 0 && talk.speech != Speech::kQuic && readers::is_quic_initial(now.payload)) {
    speech = Speech::kQuic;
  } else if (first && readers::is_dns(now.payload, port_of_server(subject))) {
    speech = Speech::kDns;
  }
  if (speech == Speech::kUnknown) return;
  begin_speech(talk, speech);
  subject.speech = speech;
  subject.opening = true;
}

}  // namespace millrace::firewall::inspection
