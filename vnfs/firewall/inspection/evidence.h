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

}  // namespace millrace::firewall::inspection
