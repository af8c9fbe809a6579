// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/firewall/inspection/body_store.h"
#include "vnfs/firewall/inspection/buffer_pool.h"

namespace millrace::firewall::inspection {

// A body in a worker's pool. Made where it is used; the bytes outlive it.
class PoolStore final : public BodyStore {
 public:
  PoolStore(BufferPool& pool, PooledBytes& bytes) noexcept : pool_(pool), bytes_(bytes) {}

  [[nodiscard]] bool append(Bytes bytes) noexcept override { return bytes_.append(pool_, bytes); }
  [[nodiscard]] Bytes bytes() const noexcept override { return bytes_.bytes(pool_); }
  void clear() noexcept override { bytes_.clear(pool_); }

 private:
  BufferPool& pool_;
  PooledBytes& bytes_;
};

}  // namespace millrace::firewall::inspection
