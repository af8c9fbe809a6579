// SPDX-License-Identifier: BSD-3-Clause
// One worker's memory for bytes that outlive their packet: streams, decoded message bodies.
//
// A buddy allocator (Knuth, The Art of Computer Programming, volume 1, section 2.5): blocks of 1 KiB to 1
// MiB, powers of two, halved and joined again as needed, each in at most as many steps as there are sizes.
// What it knows of its blocks lies beside them, so that to take one touches none of its bytes.
//
// All memory is taken at construction. One pool belongs to one worker; its counts may be read by any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/base/counter.h"
#include "common/base/page_array.h"
#include "common/base/reader.h"

namespace millrace::firewall::inspection {

using BlockNumber = std::uint32_t;
inline constexpr BlockNumber kNoBlock = 0;

class BufferPool {
 public:
  static constexpr std::uint32_t kSmallestBlock = 1U << 10U;
  static constexpr std::uint32_t kLargestBlock = 1U << 20U;

  // Rounded down to whole small blocks, of which there may be 2^32 - 2. Throws std::bad_alloc.
  explicit BufferPool(std::size_t bytes);

  // The size of the block that take() gives for so many bytes.
  [[nodiscard]] static std::uint32_t block_size(std::uint32_t bytes) noexcept;
  // The same for bytes that will be more: while half of the pool is free, four times the size that is
  // outgrown, so that on the way each byte is moved a third of a time, and not once.
  [[nodiscard]] std::uint32_t growing_block_size(std::uint32_t bytes) const noexcept;

  // A block of block_size(bytes), whose bytes are whatever they were before. kNoBlock, and counted, when
  // there is none, or for more than the largest.
  [[nodiscard]] BlockNumber take(std::uint32_t bytes) noexcept;
  // Nothing for kNoBlock. What is not a block that was taken is left alone.
  void give_back(BlockNumber block) noexcept;

  // The first `size` bytes of a block that was taken; no more than it has.
  [[nodiscard]] MutableBytes bytes(BlockNumber block, std::uint32_t size) noexcept {
    return {memory_.data() + offset_of(block), size};
  }
  [[nodiscard]] Bytes bytes(BlockNumber block, std::uint32_t size) const noexcept {
    return {memory_.data() + offset_of(block), size};
  }

  [[nodiscard]] std::uint64_t bytes_in_use() const noexcept { return in_use_.read(); }  // in whole blocks
  [[nodiscard]] std::uint64_t refusals() const noexcept { return refusals_.read(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return memory_.size(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return memory_.bytes() + units_.bytes(); }

 private:
  static constexpr unsigned kOrders = 11;  // block sizes: kSmallestBlock << order
  static_assert(kSmallestBlock << (kOrders - 1) == kLargestBlock);

  enum class State : std::uint8_t { kInside, kFree, kTaken };  // kInside: not the first unit of its block
  // One small block's worth of memory. Numbered from 1, so that 0 ends a list.
  struct Unit {
    BlockNumber next;  // of the free blocks of this order
    BlockNumber previous;
    std::uint8_t order;
    State state;
  };

  [[nodiscard]] static std::size_t offset_of(BlockNumber block) noexcept {
    return (std::size_t{block} - 1) * kSmallestBlock;
  }
  void link(BlockNumber block, unsigned order) noexcept;
  void unlink(BlockNumber block) noexcept;

  PageArray<std::uint8_t> memory_;
  PageArray<Unit> units_;  // [0] is not used
  std::array<BlockNumber, kOrders> free_{};
  std::uint32_t orders_free_ = 0;  // a bit for each order that has free blocks
  Counter in_use_;
  Counter refusals_;
};

// A handle to bytes in a pool that grow at the end, moved to a block of the next size when theirs is full.
// All zero is empty, and owns nothing. Copies of a handle are one and the same bytes: one of them may be
// used. What bytes() gives holds until the next change.
struct PooledBytes {
  BlockNumber block = kNoBlock;
  std::uint32_t capacity = 0;
  std::uint32_t size = 0;

  // Amortised O(1) a byte. False, and nothing changed, when the pool has no room.
  [[nodiscard]] bool append(BufferPool& pool, Bytes more) noexcept {
    if (more.size() > capacity - size) [[unlikely]] {
      if (more.size() > BufferPool::kLargestBlock - size) return false;
      if (!make_room(pool, size + static_cast<std::uint32_t>(more.size()))) return false;
    }
    if (more.empty()) return true;
    std::memcpy(room(pool).data() + size, more.data(), more.size());
    size += static_cast<std::uint32_t>(more.size());
    return true;
  }
  // A capacity of at least so many bytes.
  [[nodiscard]] bool make_room(BufferPool& pool, std::uint32_t bytes_in_all) noexcept;

  [[nodiscard]] Bytes bytes(const BufferPool& pool) const noexcept {
    return block == kNoBlock ? Bytes{} : pool.bytes(block, size);
  }
  // All of the capacity, used or not.
  [[nodiscard]] MutableBytes room(BufferPool& pool) const noexcept {
    return block == kNoBlock ? MutableBytes{} : pool.bytes(block, capacity);
  }
  // Empty again; its memory is the pool's.
  void clear(BufferPool& pool) noexcept {
    pool.give_back(block);
    *this = {};
  }
};
static_assert(sizeof(PooledBytes) == 12);

}  // namespace millrace::firewall::inspection
