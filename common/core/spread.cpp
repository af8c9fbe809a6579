// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/spread.h"

#include <cmath>

namespace millrace::core {
namespace {

// The finalizer of MurmurHash3 (Appleby, 2011).
std::uint64_t mix(std::uint64_t value) noexcept {
  value ^= value >> 33U;
  value *= 0xff51afd7ed558ccdU;
  value ^= value >> 33U;
  value *= 0xc4ceb9fe1a85ec53U;
  return value ^ value >> 33U;
}

// -weight / ln(u) with u evenly in (0, 1): the highest wins as often as its weight says (Schindelhauer,
// Schomaker: "Weighted Distributed Hash Tables", 2005).
double score(const Spread::Way& way, unsigned bucket) noexcept {
  constexpr unsigned kFraction = 53;
  const std::uint64_t hash = mix(way.name ^ mix(bucket + 1U));
  const double even =
      (static_cast<double>(hash >> (64U - kFraction)) + 0.5) / static_cast<double>(1ULL << kFraction);
  return -static_cast<double>(way.weight) / std::log(even);
}

}  // namespace

Spread::Spread(std::span<const Way> ways) noexcept {
  for (unsigned bucket = 0; bucket < kBuckets; ++bucket) {
    double best = -1;
    for (const Way& way : ways) {
      const double own = score(way, bucket);
      if (own <= best) continue;
      best = own;
      buckets_[bucket] = way.hop;
    }
  }
}

}  // namespace millrace::core
