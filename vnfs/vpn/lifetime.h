// SPDX-License-Identifier: BSD-3-Clause
// How long an association lasts, counted in what passes by it (RFC 4301 section 4.4.2.1). Data path.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "vnfs/vpn/association_spec.h"

namespace millrace::vpn {

// One worker's own.
class Lifetime {
 public:
  enum class Passed : std::uint8_t { kNothing, kSoft, kHard };

  Lifetime(Limit packets, Limit bytes) noexcept
      : hard_packets_(or_never(packets.hard)),
        hard_bytes_(or_never(bytes.hard)),
        packets_(std::min(or_never(packets.soft), hard_packets_)),
        bytes_(std::min(or_never(bytes.soft), hard_bytes_)) {}

  // Whether these sums have come to a limit.
  [[nodiscard]] bool is_due(std::uint64_t packets, std::uint64_t bytes) const noexcept {
    return packets >= packets_ || bytes >= bytes_;
  }
  // Which limit, when one is due. Each is told once; at the hard one the association is over.
  [[nodiscard]] Passed pass(std::uint64_t packets, std::uint64_t bytes) noexcept {
    if (over_ || !is_due(packets, bytes)) return Passed::kNothing;
    over_ = packets >= hard_packets_ || bytes >= hard_bytes_;
    packets_ = hard_packets_;
    bytes_ = hard_bytes_;
    return over_ ? Passed::kHard : Passed::kSoft;
  }
  [[nodiscard]] bool is_over() const noexcept { return over_; }

 private:
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  [[nodiscard]] static std::uint64_t or_never(std::uint64_t limit) noexcept {
    return limit == 0 ? kNever : limit;
  }

  std::uint64_t hard_packets_;
  std::uint64_t hard_bytes_;
  std::uint64_t packets_;  // the next limit
  std::uint64_t bytes_;
  bool over_ = false;
};

}  // namespace millrace::vpn
