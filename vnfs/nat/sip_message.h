// SPDX-License-Identifier: BSD-3-Clause
// Rewrites SIP messages (RFC 3261) and the session descriptions in them on their way through a NAT, so that
// each side sees only addresses that it can reach. Nothing is allocated; messages are never trusted.
//
// Outward, in Via, Contact, Route, Record-Route, From and To and in the body's o=, c=, m= and a=rtcp (RFC
// 3605): the inside ends that `Ends` knows. Inward, in the same header fields and the Request-URI: the
// outside ends. All other addresses, and Call-ID, stay as they are. Of bodies only application/sdp is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "vnfs/nat/sip_addresses.h"

namespace millrace::nat::sip {

enum class Way : std::uint8_t { kOutward, kInward };

// A datagram has one message, and its body may end with it; in a stream messages follow each other and each
// says its length (RFC 3261 section 18.3).
enum class Carrier : std::uint8_t { kDatagram, kStream };

enum class Outcome : std::uint8_t {
  kUnchanged,
  kRewritten,
  kNoRoom,  // what would be written is longer than `out`, or has too many changes
};

// What was behind the last whole message.
enum class Ending : std::uint8_t {
  kNothing,
  kIncomplete,  // a message whose rest is in the stream's next segment
  kMalformed,   // not SIP, or not as it should be
};

// `out` has all of the text when something was rewritten; what is behind the last whole message as it was.
struct Result {
  Outcome outcome = Outcome::kUnchanged;
  Ending ending = Ending::kNothing;
  unsigned messages = 0;    // that were whole
  std::size_t read = 0;     // they and the empty lines between them
  std::size_t written = 0;  // to `out`
  std::size_t missing = 0;  // of a message that is incomplete, when its head says so; 0: not known
};

// Rewrites the messages of a datagram or of a piece of a stream that begins with one. Of what is malformed or
// incomplete nothing is asked of `ends`.
[[nodiscard]] Result rewrite(std::string_view text, std::span<char> out, Way way, Carrier carrier,
                             Ends& ends) noexcept;

}  // namespace millrace::nat::sip
