// SPDX-License-Identifier: BSD-3-Clause
// A set of texts with a mark each, found by a hash that the caller makes under a secret key: 12 bytes for
// each entry, and the text itself, so that what is found is there and not merely likely. Open addressing, two
// thirds full at most. Built off the data path, then only read, by any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/page_array.h"
#include "common/base/reader.h"

namespace millrace::firewall::inspection {

class TextTable {
 public:
  static constexpr std::size_t kLongestText = 0x3fff;
  static constexpr std::size_t kMostBytes = std::size_t{1} << 31U;  // of all texts

  TextTable() = default;
  // Room for so many texts that have so many bytes in all. Throws std::bad_alloc.
  TextTable(std::size_t texts, std::size_t bytes);

  // The text is `head` and then `tail`. Marks: 1, 2 or 3; those of a text that is there already are added to.
  // There must be room.
  void add(std::uint64_t hash, Bytes head, Bytes tail, std::uint8_t marks) noexcept;

  // Data path. The text's marks; 0 when it is not there.
  [[nodiscard]] std::uint8_t find(std::uint64_t hash, Bytes head, Bytes tail = {}) const noexcept;
  void prefetch(std::uint64_t hash) const noexcept {
    if (slots_.size() != 0) __builtin_prefetch(&slots_[place_of(hash)]);
  }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return slots_.bytes() + texts_.bytes(); }

 private:
  struct Slot {
    std::uint32_t tag;     // the low half of the hash; the high half is the place
    std::uint32_t record;  // where in texts_; 0: not in use
  };

  [[nodiscard]] std::size_t place_of(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>((hash >> 32U) * slots_.size() >> 32U);
  }
  [[nodiscard]] bool holds(std::size_t record, Bytes head, Bytes tail) const noexcept;
  // Where the text stands, or would.
  [[nodiscard]] std::size_t seek(std::uint64_t hash, Bytes head, Bytes tail) const noexcept;

  PageArray<Slot> slots_;
  // Records: two bytes, little-endian, with the length and, in the two highest bits, the marks; then the
  // text.
  PageArray<std::uint8_t> texts_;
  std::size_t used_ = 0;  // of texts_
  std::size_t count_ = 0;
};

}  // namespace millrace::firewall::inspection
