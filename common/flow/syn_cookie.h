// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies: an initial sequence number that proves, when it comes back, that its sender can receive at the
// address it gave (RFC 4987 section 3.6, after D. J. Bernstein). Nothing is kept for a connection until then.
//
// The lowest three bits name the client's maximum segment size, the other 29 are a keyed hash over the flow,
// the client's initial sequence number, the size and a count of periods of 65.5 s. A cookie is good in its
// period and the next; a guess is right with a chance of 2 in 2^29.
//
// There is no room for window scale, SACK or timestamps, so a connection opened by a cookie does without
// them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "common/base/siphash.h"
#include "common/flow/key.h"

namespace millrace::flow {

class SynCookies {
 public:
  static constexpr unsigned kPeriodBits = 16;  // of a Tick: 65,536 ms
  static constexpr Tick kLifetime = 2U << kPeriodBits;
  // What is common on the Internet, and the least each family allows (RFC 9293 section 3.7.1); ascending.
  static constexpr std::array<std::uint16_t, 8> kSegmentSizes{536, 1220, 1300, 1360, 1400, 1440, 1460, 8940};

  // `seed` is secret and the same on all workers, so that any of them knows the others' cookies.
  explicit SynCookies(std::uint64_t seed) noexcept;

  // The cookie for the sender of a SYN. The greatest size of the table that is not above `segment_size` is
  // kept.
  [[nodiscard]] std::uint32_t make(const FlowLookup& flow, std::uint32_t initial_sequence,
                                   std::uint16_t segment_size, Tick now) const noexcept;
  // The segment size when the cookie is one of ours for this flow and not too old.
  [[nodiscard]] std::optional<std::uint16_t> check(const FlowLookup& flow, std::uint32_t initial_sequence,
                                                   std::uint32_t cookie, Tick now) const noexcept;

 private:
  [[nodiscard]] std::uint32_t sign(const FlowLookup& flow, std::uint32_t initial_sequence, std::uint32_t size,
                                   Tick period) const noexcept;

  SipKey key_;
};

}  // namespace millrace::flow
