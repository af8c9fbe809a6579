// SPDX-License-Identifier: BSD-3-Clause
// From flow key to session record. Fixed capacity, one owner thread, nothing allocated after construction.
//
// A bucket is one cache line: eight 16-bit tags compared at once by SSE, eight 32-bit record numbers. A
// record begins with its key, so a lookup touches two lines: the bucket's and the record's. Both loads are
// started for a whole batch before the first is used.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <span>

#include <immintrin.h>

#include "common/base/page_array.h"
#include "common/flow/key.h"

namespace millrace::flow {

using RecordIndex = std::uint32_t;
inline constexpr RecordIndex kNoRecord = 0xffffffff;

// Record: trivially copyable, with members `FlowKey key` and `Ipv6Pair addresses`; all zero bytes when free.
template <class Record>
class FlowTable {
 public:
  // `seed` must be random and secret: it decides where flows lie.
  FlowTable(std::uint32_t capacity, std::uint64_t seed)
      : seed_(seed),
        bucket_mask_(std::bit_ceil(std::max<std::uint32_t>(capacity / kTargetFill, 2)) - 1),
        // Attackers do not know the seed, so overflow stays as rare as chance makes it: about 2 % of the
        // buckets.
        overflow_buckets_(std::max<std::uint32_t>((bucket_mask_ + 1) / 8, 64)),
        buckets_(std::size_t{bucket_mask_} + 1 + overflow_buckets_),
        records_(capacity),
        free_(capacity) {
    for (std::uint32_t i = 0; i < capacity; ++i) free_[i] = capacity - 1 - i;
    free_count_ = capacity;
    for (std::uint32_t i = 0; i < overflow_buckets_; ++i) {
      buckets_[first_overflow() + i].next = i + 1 < overflow_buckets_ ? first_overflow() + i + 1 : 0;
    }
    free_overflow_ = first_overflow();
  }

  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] std::uint32_t capacity() const noexcept {
    return static_cast<std::uint32_t>(records_.size());
  }
  [[nodiscard]] std::uint32_t size() const noexcept { return capacity() - free_count_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return buckets_.bytes() + records_.bytes() + free_.bytes();
  }
  [[nodiscard]] Record& operator[](RecordIndex index) noexcept { return records_[index]; }
  [[nodiscard]] const Record& operator[](RecordIndex index) const noexcept { return records_[index]; }
  // Records from here on have never been in use.
  [[nodiscard]] std::uint32_t reach() const noexcept { return reach_; }
  [[nodiscard]] bool in_use(RecordIndex index) const noexcept { return records_[index].key.low != 0; }

  void prefetch(RecordIndex index) const noexcept { _mm_prefetch(&records_[index], _MM_HINT_T0); }
  // A look-up in three steps, each for a whole batch before the next, so that the loads overlap: start the
  // load of the bucket; read it, and start the load of the record whose tag fits; compare the keys.
  void prefetch_bucket(std::uint64_t hash) const noexcept {
    _mm_prefetch(&buckets_[bucket_of(hash)], _MM_HINT_T0);
  }
  // The record that is the flow's if the table knows it, nearly always; record 0 when no tag fits.
  [[nodiscard]] RecordIndex prefetch_record(const FlowLookup& lookup) const noexcept {
    const Bucket& bucket = buckets_[bucket_of(lookup.hash)];
    const unsigned hits = matching_slots(bucket, tag_of(lookup.hash)) | 1U << kSlots;
    const RecordIndex guess = bucket.record[static_cast<unsigned>(std::countr_zero(hits))];
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
    const std::uint16_t tag = tag_of(lookup.hash);
    const Bucket* bucket = &buckets_[bucket_of(lookup.hash)];
    for (;;) {
      for (unsigned hits = matching_slots(*bucket, tag); hits != 0; hits &= hits - 1) {
        const RecordIndex index = bucket->record[std::countr_zero(hits)];
        if (same(records_[index], lookup)) [[likely]]
          return index;
      }
      if (bucket->next == 0) [[likely]]
        return kNoRecord;
      bucket = &buckets_[bucket->next];
    }
  }

