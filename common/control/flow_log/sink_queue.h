// SPDX-License-Identifier: BSD-3-Clause
// What waits between the thread that reads events and the thread of a sink. Bounded: what does not fit is
// refused.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace millrace::control {

// `taken` items count as waiting until done() says what became of them. Thread-safe.
template <class T>
class SinkQueue {
 public:
  using Clock = std::chrono::steady_clock;

  explicit SinkQueue(std::size_t capacity) : capacity_(capacity) {}

  // Moves in what there is room for and returns how many that were; `items` is not to be used afterwards.
  std::size_t push(std::vector<T>& items) {
    std::size_t room = 0;
    {
      const std::lock_guard lock(mutex_);
      const std::size_t used = items_.size() + in_hand_;
      room = used < capacity_ ? capacity_ - used : 0;
      if (room > items.size()) room = items.size();
      items_.insert(items_.end(), std::make_move_iterator(items.begin()),
                    std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(room)));
    }
    changed_.notify_all();
    return room;
  }

  enum class Wake : std::uint8_t { kItems, kPoked, kTime, kStopped };

  // Waits for items, a poke, the end, or `until`; items go to `out`, which must be empty. Items before the
  // end.
  Wake take(std::vector<T>& out, Clock::time_point until) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [&] { return !items_.empty() || poked_ || stopped_; });
    if (std::exchange(poked_, false)) return Wake::kPoked;
    if (!items_.empty()) {
      std::swap(out, items_);
      in_hand_ = out.size();
      return Wake::kItems;
    }
    return stopped_ ? Wake::kStopped : Wake::kTime;
  }

  // Waits until `until`, however many items there are. False at the end or when poked.
  bool pause(Clock::time_point until) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [&] { return poked_ || stopped_; });
    return !std::exchange(poked_, false) && !stopped_;
  }

  // So many of those taken are written or lost.
  void done(std::size_t count) {
    {
      const std::lock_guard lock(mutex_);
      in_hand_ -= count;
    }
    changed_.notify_all();
  }

  void poke() {
    {
      const std::lock_guard lock(mutex_);
      poked_ = true;
    }
    changed_.notify_all();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
  }

  [[nodiscard]] bool stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return items_.size() + in_hand_;
  }
  bool wait_empty(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most, [&] { return items_.empty() && in_hand_ == 0; });
  }

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> items_;
  std::size_t in_hand_ = 0;
  bool poked_ = false;
  bool stopped_ = false;
};

}  // namespace millrace::control
