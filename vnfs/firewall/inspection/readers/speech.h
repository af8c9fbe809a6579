// SPDX-License-Identifier: BSD-3-Clause
// What a connection speaks, from the first bytes of both its directions. A guess that is sure stays: more
// bytes do not change it.
#pragma once

#include <cstdint>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/buffer.h"
#include "vnfs/firewall/inspection/guess_http.h"

namespace millrace::firewall::inspection::readers {

// Of each direction all that has come in order.
struct FirstBytes {
  Bytes client;
  Bytes server;
  std::uint16_t server_port = 0;
};

// Each is known from the first kMostGuessed bytes of both sides at most.
inline constexpr std::size_t kMostGuessed = 512;
[[nodiscard]] Guess guess_tls(const FirstBytes& start) noexcept;
[[nodiscard]] Guess guess_ssh(const FirstBytes& start) noexcept;
[[nodiscard]] Guess guess_smtp(const FirstBytes& start) noexcept;
// Over TCP. The port is a hint: at others than DNS's own a whole well-formed query is asked for.
[[nodiscard]] Guess guess_dns(const FirstBytes& start) noexcept;

struct SpeechGuess {
  Speech speech = Speech::kUnknown;
  bool settled = false;  // no more bytes are needed
};
// Of a TCP connection.
[[nodiscard]] SpeechGuess guess_speech(const FirstBytes& start) noexcept;

// Of a datagram: a DNS message, by its form. At a port that is not DNS's own, one that nothing is odd about.
[[nodiscard]] bool is_dns(Bytes datagram, std::uint16_t server_port) noexcept;

}  // namespace millrace::firewall::inspection::readers
