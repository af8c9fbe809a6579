// SPDX-License-Identifier: BSD-3-Clause
// Memory for expanded keys: kept out of swap and of core dumps, and wiped when given back.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "common/base/result.h"

namespace millrace::crypto {

// Slots of one size. Any thread.
class KeyMemory {
 public:
  // `slot_bytes`: a multiple of 64, at most a page's worth of them.
  explicit KeyMemory(std::size_t slot_bytes) noexcept : slot_bytes_(slot_bytes) {}
  ~KeyMemory();
  KeyMemory(const KeyMemory&) = delete;
  KeyMemory& operator=(const KeyMemory&) = delete;

  // Zeroed, aligned to 64 bytes.
  [[nodiscard]] Result<void*> take();
  void give_back(void* slot) noexcept;

  // Whether all of it is kept out of swap: false where the process may lock too little (RLIMIT_MEMLOCK).
  [[nodiscard]] bool is_locked() const;

 private:
  struct Chunk {
    void* memory;
    std::size_t bytes;
  };
  // A few keys take little memory; many take huge pages, so that not each has an entry of its own in the TLB.
  static constexpr std::size_t kSmallChunk = std::size_t{1} << 18;
  static constexpr std::size_t kHugePage = std::size_t{1} << 21;
  static constexpr std::size_t kSmallChunks = 4;

  [[nodiscard]] static Result<Chunk> map_chunk(std::size_t bytes);
  [[nodiscard]] Result<void> add_chunk();

  mutable std::mutex mutex_;
  std::size_t slot_bytes_;
  std::vector<Chunk> chunks_;
  std::vector<void*> free_;
  bool locked_ = true;
};

}  // namespace millrace::crypto
