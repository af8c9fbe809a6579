// SPDX-License-Identifier: BSD-3-Clause
// One worker's sessions: the flow table, its timers, and the order in which those that can be spared give
// way.
#pragma once

#include <array>
#include <cassert>

#include "common/base/counter.h"
#include "common/flow/timer_wheel.h"
#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/session.h"

namespace millrace::firewall {

enum class SessionEnd : std::uint8_t {
  kTimeout,
  kClosed,
  kReset,
  kPolicy,
  kEvicted,
  kFlushed,
  kReopened,
  kStopped
};

// Told of every session that ends, while it still stands in the table.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void session_ended(SessionIndex index, const Session& session, SessionEnd why,
                             Tick now) noexcept = 0;
};

// Not thread-safe: the worker's own.
class SessionTable {
 public:
  SessionTable(std::uint32_t capacity, std::uint64_t seed, Tick now, std::uint16_t worker)
      : table_(capacity, seed),
        wheel_(capacity, now),
        // Begins with the time, so that a worker made later under the same number gives no id twice.
        next_id_(std::uint64_t{worker} << 48 | std::uint64_t{now} << 16),
        now_(now) {}

  [[nodiscard]] flow::FlowTable<Session>& flows() noexcept { return table_; }
  [[nodiscard]] const flow::FlowTable<Session>& flows() const noexcept { return table_; }
  [[nodiscard]] Session& operator[](SessionIndex index) noexcept { return table_[index]; }

  // Before the first session; they are told in the order they came.
  static constexpr std::size_t kMostObservers = 5;
  void observe(SessionObserver* observer) noexcept {
    assert(observer_count_ < kMostObservers);
    observers_[observer_count_++] = observer;
  }

  // A new, half-open session; the oldest expendable one gives way when the table is full. kNoSession when
  // none can.
  [[nodiscard]] SessionIndex open(const flow::FlowLookup& lookup, const Timeouts& timeouts,
                                  Tick now) noexcept;
  // Takes over a session of another table or process with all it has counted; `lookup` is its flow's. What
  // points into its old surroundings (its place among the expendable, its sources) begins anew; an id of 0
  // becomes a new one. kNoSession when the flow is known here, or when the table is full: nothing gives way
  // for it.
  [[nodiscard]] SessionIndex adopt(const flow::FlowLookup& lookup, const Session& from,
                                   const Timeouts& timeouts, Tick now) noexcept;
  // The responder has answered (TCP: the handshake is complete): pressure no longer ends it.
  void confirm(SessionIndex index) noexcept;
  void close(SessionIndex index, SessionEnd why, Tick now) noexcept;
  // Finished: it stays for late segments, for a short time, and gives way under pressure.
  void finish(SessionIndex index, const Timeouts& timeouts, Tick now) noexcept;
  // Ends what is due, a bounded number per call.
  void expire(const Timeouts& timeouts, Tick now) noexcept;

  // The time of the last expire(): at most one round of the worker's loop ago.
  [[nodiscard]] Tick now() const noexcept { return now_; }
  // Counts of a table that this one follows.
  void add_totals(std::uint64_t opened, std::uint64_t evicted) noexcept {
    opened_.add(opened);
    evicted_.add(evicted);
  }

  [[nodiscard]] std::uint64_t opened() const noexcept { return opened_.read(); }
  [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_.read(); }
  [[nodiscard]] std::uint64_t expendable() const noexcept { return expendable_.read(); }
  [[nodiscard]] std::uint64_t open_now() const noexcept { return open_now_.read(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return table_.memory_bytes() + wheel_.memory_bytes();
  }

 private:
  static constexpr unsigned kExpiriesPerCall = 32;

  void link_expendable(SessionIndex index) noexcept;
  void unlink_expendable(SessionIndex index) noexcept;

  flow::FlowTable<Session> table_;
  flow::TimerWheel wheel_;
  std::array<SessionObserver*, kMostObservers> observers_{};
  std::size_t observer_count_ = 0;
  SessionIndex oldest_ = kNoSession;  // of the expendable ones
  SessionIndex newest_ = kNoSession;
  std::uint64_t next_id_;
  Tick now_;
  Counter opened_;
  Counter evicted_;
  Counter expendable_;
  Counter open_now_;
};

}  // namespace millrace::firewall