  // A record for a flow that find() did not know: key and addresses set, the rest zero. kNoRecord when the
  // table, or the overflow of this bucket, is full.
  [[nodiscard]] RecordIndex insert(const FlowLookup& lookup) noexcept {
    if (free_count_ == 0) return kNoRecord;
    Bucket* bucket = &buckets_[bucket_of(lookup.hash)];
    unsigned empty = matching_slots(*bucket, 0);
    while (empty == 0) {
      if (bucket->next == 0) {
        if (free_overflow_ == 0) return kNoRecord;
        bucket->next = free_overflow_;
        free_overflow_ = buckets_[free_overflow_].next;
        buckets_[bucket->next].next = 0;
      }
      bucket = &buckets_[bucket->next];
      empty = matching_slots(*bucket, 0);
    }
    const auto slot = static_cast<unsigned>(std::countr_zero(empty));
    const RecordIndex index = free_[--free_count_];
    reach_ = std::max(reach_, index + 1);
    bucket->tag[slot] = tag_of(lookup.hash);
    bucket->record[slot] = index;
    Record& record = records_[index];
    record = Record{};
    record.key = lookup.key;
    if (lookup.key.is_wide()) record.addresses = lookup.addresses;
    return index;
  }

  void erase(RecordIndex index) noexcept {
    Record& record = records_[index];
    assert(record.key.low != 0);
    const std::uint64_t hash =
        hash_key(record.key, record.key.is_wide() ? &record.addresses : nullptr, seed_);
    Bucket* bucket = &buckets_[bucket_of(hash)];
    for (;;) {
      for (unsigned hits = matching_slots(*bucket, tag_of(hash)); hits != 0; hits &= hits - 1) {
        const auto slot = static_cast<unsigned>(std::countr_zero(hits));
        if (bucket->record[slot] != index) continue;
        vacate(*bucket, slot, bucket_of(hash));
        record = Record{};
        free_[free_count_++] = index;
        return;
      }
      assert(bucket->next != 0);
      if (bucket->next == 0) return;
      bucket = &buckets_[bucket->next];
    }
  }

 private:
  static constexpr unsigned kSlots = 8;
  struct alignas(64) Bucket {
    std::array<std::uint16_t, kSlots> tag;  // 0 = empty
    std::array<RecordIndex, kSlots + 1>
        record;          // the last stays 0: what prefetch_record() takes when no tag fits
    std::uint32_t next;  // overflow bucket, 0 = none
    std::array<std::uint32_t, 2> unused;
  };
  static_assert(sizeof(Bucket) == 64);

  static constexpr std::uint32_t kTargetFill = 5;  // of eight slots, before rounding the bucket count up

  [[nodiscard]] std::uint32_t first_overflow() const noexcept { return bucket_mask_ + 1; }
  [[nodiscard]] std::uint32_t bucket_of(std::uint64_t hash) const noexcept {
    return static_cast<std::uint32_t>(hash) & bucket_mask_;
  }
  [[nodiscard]] static std::uint16_t tag_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint16_t>((hash >> 48) | 1);
  }
  // Empties a slot of the chain that begins at bucket `first`. An entry of the chain's last bucket takes its
  // place, so that only the last has room and no more overflow buckets are in use than the flows need.
  void vacate(Bucket& bucket, unsigned slot, std::uint32_t first) noexcept {
    Bucket* before = nullptr;
    Bucket* last = &buckets_[first];
    for (; last->next != 0; last = &buckets_[last->next]) before = last;
    const unsigned used = ~matching_slots(*last, 0) & 0xffU;
    const auto from = last == &bucket ? slot : static_cast<unsigned>(std::countr_zero(used));
    bucket.tag[slot] = last->tag[from];
    bucket.record[slot] = last->record[from];
    last->tag[from] = 0;
    if (before != nullptr && matching_slots(*last, 0) == 0xff) {
      last->next = free_overflow_;
      free_overflow_ = before->next;
      before->next = 0;
    }
  }
  // A bit per slot whose tag is `tag`.
  [[nodiscard]] static unsigned matching_slots(const Bucket& bucket, std::uint16_t tag) noexcept {
    const __m128i tags = _mm_load_si128(reinterpret_cast<const __m128i*>(bucket.tag.data()));
    const __m128i equal = _mm_cmpeq_epi16(tags, _mm_set1_epi16(static_cast<short>(tag)));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
  }
  [[nodiscard]] static bool same(const Record& record, const FlowLookup& lookup) noexcept {
    if (record.key != lookup.key) return false;
    return !lookup.key.is_wide() || record.addresses == lookup.addresses;
  }

  std::uint64_t seed_;
  std::uint32_t bucket_mask_;
  std::uint32_t overflow_buckets_;
  PageArray<Bucket> buckets_;
  PageArray<Record> records_;
  PageArray<RecordIndex> free_;  // a stack of free record numbers
  std::uint32_t free_count_ = 0;
  std::uint32_t reach_ = 0;
  std::uint32_t free_overflow_ = 0;
};

}  // namespace millrace::flow
