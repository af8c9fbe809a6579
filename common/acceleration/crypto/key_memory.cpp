// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/crypto/key_memory.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/mman.h>

namespace millrace::crypto {

KeyMemory::~KeyMemory() {
  for (const Chunk& chunk : chunks_) {
    explicit_bzero(chunk.memory, chunk.bytes);
    munmap(chunk.memory, chunk.bytes);
  }
}

// Aligned to its size.
Result<KeyMemory::Chunk> KeyMemory::map_chunk(std::size_t bytes) {
  void* const mapped =
      mmap(nullptr, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return failure("get memory for keys", errno_text(errno));
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = (bytes - reinterpret_cast<std::uintptr_t>(begin) % bytes) % bytes;
  if (before != 0) munmap(begin, before);
  munmap(begin + before + bytes, bytes - before);
  return Chunk{begin + before, bytes};
}

Result<void> KeyMemory::add_chunk() {
  const auto chunk = map_chunk(chunks_.size() < kSmallChunks ? kSmallChunk : kHugePage);
  if (!chunk) return tl::unexpected(chunk.error());
  if (chunk->bytes == kHugePage) madvise(chunk->memory, chunk->bytes, MADV_HUGEPAGE);
  locked_ = mlock(chunk->memory, chunk->bytes) == 0 && locked_;
  madvise(chunk->memory, chunk->bytes, MADV_DONTDUMP);
  chunks_.push_back(*chunk);
  for (std::size_t at = 0; at + slot_bytes_ <= chunk->bytes; at += slot_bytes_)
    free_.push_back(static_cast<std::byte*>(chunk->memory) + at);
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
