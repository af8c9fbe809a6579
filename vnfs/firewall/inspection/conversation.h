// SPDX-License-Identifier: BSD-3-Clause
// What is remembered of a session that is looked into.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "vnfs/firewall/inspection/flow_bits.h"
#include "vnfs/firewall/inspection/http_reader.h"
#include "vnfs/firewall/inspection/match_state.h"
#include "vnfs/firewall/inspection/readers/dns_reader.h"
#include "vnfs/firewall/inspection/readers/quic_hello.h"
#include "vnfs/firewall/inspection/readers/smtp_reader.h"
#include "vnfs/firewall/inspection/readers/ssh_reader.h"
#include "vnfs/firewall/inspection/readers/tls_reader.h"
#include "vnfs/firewall/inspection/stream.h"

namespace millrace::firewall::inspection {

// How far what a session speaks has been read; by who sends: client, server.
struct HttpDialogue {
  HttpExchange exchange{};
  std::array<HttpReader, 2> readers{};
  std::array<PooledBytes, 2> joined{};    // bodies that came in chunks
  std::array<PooledBytes, 2> unpacked{};  // and those that came packed
};
struct TlsDialogue {
  std::array<readers::TlsReader, 2> readers{};
  std::array<std::uint32_t, 2> begins{};  // where in the streams
};
struct DnsDialogue {
  std::array<readers::DnsReader, 2> readers{};
};
struct SshDialogue {
  std::array<readers::SshReader, 2> readers{};
};
struct SmtpDialogue {
  readers::SmtpExchange exchange{};
  std::array<readers::SmtpReader, 2> readers{};
  std::array<PooledBytes, 2> joined{};  // mail that came in chunks
};
struct QuicDialogue {
  readers::QuicHello hello{};
  bool told = false;  // a hello has been read: what looks like another one may be none
};

// One of a worker's pool; starts as {}.
struct Conversation {
  std::array<Stream, 2> streams{};                // TCP; by who sends: client, server
  std::array<std::uint32_t, 2> first_sequence{};  // of a stream that is known
  std::array<MatchState, 2> match{};
  FlowBits bits{};
  std::array<bool, 2> over{};                     // nothing more of the side is looked at
  std::array<std::uint32_t, 2> datagram_bytes{};  // of other protocols, that were looked at
  std::variant<std::monostate, HttpDialogue, TlsDialogue, DnsDialogue, SshDialogue, SmtpDialogue,
               QuicDialogue>
      dialogue{};
  std::array<Buffers, 2> waits{};    // what signatures wait for
  std::array<bool, 2> unreadable{};  // it is not, or no longer, what the session speaks
  std::uint8_t anomalies_told = 0;
  std::uint16_t inspection = 0;  // its number in the policy
  Speech speech = Speech::kUnknown;
  bool speech_settled = false;
  std::array<bool, 2> opened{};   // a packet of the side was judged
  bool established = false;       // one was judged since the other side answered
  bool told_unseen = false;       // an event has told that some of it goes on unseen
  std::uint16_t copies_left = 0;  // packets that are to be copied
  bool copied = false;            // some were, or are to be
  bool in_use = false;

  // Where the head of the side's HTTP message is that is being read; nowhere where there is none.
  [[nodiscard]] HttpPlace http_head(std::size_t side) const noexcept {
    const auto* http = std::get_if<HttpDialogue>(&dialogue);
    return http == nullptr ? HttpPlace{} : http->readers[side].head();
  }
};
static_assert(std::is_trivially_copyable_v<Conversation>);

}  // namespace millrace::firewall::inspection
