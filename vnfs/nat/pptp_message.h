// SPDX-License-Identifier: BSD-3-Clause
// What of PPTP's control messages and its tunnels' headers tells one call from another: RFC 2637 section 2
// and 4.1. Pure, bounds checked.
#pragma once

#include <cstdint>

#include "common/base/big_endian.h"
#include "common/base/reader.h"

namespace millrace::nat::pptp {

inline constexpr std::uint16_t kControlPort = 1723;

// RFC 2637 section 4.1: GRE with a key that is payload length and call id, of the receiver's.
struct TunnelHeader {
  std::uint8_t flags;
  std::uint8_t version;  // lowest three bits
  be16 protocol;
  be16 payload_length;
  be16 call_id;

  [[nodiscard]] bool valid() const noexcept {
    constexpr std::uint8_t kKeyPresent = 0x20;
    constexpr std::uint16_t kPpp = 0x880b;
    return (flags & kKeyPresent) != 0 && (version & 0x7U) == 1 && protocol == be16(kPpp);
  }
};
static_assert(sizeof(TunnelHeader) == 8);

enum class Verdict : std::uint8_t {
  kNone,     // no message begins here
  kPartial,  // one that is not all there
  kMessage,
};

struct Message {
  Verdict verdict = Verdict::kNone;
  std::uint16_t length = 0;
  std::uint16_t own_at = 0;   // where the sender's own call id stands; 0: nowhere
  std::uint16_t peer_at = 0;  // and the receiver's
  be16 own{};
  be16 peer{};
  bool begins = false;   // asks for a call, or answers
  bool accepts = false;  // answers yes
  bool refuses = false;  // answers no
  bool ends = false;     // says that the call is over
};

// The message that `stream` begins with.
[[nodiscard]] Message read(Bytes stream) noexcept;

}  // namespace millrace::nat::pptp
