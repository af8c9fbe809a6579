// SPDX-License-Identifier: BSD-3-Clause
// Words that the files of the inspector share.
#pragma once

#include "common/net/wire.h"
#include "vnfs/firewall/inspection/inspector.h"

namespace millrace::firewall::inspection {

using What = Judgement::What;

[[nodiscard]] inline std::size_t index_of(Side side) noexcept { return side == Side::kServer ? 1 : 0; }

[[nodiscard]] inline bool is_tcp(const Evidence& evidence) noexcept {
  return evidence.subject.protocol == net::protocol::kTcp;
}

[[nodiscard]] inline std::uint16_t port_of_server(const Subject& subject) noexcept {
  return subject.side == Side::kServer ? subject.source_port : subject.destination_port;
}

// A packet while it is judged.
struct Inspector::Case {
  Conversation& talk;
  const Inspection& by;
  const Evidence& evidence;
  Judgement& judgement;
  Bytes payload{};      // the stream's bytes in order, or the datagram's
  bool grows = false;   // the payload
  bool ended = false;   // the stream
  Buffers unasked = 0;  // kPayload, until signatures have been asked about it

  [[nodiscard]] std::size_t side() const noexcept { return index_of(evidence.subject.side); }
  [[nodiscard]] bool undecided() const noexcept {
    return judgement.what == What::kPass && !judgement.finished;
  }
};

}  // namespace millrace::firewall::inspection
