// SPDX-License-Identifier: BSD-3-Clause
// Records by value from one thread to another, for news that may be lost: the writer never waits. A ring that
// is full counts the record as lost.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "common/base/counter.h"
#include "common/base/page_array.h"

namespace millrace {

// One writer thread, one reader thread. All memory is taken, and touched, when the ring is made.
// Method: Lamport's queue, each side keeping a copy of the other's position ("A Lock-Free, Cache-Efficient
// Shared Ring Buffer", Lee et al., ANCS 2009), so that a push touches the reader's cache line only when the
// ring looks full.
template <class T>
class EventRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // Holds `capacity` records, rounded up to a power of two; 0 makes a ring that loses everything.
  explicit EventRing(std::uint32_t capacity)
      : slots_(capacity == 0 ? 0 : std::bit_ceil(std::size_t{capacity})), mask_(slots_.size() - 1) {}
  EventRing(const EventRing&) = delete;
  EventRing& operator=(const EventRing&) = delete;

  // Writer. Whether the next push() would lose its record.
  [[nodiscard]] bool full() noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ < slots_.size()) [[likely]]
      return false;
    head_seen_ = head_.load(std::memory_order_acquire);
    return tail - head_seen_ >= slots_.size();
  }

  // Writer. False, and the record lost, when the ring is full.
  bool push(const T& record) noexcept {
    if (full()) [[unlikely]] {
      lost_.add(1);
      return false;
    }
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    slots_[tail & mask_] = record;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Reader. The oldest records, at most as many as fit; returns how many.
  [[nodiscard]] std::size_t pop(std::span<T> out) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::uint64_t ready = tail_.load(std::memory_order_acquire) - head;
    const std::size_t count = ready < out.size() ? static_cast<std::size_t>(ready) : out.size();
    for (std::size_t i = 0; i < count; ++i) out[i] = slots_[(head + i) & mask_];
    head_.store(head + count, std::memory_order_release);
    return count;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return slots_.size(); }
  // Any thread.
  [[nodiscard]] std::uint64_t written() const noexcept { return tail_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.read(); }

 private:
  PageArray<T> slots_;
  std::uint64_t mask_;
  // The writer's line.
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t head_seen_ = 0;
  Counter lost_;
  // The reader's line.
  alignas(64) std::atomic<std::uint64_t> head_{0};
};

}  // namespace millrace
