// SPDX-License-Identifier: BSD-3-Clause
// What is remembered of a session that is looked into.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "vnfs/firewall/inspection/flow_bits.h"
#include "vnfs/firewall/inspection/http_reader.h"
#include "vnfs/firewall/inspection/line_reader.h"
#include "vnfs/firewall/inspection/match_state.h"
#include "vnfs/firewall/inspection/stream.h"
#include "vnfs/firewall/inspection/tls_reader.h"

namespace millrace::firewall::inspection {

// One of a worker's pool; starts as {}.
struct Conversation {
  std::array<Stream, 2> streams{};                // TCP; by who sends: client, server
  std::array<std::uint32_t, 2> first_sequence{};  // of a stream that is known
  std::array<MatchState, 2> match{};
  FlowBits bits{};
  std::array<bool, 2> over{};                     // nothing more of the side is looked at
  std::array<std::uint32_t, 2> datagram_bytes{};  // of other protocols, that were looked at
  HttpExchange exchange{};
  std::array<HttpReader, 2> http{};
  std::array<TlsReader, 2> tls{};
  std::array<LineReader, 2> lines{};
  std::array<PooledBytes, 2> joined{};    // bodies that came in chunks
  std::array<PooledBytes, 2> unpacked{};  // and those that came packed
  std::array<Buffers, 2> waits{};         // what signatures wait for
  std::array<bool, 2> unreadable{};       // it is not, or no longer, what the session speaks
  std::uint8_t anomalies_told = 0;
  std::uint16_t inspection = 0;  // its number in the policy
  Speech speech = Speech::kUnknown;
  bool speech_settled = false;
  std::array<bool, 2> opened{};  // a packet of the side was judged
  bool established = false;      // one was judged since the other side answered
  bool told_unseen = false;      // an event has told that some of it goes on unseen
  bool in_use = false;
};
static_assert(std::is_trivially_copyable_v<Conversation>);

}  // namespace millrace::firewall::inspection
