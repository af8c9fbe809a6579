// SPDX-License-Identifier: BSD-3-Clause
// One worker's connections and their timers. Fixed capacity, nothing allocated after construction.
#pragma once

#include <array>
#include <cassert>
#include <span>

#include "common/base/counter.h"
#include "common/flow/timer_wheel.h"
#include "vnfs/load_balancer/policy.h"
#include "vnfs/load_balancer/records.h"
#include "vnfs/load_balancer/source_ports.h"

namespace millrace::load_balancer {

enum class ConnectionEnd : std::uint8_t { kTimeout, kClosed, kPolicy, kFlushed };

// Told of what begins and ends, while it stands in the table.
class ConnectionObserver {
 public:
  virtual ~ConnectionObserver() = default;
  virtual void connection_opened(const Connection& connection) noexcept = 0;
  virtual void connection_adopted(const Connection& connection) noexcept = 0;  // from another table
  virtual void connection_ended(const Connection& connection, ConnectionEnd why) noexcept = 0;
};

// Not thread-safe: the worker's own.
class ConnectionTable {
 public:
  // `seed` is secret. `ports` outlives the table.
  ConnectionTable(std::uint32_t capacity, std::uint64_t seed, Tick now, SourcePorts& ports)
      : table_(capacity, seed), wheel_(capacity, now), ports_(ports), now_(now) {}

  // Before the first connection, so many at most; it outlives the table. They are told in the order they
  // came.
  static constexpr std::size_t kMostObservers = 4;
  void observe(ConnectionObserver& observer) noexcept {
    assert(observer_count_ < kMostObservers);
    observers_[observer_count_++] = &observer;
  }

  [[nodiscard]] const flow::FlowTable<Connection>& flows() const noexcept { return table_; }
  [[nodiscard]] Connection& operator[](ConnectionIndex index) noexcept { return table_[index]; }
  [[nodiscard]] const Connection& operator[](ConnectionIndex index) const noexcept { return table_[index]; }

  // A connection that find() does not know, of the lookup's sender as the client. Its source port, if it has
  // one, is the table's to give back. kNoConnection when there is no room: the balancer goes on without.
  [[nodiscard]] ConnectionIndex open(const flow::FlowLookup& lookup, const Connection& begun,
                                     const Timeouts& timeouts, Tick now) noexcept;
  // From another table: nothing begins. What points into its old surroundings is forgotten.
  [[nodiscard]] ConnectionIndex adopt(const flow::FlowLookup& lookup, const Connection& from,
                                      const Timeouts& timeouts, Tick now) noexcept;
  void close(ConnectionIndex index, ConnectionEnd why) noexcept;
  // Its idle time has changed.
  void reschedule(ConnectionIndex index, const Timeouts& timeouts, Tick now) noexcept {
    wheel_.schedule(index, now, deadline_of(table_[index], timeouts));
  }
  // Ends what is due, a bounded number per call.
  void expire(const Policy& policy, Tick now) noexcept;

  // Those that the last expire() found to have a header due.
  [[nodiscard]] std::span<const ConnectionIndex> due() const noexcept {
    return std::span(due_).first(due_count_);
  }

  // After what idle time the connection ends.
  [[nodiscard]] static Tick timeout_of(const Connection& connection, const Timeouts& timeouts) noexcept;
  // The time of the last expire(): at most one round of the worker's loop ago.
  [[nodiscard]] Tick now() const noexcept { return now_; }

  // Readable from any thread.
  [[nodiscard]] std::uint64_t open_now() const noexcept { return open_now_.read(); }
  [[nodiscard]] std::uint64_t opened() const noexcept { return opened_.read(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return table_.memory_bytes() + wheel_.memory_bytes();
  }

 private:
  static constexpr unsigned kExpiriesPerCall = 32;

  template <class Tell>
  void tell(Tell tell) noexcept {
    for (std::size_t i = 0; i < observer_count_; ++i) tell(*observers_[i]);
  }

  // When something is to happen to it.
  [[nodiscard]] static Tick deadline_of(const Connection& connection, const Timeouts& timeouts) noexcept;

  [[nodiscard]] ConnectionIndex insert(const flow::FlowLookup& lookup, const Connection& from,
                                       const Timeouts& timeouts, Tick now) noexcept;

  flow::FlowTable<Connection> table_;
  flow::TimerWheel wheel_;
  std::array<ConnectionObserver*, kMostObservers> observers_{};
  std::size_t observer_count_ = 0;
  SourcePorts& ports_;
  Tick now_;
  std::array<ConnectionIndex, kExpiriesPerCall> due_{};
  unsigned due_count_ = 0;
  Counter open_now_;
  Counter opened_;
};

}  // namespace millrace::load_balancer
