// SPDX-License-Identifier: BSD-3-Clause
// What a connection speaks, from what its sides say first.
#pragma once

#include <cstdint>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/buffer.h"

namespace millrace::firewall::inspection {

struct SpeechGuess {
  bool settled = false;  // more bytes do not change it
  Speech speech = Speech::kUnknown;
};

// The first bytes of each side, as many as there are. A port is believed of DNS alone, which has no mark of
// its own.
[[nodiscard]] SpeechGuess guess_speech(Bytes client, Bytes server, std::uint16_t server_port) noexcept;

[[nodiscard]] constexpr bool is_dns_port(std::uint16_t port) noexcept { return port == 53; }

}  // namespace millrace::firewall::inspection
