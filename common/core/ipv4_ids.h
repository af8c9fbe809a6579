// SPDX-License-Identifier: BSD-3-Clause
// Identifications of IPv4 packets that were made of IPv6 ones and that routers may cut (RFC 7915
// section 5.1). Between two addresses none comes again before all others of this worker's were used (RFC 6864
// section 4.3), nor is it another worker's; what comes next does not follow from those before (RFC 7739
// section 3). One worker's own. Data path.
#pragma once

#include <array>
#include <cstdint>

#include "common/flow/key.h"
#include "common/net/translate_header.h"

namespace millrace::core {

class Ipv4Ids {
 public:
  // `seed` is secret and all workers' own.
  Ipv4Ids(std::uint64_t seed, unsigned worker, unsigned workers) noexcept
      : seed_(seed), worker_(worker), workers_(workers == 0 ? 1 : workers) {
    for (std::size_t i = 0; i < counts_.size(); ++i)
      counts_[i] = static_cast<std::uint16_t>(flow::hash_words(i, worker, seed) % share());
  }

  [[nodiscard]] be16 next(const net::Ipv4Ends& ends, std::uint8_t protocol) noexcept {
    const std::uint64_t key = flow::hash_words(
        ends.source.value.wire() | std::uint64_t{ends.destination.value.wire()} << 32, protocol, seed_);
    std::uint16_t& count = counts_[key % kCounts];
    if (++count >= share()) count = 0;
    return be16(shuffled(static_cast<std::uint16_t>(count * workers_ + worker_), key));
  }

 private:
  static constexpr std::size_t kCounts = 1024;  // shared by all pairs of addresses

  [[nodiscard]] unsigned share() const noexcept { return 0x10000U / workers_ - 1U; }

  // A permutation of the 16-bit numbers, by a Feistel network of four rounds.
  [[nodiscard]] static std::uint16_t shuffled(std::uint16_t number, std::uint64_t key) noexcept {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
    unsigned left = number >> 8;
    unsigned right = number & 0xffU;
    for (unsigned round = 0; round < 4; ++round) {
      const auto mixed = static_cast<unsigned>(flow::mix(key + (right << 2 | round), kOdd) >> 24);
      const unsigned next = left ^ (mixed & 0xffU);
      left = right;
      right = next;
    }
    return static_cast<std::uint16_t>(left << 8 | right);
  }

  std::uint64_t seed_;
  unsigned worker_;
  unsigned workers_;
  std::array<std::uint16_t, kCounts> counts_;
};

}  // namespace millrace::core
