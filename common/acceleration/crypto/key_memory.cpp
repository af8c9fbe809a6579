// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/crypto/key_memory.h"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>

namespace millrace::crypto {

KeyMemory::~KeyMemory() {
  for (void* chunk : chunks_) {
    explicit_bzero(chunk, kChunkBytes);
    munmap(chunk, kChunkBytes);
  }
}

Result<void> KeyMemory::add_chunk() {
  void* chunk = mmap(nullptr, kChunkBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (chunk == MAP_FAILED) return failure("get memory for keys", errno_text(errno));
  locked_ = mlock(chunk, kChunkBytes) == 0 && locked_;
  madvise(chunk, kChunkBytes, MADV_DONTDUMP);
  chunks_.push_back(chunk);
  for (std::size_t at = 0; at + slot_bytes_ <= kChunkBytes; at += slot_bytes_)
    free_.push_back(static_cast<std::byte*>(chunk) + at);
  return {};
}

Result<void*> KeyMemory::take() {
  const std::scoped_lock lock(mutex_);
  if (free_.empty()) {
    if (auto done = add_chunk(); !done) return tl::unexpected(done.error());
  }
  void* slot = free_.back();
  free_.pop_back();
  return slot;
}

void KeyMemory::give_back(void* slot) noexcept {
  explicit_bzero(slot, slot_bytes_);
  const std::scoped_lock lock(mutex_);
  free_.push_back(slot);  // never grows beyond what add_chunk() made room for
}

bool KeyMemory::is_locked() const {
  const std::scoped_lock lock(mutex_);
  return locked_;
}

}  // namespace millrace::crypto
