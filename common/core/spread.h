// SPDX-License-Identifier: BSD-3-Clause
// Several ways to one destination, by weight (ECMP, RFC 2992): a flow keeps its way, and when ways come or
// go, only the flows move that have to.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "common/core/ids.h"

namespace millrace::core {

// Each bucket belongs to the way with the highest score in it, a number that follows from the way and the
// bucket alone (Thaler, Ravishankar: "Using Name-Based Mappings to Increase Hit Rates", 1998; RFC 2991
// section 3). So a way that is gone gives up its own buckets and no others, and on every appliance and after
// every restart they are the same.
class Spread {
 public:
  static constexpr unsigned kBuckets = 256;

  struct Way {
    NextHopId hop;
    std::uint64_t name = 0;  // the same for the same neighbour on the same interface
    std::uint16_t weight = 1;
  };

  // At least one way; control side only.
  explicit Spread(std::span<const Way> ways) noexcept;

  // The way of a flow, by any hash of it. The appliances of a chain share no bits of what they choose by:
  // `seed` is each one's own.
  [[nodiscard]] NextHopId way(std::uint32_t flow, std::uint64_t seed) const noexcept {
    constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;  // Knuth's multiplicative hashing, for 64 bits
    return buckets_[((flow ^ seed) * kGolden) >> 56U];
  }
  [[nodiscard]] std::span<const NextHopId> buckets() const noexcept { return buckets_; }

 private:
  std::array<NextHopId, kBuckets> buckets_;
};

}  // namespace millrace::core
