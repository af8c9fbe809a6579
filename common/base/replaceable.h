// SPDX-License-Identifier: BSD-3-Clause
// One immutable T at a time, for what changes more often than the rest of a policy. Workers read, one control
// thread replaces, and waits for the workers itself.
#pragma once

#include <atomic>
#include <memory>

namespace millrace {

template <class T>
class Replaceable {
 public:
  Replaceable() : current_(new T()) {}
  ~Replaceable() { delete current_.load(std::memory_order_relaxed); }
  Replaceable(const Replaceable&) = delete;
  Replaceable& operator=(const Replaceable&) = delete;

  // Valid for a worker until it is quiescent.
  [[nodiscard]] const T& get() const noexcept { return *current_.load(std::memory_order_acquire); }
  // Control thread. What was in force is destroyed by the caller, when no worker can see it any more.
  [[nodiscard]] std::unique_ptr<const T> replace(std::unique_ptr<const T> next) noexcept {
    return std::unique_ptr<const T>(current_.exchange(next.release(), std::memory_order_acq_rel));
  }

 private:
  std::atomic<const T*> current_;
};

}  // namespace millrace
