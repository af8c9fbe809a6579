// SPDX-License-Identifier: BSD-3-Clause
// Read-copy-update: the one way configuration reaches the workers.
#pragma once

#include <atomic>
#include <memory>

#include <rte_rcu_qsbr.h>

#include "common/core/ids.h"

namespace millrace::core {

// The grace periods of all workers. Made before, and destroyed after, everything published under it.
class Rcu {
 public:
  Rcu();
  ~Rcu();
  Rcu(const Rcu&) = delete;
  Rcu& operator=(const Rcu&) = delete;

  // On the worker's thread. Between join and leave the worker must call quiescent() again and again.
  void join(WorkerId worker) noexcept;
  void leave(WorkerId worker) noexcept;
  // "I hold no pointer from before": once per loop.
  void quiescent(WorkerId worker) noexcept { rte_rcu_qsbr_quiescent(state_, worker.value()); }

  // On the control side: returns when every worker has been quiescent since the call.
  void synchronize() noexcept { rte_rcu_qsbr_synchronize(state_, RTE_QSBR_THRID_INVALID); }

 private:
  rte_rcu_qsbr* state_;
};

// One immutable T at a time. Workers read, one control thread replaces.
template <class T>
class Published {
 public:
  Published(Rcu& rcu, std::unique_ptr<const T> first) : rcu_(rcu), current_(first.release()) {}
  ~Published() { delete current_.load(std::memory_order_relaxed); }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // Valid for a worker until its next quiescent(); for the control thread until its next publish().
  [[nodiscard]] const T& get() const noexcept { return *current_.load(std::memory_order_acquire); }

  // Swaps, waits until no worker can see the old one, destroys it.
  void publish(std::unique_ptr<const T> next) {
    std::unique_ptr<const T> old(current_.exchange(next.release(), std::memory_order_acq_rel));
    rcu_.synchronize();
  }

 private:
  Rcu& rcu_;
  std::atomic<const T*> current_;
};

}  // namespace millrace::core
