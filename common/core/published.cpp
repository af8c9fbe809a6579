// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/published.h"

#include <new>

#include <rte_malloc.h>

namespace millrace::core {

Rcu::Rcu() {
  const std::size_t bytes = rte_rcu_qsbr_get_memsize(kMaxWorkers);
  state_ = static_cast<rte_rcu_qsbr*>(rte_zmalloc("rcu", bytes, RTE_CACHE_LINE_SIZE));
  if (state_ == nullptr || rte_rcu_qsbr_init(state_, kMaxWorkers) != 0) throw std::bad_alloc();
}

Rcu::~Rcu() { rte_free(state_); }

void Rcu::join(WorkerId worker) noexcept {
  rte_rcu_qsbr_thread_register(state_, worker.value());
  rte_rcu_qsbr_thread_online(state_, worker.value());
}

void Rcu::leave(WorkerId worker) noexcept {
  rte_rcu_qsbr_thread_offline(state_, worker.value());
  rte_rcu_qsbr_thread_unregister(state_, worker.value());
}

}  // namespace millrace::core
