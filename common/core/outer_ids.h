// SPDX-License-Identifier: BSD-3-Clause
// Identifications of the outer datagrams of tunnels that may be cut: between two ends none comes again before
// all others of this worker's were used (RFC 6864 section 4.3), nor is it another worker's. One worker's own.
// Data path.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/big_endian.h"

namespace millrace::core {

class OuterIds {
 public:
  // `first`: random, so that none is foretold.
  OuterIds(unsigned worker, unsigned workers, std::uint32_t first) noexcept
      : share_(0x10000U / (workers == 0 ? 1 : workers)),
        base_(worker * share_),
        fragments_(first % (std::uint64_t{share_} << 16U)) {
    for (std::uint16_t& count : counts_)
      count = static_cast<std::uint16_t>((first = first * 0x9e3779b9U + 1) % share_);
  }

  [[nodiscard]] be16 next(std::uint32_t to) noexcept {
    std::uint16_t& count = counts_[to % kCounts];
    if (++count >= share_) count = 0;
    return be16(static_cast<std::uint16_t>(base_ + count));
  }
  // Of an IPv6 fragment header, which has room for more.
  [[nodiscard]] std::uint32_t next_of_ipv6() noexcept {
    const std::uint64_t share = std::uint64_t{share_} << 16U;
    if (++fragments_ >= share) fragments_ = 0;
    return static_cast<std::uint32_t>((std::uint64_t{base_} << 16U) + fragments_);
  }

 private:
  static constexpr std::size_t kCounts = 1024;  // far ends whose numbers differ by as much share one

  std::uint32_t share_;
  std::uint32_t base_;
  std::uint64_t fragments_;
  std::array<std::uint16_t, kCounts> counts_;
};

}  // namespace millrace::core
