// SPDX-License-Identifier: BSD-3-Clause
// Deadlines for the records of a flow table: one wheel, one list per slot, coarse on purpose.
//
// A packet does not move its session's timer; it only notes the time. When the slot comes round, the owner
// says whether the session is really due or gives the next deadline (lazy re-arming), so the packet path
// never touches it.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "common/base/page_array.h"

namespace millrace::flow {

class TimerWheel {
 public:
  static constexpr std::uint32_t kSlotMs = 256;
  static constexpr std::uint32_t kSlots = 16384;  // 70 minutes; a later deadline is looked at on the way

  TimerWheel(std::uint32_t capacity, Tick now) : links_(capacity), heads_(kSlots), current_(now / kSlotMs) {
    for (std::uint32_t i = 0; i < kSlots; ++i) heads_[i] = kNone;
    for (std::uint32_t i = 0; i < capacity; ++i) links_[i] = {kIdle, kIdle};
  }

  // Entry `index` comes due at `deadline` or up to one slot later; sooner when the deadline is beyond the
  // wheel.
  void schedule(std::uint32_t index, Tick now, Tick deadline) noexcept {
    cancel(index);
    // The first slot that begins after the deadline. A deadline that has passed is due in the next one.
    std::uint32_t ahead = (deadline / kSlotMs + 1 - current_) & kTurnMask;
    if (!tick_after(deadline, now) || ahead == 0 || ahead > kTurns / 2) ahead = 1;
    push((current_ + (ahead < kSlots ? ahead : kSlots - 1)) % kSlots, index);
  }

  void cancel(std::uint32_t index) noexcept {
    const Link link = links_[index];
    if (link.next == kIdle) return;
    if (link.next != kNone) links_[link.next].previous = link.previous;
    if ((link.previous & kHeadBit) != 0) {
      heads_[link.previous & ~kHeadBit] = link.next;
    } else {
      links_[link.previous].next = link.next;
    }
    links_[index] = {kIdle, kIdle};
  }

  // Visits what is due, at most `budget` entries; the rest waits for the next call. `due(index)` returns the
  // next deadline, or nothing when the entry is finished with (it may have been freed by then).
  template <class Due>
  unsigned advance(Tick now, unsigned budget, Due&& due) noexcept {
    unsigned visited = 0;
    const std::uint32_t target = now / kSlotMs;
    while (((target - current_) & kTurnMask) < kTurns / 2) {
      std::uint32_t& head = heads_[current_ % kSlots];
      while (head != kNone) {
        if (visited == budget) return visited;
        ++visited;
        const std::uint32_t index = head;
        if (links_[index].next != kNone) __builtin_prefetch(&links_[links_[index].next]);
        cancel(index);
        if (const std::optional<Tick> next = due(index)) schedule(index, now, *next);
      }
      if (current_ == target) break;
      current_ = (current_ + 1) & kTurnMask;
    }
    return visited;
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept { return links_.bytes() + heads_.bytes(); }

 private:
  static constexpr std::uint32_t kNone = 0x7fffffff;
  static constexpr std::uint32_t kIdle = 0x7ffffffe;
  static constexpr std::uint32_t kHeadBit = 0x80000000;
  // Slots are counted modulo the wrap of the clock itself, 49 days.
  static constexpr std::uint32_t kTurns = std::uint32_t{1} << 24;
  static constexpr std::uint32_t kTurnMask = kTurns - 1;
  static_assert(std::uint64_t{kTurns} * kSlotMs == std::uint64_t{1} << 32 && kTurns % kSlots == 0);

  struct Link {
    std::uint32_t next;
    std::uint32_t previous;  // another entry, or kHeadBit | slot
  };

  void push(std::uint32_t slot, std::uint32_t index) noexcept {
    const std::uint32_t next = heads_[slot];
    links_[index] = {next, kHeadBit | slot};
    if (next != kNone) links_[next].previous = index;
    heads_[slot] = index;
  }

  PageArray<Link> links_;
  PageArray<std::uint32_t> heads_;
  std::uint32_t current_;  // the slot being worked on, counted since the clock began
};

}  // namespace millrace::flow
