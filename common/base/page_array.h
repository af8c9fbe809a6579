// SPDX-License-Identifier: BSD-3-Clause
// A large fixed array for tables: zeroed, populated when made, on huge pages where the machine has them.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include <sys/mman.h>

namespace millrace {

// Throws std::bad_alloc when the memory is not there: tables are made at start, before the first packet.
// T must be happy with all bytes zero.
template <class T>
class PageArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  PageArray() noexcept = default;
  explicit PageArray(std::size_t count) : count_(count) {
    if (count == 0) return;
    constexpr std::size_t kHugePage = std::size_t{2} << 20;
    const std::size_t bytes = count * sizeof(T);
    mapped_ = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
    // Reserved huge pages belong to the packet memory; tables take transparent ones, which need no
    // reservation. One spare huge page lets the array begin on a boundary.
    mapped_ += kHugePage;
    map_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, kFlags | MAP_NORESERVE, -1, 0);
    if (map_ == MAP_FAILED) throw std::bad_alloc();
    const auto base = (reinterpret_cast<std::uintptr_t>(map_) + kHugePage - 1) / kHugePage * kHugePage;
    data_ = reinterpret_cast<T*>(base);  // NOLINT(performance-no-int-to-ptr)
    if (bytes >= kHugePage) madvise(data_, bytes, MADV_HUGEPAGE);
    populate(bytes);
  }
  PageArray(PageArray&& other) noexcept { swap(other); }
  PageArray& operator=(PageArray&& other) noexcept {
    PageArray taken(std::move(other));
    swap(taken);
    return *this;
  }
  PageArray(const PageArray&) = delete;
  PageArray& operator=(const PageArray&) = delete;
  ~PageArray() {
    if (map_ != nullptr) munmap(map_, mapped_);
  }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return count_ * sizeof(T); }
  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  // In steps: while one is under way no other thread can map memory, DPDK's own least of all, which has peers
  // of memif and vhost to answer.
  void populate(std::size_t bytes) {
    constexpr std::size_t kStep = std::size_t{4} << 20;
    auto* const begin = reinterpret_cast<std::byte*>(data_);
    for (std::size_t at = 0; at < bytes; at += kStep) {
      if (madvise(begin + at, std::min(kStep, bytes - at), MADV_POPULATE_WRITE) == 0) continue;
      if (errno != ENOMEM) return;  // an older kernel: pages come at first touch
      munmap(map_, mapped_);
      throw std::bad_alloc();
    }
  }
  void swap(PageArray& other) noexcept {
    std::swap(map_, other.map_);
    std::swap(mapped_, other.mapped_);
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
  }

  void* map_ = nullptr;
  std::size_t mapped_ = 0;
  T* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace millrace
