// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include <immintrin.h>

#include "common/base/page_array.h"

namespace millrace::nat {

// Records of one kind by number.
template <class Record>
class RecordPool {
 public:
  explicit RecordPool(std::uint32_t capacity) : records_(capacity), free_(capacity), free_count_(capacity) {
    for (std::uint32_t i = 0; i < capacity; ++i) free_[i] = capacity - 1 - i;
  }
  [[nodiscard]] Record& operator[](std::uint32_t index) noexcept { return records_[index]; }
  [[nodiscard]] const Record& operator[](std::uint32_t index) const noexcept { return records_[index]; }
  [[nodiscard]] std::uint32_t capacity() const noexcept {
    return static_cast<std::uint32_t>(records_.size());
  }
  [[nodiscard]] std::uint32_t size() const noexcept { return capacity() - free_count_; }
  // Records from here on have never been in use.
  [[nodiscard]] std::uint32_t reach() const noexcept { return reach_; }
  [[nodiscard]] bool full() const noexcept { return free_count_ == 0; }
  [[nodiscard]] bool in_use(std::uint32_t index) const noexcept { return records_[index].in_use(); }
  void prefetch(std::uint32_t index) const noexcept { _mm_prefetch(&records_[index], _MM_HINT_T0); }
  // Not when full.
  [[nodiscard]] std::uint32_t take() noexcept {
    const std::uint32_t index = free_[--free_count_];
    if (index >= reach_) reach_ = index + 1;
    return index;
  }
  void give_back(std::uint32_t index) noexcept {
    records_[index] = Record{};
    free_[free_count_++] = index;
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return records_.bytes() + free_.bytes(); }

 private:
  PageArray<Record> records_;
  PageArray<std::uint32_t> free_;  // a stack
  std::uint32_t free_count_;
  std::uint32_t reach_ = 0;
};

}  // namespace millrace::nat
