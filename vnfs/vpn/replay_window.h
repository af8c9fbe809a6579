// SPDX-License-Identifier: BSD-3-Clause
// Which sequence numbers of an inbound SA have come: RFC 4303 section 3.4.3 and appendix A2, in blocks as RFC
// 6479 has it, so that the window moves without shifting bits. Data path.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>

namespace millrace::vpn {

// One worker's own. No allocation.
class ReplayWindow {
 public:
  static constexpr unsigned kLeast = 64;  // sequence numbers
  static constexpr unsigned kMost = 4096;

  // `size`: a power of two from kLeast to kMost, or 0 for a window that takes everything. `extended`: numbers
  // have 64 bits, of which packets carry the lower 32 (ESN).
  ReplayWindow(unsigned size, bool extended) noexcept : size_(size), extended_(extended) {
    assert(size == 0 || ((size & (size - 1)) == 0 && size >= kLeast && size <= kMost));
    blocks_ = std::max(2 * size / kBits, 1U);
  }

  // The whole number of a packet that carries these bits: the one next to the window (appendix A2.2). 0,
  // which no packet has, when that would be before the first.
  [[nodiscard]] std::uint64_t whole(std::uint32_t carried) const noexcept {
    if (!extended_) return carried;
    // The first number of the window, which may lie before the first of all.
    const std::uint64_t bottom = highest_ - (std::max(size_, kLeast) - 1);
    const std::uint64_t number =
        bottom + static_cast<std::uint32_t>(carried - static_cast<std::uint32_t>(bottom));
    return number > highest_ + (std::uint64_t{1} << 32) ? 0 : number;
  }

  // Whether it is neither known nor too old: asked before the packet is opened.
  [[nodiscard]] bool may_come(std::uint64_t number) const noexcept {
    if (number == 0) return false;
    if (number > highest_ || size_ == 0) return true;
    if (highest_ - number >= size_) return false;
    return (bits_[block_of(number)] >> (number % kBits) & 1U) == 0;
  }

  // Its packet was opened, and is genuine. False when another with the same number was faster.
  [[nodiscard]] bool take(std::uint64_t number) noexcept {
    if (!may_come(number)) return false;
    if (size_ == 0) {
      highest_ = std::max(highest_, number);
      return true;
    }
    if (number > highest_) {
      // Blocks that the window comes to are empty.
      const std::uint64_t steps = std::min<std::uint64_t>(number / kBits - highest_ / kBits, blocks_);
      for (std::uint64_t i = 1; i <= steps; ++i) bits_[(highest_ / kBits + i) & (blocks_ - 1)] = 0;
      highest_ = number;
    }
    bits_[block_of(number)] |= std::uint64_t{1} << (number % kBits);
    return true;
  }

  [[nodiscard]] std::uint64_t highest() const noexcept { return highest_; }
  [[nodiscard]] unsigned size() const noexcept { return size_; }
  [[nodiscard]] bool is_extended() const noexcept { return extended_; }

  // The word of a packet, by the lower half of its number.
  void prefetch(std::uint32_t low) const noexcept { __builtin_prefetch(&bits_[block_of(low)], 1); }

 private:
  static constexpr unsigned kBits = 64;

  [[nodiscard]] std::size_t block_of(std::uint64_t number) const noexcept {
    return number / kBits & (blocks_ - 1);
  }

  std::uint64_t highest_ = 0;  // that has come
  unsigned size_;
  unsigned blocks_;  // a power of two
  bool extended_;
  // Twice the window, so that what a block held before is never in it.
  std::array<std::uint64_t, 2 * kMost / kBits> bits_{};
};

}  // namespace millrace::vpn
