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
#include <optional>
#include <span>
#include <string_view>

#include "vnfs/nat/sdp.h"
#include "vnfs/nat/sip_addresses.h"
#include "vnfs/nat/sip_head.h"

namespace millrace::nat::sip {

enum class Way : std::uint8_t { kOutward, kInward };

// A datagram has one message, and its body may end with it; in a stream messages follow each other and each
// says its length (RFC 3261 section 18.3).
enum class Carrier : std::uint8_t { kDatagram, kStream };

enum class State : std::uint8_t {
  kNone,  // the text ends here, at most with empty lines
  kWhole,
  kIncomplete,  // its rest is in the stream's next segment
  kMalformed,   // not SIP, or not as it should be
};

struct Message {
  State state = State::kNone;
  std::size_t begin = 0;    // behind empty lines
  std::size_t end = 0;      // of one that is whole, or malformed in its body only; else `begin`
  std::size_t missing = 0;  // of one that is incomplete, when its head is there
  Head head;
  Place body;
  std::optional<sdp::Description> description;  // in a body that is whole
};

// The message that comes next in `text` from `from` on.
[[nodiscard]] Message read_message(std::string_view text, std::size_t from, Carrier carrier) noexcept;

enum class Part : std::uint8_t { kAll, kHead };

// What takes the place of a part of the text, in `out`. Nothing is to be changed when that has no length.
struct Rewritten {
  Place replaced;
  std::size_t length = 0;
  bool room = true;  // false: it is too long for `out`, or has too many changes
};

// `message`: of `text`, whole, or for its head incomplete with its head there.
[[nodiscard]] Rewritten rewrite_message(std::string_view text, const Message& message, Part part, Way way,
                                        std::span<char> out, Ends& ends) noexcept;

}  // namespace millrace::nat::sip
