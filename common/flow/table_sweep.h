// SPDX-License-Identifier: BSD-3-Clause
// Looks at every record of a worker's table again and again, a few at a time between batches: for what has to
// happen while a session lasts, and that packets must not pay for.
//
// A walk in the order of the records, not a visit by the timer wheel: the wheel comes to a session when its
// idle time may be over, which may be an hour later, and its lists lead all over memory. The walk reads
// memory in order, and of a record without news only the first cache line.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/base/clock.h"

namespace millrace::flow {

// One worker's own. A round over the table takes a second for up to 100 thousand records, then as long as
// 100 a millisecond take, but no more than 10 seconds; longer only when the worker polls so seldom that
// kMostPerCall are too few.
class TableSweep {
 public:
  static constexpr std::uint32_t kPerMillisecond = 100;
  static constexpr Tick kShortestRound = 1'000;
  static constexpr Tick kLongestRound = 10'000;
  static constexpr std::uint32_t kMostPerCall = 32;  // a few thousand cycles

  explicit TableSweep(Tick now) noexcept : paced_(now) {}

  // Milliseconds for one round over so many records.
  [[nodiscard]] static constexpr Tick round_of(std::uint32_t records) noexcept {
    return std::clamp<Tick>(records / kPerMillisecond, kShortestRound, kLongestRound);
  }

  // Calls visit(index) for the records in use whose turn it is.
  // Table: size() records are in use, all of them before reach(); in_use(index), prefetch(index).
  template <class Table, class Visit>
  void advance(const Table& table, Tick now, Visit&& visit) noexcept {
    if (now != paced_) pace(table.size(), table.reach(), now);
    if (due_ != 0) walk(table, visit);
  }

 private:
  static constexpr std::uint32_t kAhead = 8;  // records whose load is started before they are read

  void pace(std::uint32_t size, std::uint32_t reach, Tick now) noexcept {
    const Tick round = round_of(reach);
    const Tick elapsed = tick_after(now, paced_) ? std::min(now - paced_, round) : 0;
    paced_ = now;
    if (size == 0) {
      due_ = 0;
      return;
    }
    // `part_` is what is left of a record, in parts of a round.
    const std::uint64_t parts = std::uint64_t{elapsed} * reach + part_;
    due_ = std::min(due_ + static_cast<std::uint32_t>(parts / round), reach);
    part_ = static_cast<std::uint32_t>(parts % round);
  }

  template <class Table, class Visit>
  void walk(const Table& table, Visit&& visit) noexcept {
    const std::uint32_t count = std::min(due_, kMostPerCall);
    due_ -= count;
    for (std::uint32_t i = 0; i < count; ++i) {
      if (next_ >= table.reach()) next_ = 0;
      if (next_ + kAhead < table.reach()) table.prefetch(next_ + kAhead);
      if (table.in_use(next_)) visit(next_);
      ++next_;
    }
  }

  Tick paced_;
  std::uint32_t due_ = 0;  // records to look at now
  std::uint32_t part_ = 0;
  std::uint32_t next_ = 0;
};

}  // namespace millrace::flow
