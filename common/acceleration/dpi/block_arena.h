// SPDX-License-Identifier: BSD-3-Clause
// Memory for a library that wants to allocate while packets go by: blocks of 128 bytes to 64 KiB out of one
// array of fixed size, each held by somebody who may hold so much and who gives all of it back at once in the
// end, what was forgotten included. The binary buddy system (Knuth, The Art of Computer Programming, volume
// 1, section 2.5): taking and giving back take at most ten steps.
//
// What is known of a block lies apart from it, so a write past its end can not mislead the arena, and a
// pointer that is no block of the holder's is refused. Free blocks are poisoned under AddressSanitizer. One
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/page_array.h"

namespace millrace::dpi {

class BlockArena {
 public:
  static constexpr std::size_t kSmallest = 128;
  static constexpr std::size_t kLargest = std::size_t{64} << 10;

  // What somebody holds. It is where it is until all is given back.
  struct Holder {
    std::uint32_t number = 0;  // nobody else's
    std::uint32_t first = kNone;
    std::uint32_t bytes = 0;    // sizes of the blocks
    std::uint32_t refused = 0;  // asked for and not given: too much, or there was none
  };

  // Rounded up to whole kLargest, one of which is never given out: what reads past a block's end finds
  // memory.
  explicit BlockArena(std::size_t bytes);
  BlockArena(BlockArena&& other) = delete;
  ~BlockArena();

  // Aligned to kSmallest, not cleared. Null when the holder would have more than `most` bytes, or nothing of
  // the size is left.
  [[nodiscard]] void* take(std::size_t size, std::size_t most, Holder& holder) noexcept;
  // False, and nothing is changed, when it is no block of the holder's.
  [[nodiscard]] bool give_back(void* block, Holder& holder) noexcept;
  // How many blocks there were.
  std::uint32_t give_back_all(Holder& holder) noexcept;

  [[nodiscard]] bool contains(const void* pointer) const noexcept;
  // Bytes that a block of the holder's was taken for, 1 at least; 0 when it is none.
  [[nodiscard]] std::size_t size_of(const void* block, const Holder& holder) const noexcept;
  // Blocks of kLargest that nobody has a part of.
  [[nodiscard]] std::uint32_t untouched() const noexcept { return untouched_; }
  [[nodiscard]] std::size_t taken() const noexcept { return taken_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return memory_.bytes() + units_.bytes(); }

 private:
  static constexpr unsigned kOrders = 10;
  static_assert(kSmallest << (kOrders - 1) == kLargest);
  static constexpr std::uint32_t kNone = 0xffffffff;

  enum class State : std::uint32_t { kInside = 0, kFree, kTaken };
  struct Unit {  // of kSmallest bytes; what is said holds for the block that begins here
    std::uint32_t next;
    std::uint32_t previous;
    std::uint32_t holder;
    std::uint32_t size : 20;  // that was asked for
    std::uint32_t order : 4;
    State state : 8;
  };
  static_assert(kLargest < 1U << 20U);

  [[nodiscard]] std::uint32_t unit_of(const void* block, const Holder& holder) const noexcept;
  [[nodiscard]] std::byte* at(std::uint32_t unit) noexcept { return memory_.data() + unit * kSmallest; }
  void link(std::uint32_t& head, std::uint32_t unit) noexcept;
  void unlink(std::uint32_t& head, std::uint32_t unit) noexcept;
  void make_free(std::uint32_t unit, unsigned order) noexcept;
  void merge(std::uint32_t unit) noexcept;

  PageArray<std::byte> memory_;
  PageArray<Unit> units_;
  std::array<std::uint32_t, kOrders> free_;
  std::uint32_t untouched_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace millrace::dpi
