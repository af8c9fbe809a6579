// SPDX-License-Identifier: BSD-3-Clause
// A set of texts with a mark each, found by a hash that the caller makes under a secret key. Built off the
// data path, then only read, by any number of threads.
//
// Eight bytes for each entry, and the text itself, so that what is found is there and not merely likely.
// Buckets of sixteen, as in Abseil's Swiss tables (Kulukundis, "Designing a Fast, Efficient, Cache-friendly
// Hash Table, Step by Step", CppCon 2017): a byte of the hash for each text lies apart, so that what is not
// there costs one cache line, of an array that a million entries make 1.5 MB long.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/page_array.h"
#include "common/base/reader.h"

namespace millrace::firewall::inspection {

class TextTable {
 public:
  static constexpr std::size_t kLongestText = 0x3fff;

  TextTable() = default;
  // Room for so many texts that have so many bytes in all. Throws std::bad_alloc: when memory is short, and
  // for 4 GiB of text or more.
  TextTable(std::size_t texts, std::size_t bytes);

  // The text is `head` and then `tail`. Marks: 1, 2 or 3; those of a text that is there already are added to.
  // There must be room.
  void add(std::uint64_t hash, Bytes head, Bytes tail, std::uint8_t marks) noexcept;

  // Data path. The text's marks; 0 when it is not there.
  [[nodiscard]] std::uint8_t find(std::uint64_t hash, Bytes head, Bytes tail = {}) const noexcept;
  void prefetch(std::uint64_t hash) const noexcept {
    if (count_ != 0) __builtin_prefetch(&tags_[bucket_of(hash)]);
  }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return tags_.bytes() + records_.bytes() + texts_.bytes();
  }

 private:
  static constexpr std::size_t kBucket = 16;
  static constexpr std::uint8_t kFree = 0;

  struct alignas(kBucket) Tags {
    std::array<std::uint8_t, kBucket> of;  // kFree: not in use, as are all behind it
  };
  // Where a text is, or would be.
  struct Place {
    std::size_t bucket;
    std::size_t slot;
    std::uint32_t record;  // in texts_; 0: it is not there
  };

  [[nodiscard]] std::size_t bucket_of(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>((hash >> 32U) * tags_.size() >> 32U);
  }
  [[nodiscard]] bool holds(std::size_t record, Bytes head, Bytes tail) const noexcept;
  [[nodiscard]] Place seek(std::uint64_t hash, Bytes head, Bytes tail) const noexcept;

  PageArray<Tags> tags_;                                   // of each bucket; at most two thirds are in use
  PageArray<std::array<std::uint32_t, kBucket>> records_;  // of each bucket
  // Records: two bytes, little-endian, with the length and, in the two highest bits, the marks; then the
  // text.
  PageArray<std::uint8_t> texts_;
  std::size_t used_ = 0;  // of texts_
  std::size_t count_ = 0;
};

}  // namespace millrace::firewall::inspection
