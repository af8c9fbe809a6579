// SPDX-License-Identifier: BSD-3-Clause
// From flow key to session record. Fixed capacity, one owner thread, nothing allocated after construction.
//
// A record begins with its key, so a lookup touches two lines: the index's bucket and the record's. Both
// loads are started for a whole batch before the first is used.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>

#include <immintrin.h>

#include "common/base/page_array.h"
#include "common/flow/bucket_index.h"
#include "common/flow/key.h"

namespace millrace::flow {

using RecordIndex = std::uint32_t;
inline constexpr RecordIndex kNoRecord = BucketIndex::kNone;

// Record: trivially copyable, with members `FlowKey key` and `Ipv6Pair addresses`; all zero bytes when free.
template <class Record>
class FlowTable {
 public:
  // `seed` must be random and secret: it decides where flows lie.
  FlowTable(std::uint32_t capacity, std::uint64_t seed)
      : seed_(seed), index_(capacity), records_(capacity), free_(capacity) {
    for (std::uint32_t i = 0; i < capacity; ++i) free_[i] = capacity - 1 - i;
    free_count_ = capacity;
  }

  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept {
    return static_cast<std::uint32_t>(records_.size());
  }
  [[nodiscard]] std::uint32_t size() const noexcept { return capacity() - free_count_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return index_.memory_bytes() + records_.bytes() + free_.bytes();
  }
  [[nodiscard]] Record& operator[](RecordIndex index) noexcept { return records_[index]; }
  [[nodiscard]] const Record& operator[](RecordIndex index) const noexcept { return records_[index]; }
  // Records from here on have never been in use.
  [[nodiscard]] std::uint32_t reach() const noexcept { return reach_; }
  [[nodiscard]] bool in_use(RecordIndex index) const noexcept { return records_[index].key.low != 0; }

  void prefetch(RecordIndex index) const noexcept { _mm_prefetch(&records_[index], _MM_HINT_T0); }
  // A look-up in three steps (bucket_index.h), each for a whole batch before the next.
  void prefetch_bucket(std::uint64_t hash) const noexcept { index_.prefetch(hash); }
  // The record that is the flow's if the table knows it, nearly always; record 0 when no tag fits.
  [[nodiscard]] RecordIndex prefetch_record(const FlowLookup& lookup) const noexcept {
    const RecordIndex guess = index_.guess(lookup.hash);
    const Record& record = records_[guess];
    _mm_prefetch(&record, _MM_HINT_T0);
    if (lookup.key.is_wide()) _mm_prefetch(&record.addresses, _MM_HINT_T0);
    return guess;
  }
  [[nodiscard]] RecordIndex find(const FlowLookup& lookup, RecordIndex guess) const noexcept {
    if (same(records_[guess], lookup)) [[likely]]
      return guess;
    return find(lookup);
  }

  // The same in one step.
  [[nodiscard]] RecordIndex find(const FlowLookup& lookup) const noexcept {
    return index_.find(lookup.hash, [&](RecordIndex index) { return same(records_[index], lookup); });
  }

  // Whether the record is the flow's still: found for a packet, it may since have ended with its flow and
  // become another's.
  [[nodiscard]] bool holds(RecordIndex index, const FlowLookup& lookup) const noexcept {
    return same(records_[index], lookup);
  }

  // A record for a flow that find() did not know: key and addresses set, the rest zero. kNoRecord when the
  // table, or the overflow of this bucket, is full.
  [[nodiscard]] RecordIndex insert(const FlowLookup& lookup) noexcept {
    if (free_count_ == 0) return kNoRecord;
    const RecordIndex index = free_[free_count_ - 1];
    if (!index_.insert(lookup.hash, index)) return kNoRecord;
    --free_count_;
    reach_ = std::max(reach_, index + 1);
    Record& record = records_[index];
    record = Record{};
    record.key = lookup.key;
    if (lookup.key.is_wide()) record.addresses = lookup.addresses;
    return index;
  }

  void erase(RecordIndex index) noexcept {
    Record& record = records_[index];
    assert(record.key.low != 0);
    index_.erase(hash_key(record.key, record.key.is_wide() ? &record.addresses : nullptr, seed_), index);
    record = Record{};
    free_[free_count_++] = index;
  }

 private:
  [[nodiscard]] static bool same(const Record& record, const FlowLookup& lookup) noexcept {
    if (record.key != lookup.key) return false;
    return !lookup.key.is_wide() || record.addresses == lookup.addresses;
  }

  std::uint64_t seed_;
  BucketIndex index_;
  PageArray<Record> records_;
  PageArray<RecordIndex> free_;  // a stack of free record numbers
  std::uint32_t free_count_ = 0;
  std::uint32_t reach_ = 0;
};

}  // namespace millrace::flow
