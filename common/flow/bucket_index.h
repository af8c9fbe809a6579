// SPDX-License-Identifier: BSD-3-Clause
// From hash to number: which record has this key. Fixed capacity, one owner thread, nothing allocated after
// construction.
//
// A bucket is one cache line: eight 16-bit tags compared at once by SSE, eight 32-bit numbers. The index
// knows hashes and numbers only; whoever owns the records says whether a number's record has the key that is
// sought. Full buckets go on in overflow buckets.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>

#include <immintrin.h>

#include "common/base/page_array.h"

namespace millrace::flow {

class BucketIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // Room for so many entries; hashes must be keyed by a secret, as they decide where entries lie.
  explicit BucketIndex(std::uint32_t capacity)
      : buckets_in_use_(std::max<std::uint32_t>((capacity + kTargetFill - 1) / kTargetFill, 2)),
        // Attackers do not know the seed, so overflow stays as rare as chance makes it: about 7 % of the
        // buckets when all entries are taken.
        overflow_buckets_(std::max<std::uint32_t>(buckets_in_use_ / 8, 64)),
        buckets_(std::size_t{buckets_in_use_} + overflow_buckets_) {
    for (std::uint32_t i = 0; i < overflow_buckets_; ++i)
      buckets_[buckets_in_use_ + i].next = i + 1 < overflow_buckets_ ? buckets_in_use_ + i + 1 : 0;
    free_overflow_ = buckets_in_use_;
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept { return buckets_.bytes(); }

  // A look-up in three steps, each for a whole batch before the next, so that the loads overlap: start the
  // load of the bucket; read it and start the load of the record whose tag fits; compare the keys.
  void prefetch(std::uint64_t hash) const noexcept { _mm_prefetch(&buckets_[bucket_of(hash)], _MM_HINT_T0); }
  // The number that is the key's if the index knows it, nearly always; 0 when no tag fits.
  [[nodiscard]] std::uint32_t guess(std::uint64_t hash) const noexcept {
    const Bucket& bucket = buckets_[bucket_of(hash)];
    const unsigned hits = matching_slots(bucket, tag_of(hash)) | 1U << kSlots;
    return bucket.number[static_cast<unsigned>(std::countr_zero(hits))];
  }
  // The number for which same(number) is true, or kNone.
  template <class Same>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Same&& same) const noexcept {
    const std::uint16_t tag = tag_of(hash);
    const Bucket* bucket = &buckets_[bucket_of(hash)];
    for (;;) {
      for (unsigned hits = matching_slots(*bucket, tag); hits != 0; hits &= hits - 1) {
        const std::uint32_t number = bucket->number[static_cast<unsigned>(std::countr_zero(hits))];
        if (same(number)) [[likely]]
          return number;
      }
      if (bucket->next == 0) [[likely]]
        return kNone;
      bucket = &buckets_[bucket->next];
    }
  }

  // False, and nothing changed, when the overflow of this bucket is full.
  [[nodiscard]] bool insert(std::uint64_t hash, std::uint32_t number) noexcept {
    Bucket* bucket = &buckets_[bucket_of(hash)];
    unsigned empty = matching_slots(*bucket, 0);
    while (empty == 0) {
      if (bucket->next == 0) {
        if (free_overflow_ == 0) return false;
        bucket->next = free_overflow_;
        free_overflow_ = buckets_[free_overflow_].next;
        buckets_[bucket->next].next = 0;
      }
      bucket = &buckets_[bucket->next];
      empty = matching_slots(*bucket, 0);
    }
    const auto slot = static_cast<unsigned>(std::countr_zero(empty));
    bucket->tag[slot] = tag_of(hash);
    bucket->number[slot] = number;
    return true;
  }

  // Removes an entry that insert() took.
  void erase(std::uint64_t hash, std::uint32_t number) noexcept {
    Bucket* bucket = &buckets_[bucket_of(hash)];
    for (;;) {
      for (unsigned hits = matching_slots(*bucket, tag_of(hash)); hits != 0; hits &= hits - 1) {
        const auto slot = static_cast<unsigned>(std::countr_zero(hits));
        if (bucket->number[slot] == number) return vacate(*bucket, slot, bucket_of(hash));
      }
      assert(bucket->next != 0);
      if (bucket->next == 0) return;
      bucket = &buckets_[bucket->next];
    }
  }

 private:
  static constexpr unsigned kSlots = 8;
  static constexpr std::uint32_t kTargetFill = 5;  // of eight slots

  struct alignas(64) Bucket {
    std::array<std::uint16_t, kSlots> tag;         // 0 = empty
    std::array<std::uint32_t, kSlots + 1> number;  // the last stays 0: what guess() takes when no tag fits
    std::uint32_t next;                            // overflow bucket, 0 = none
    std::array<std::uint32_t, 2> unused;
  };
  static_assert(sizeof(Bucket) == 64);

  // D. Lemire, "Fast Random Integer Generation in an Interval", 2019: the range needs no power of two.
  [[nodiscard]] std::uint32_t bucket_of(std::uint64_t hash) const noexcept {
    return static_cast<std::uint32_t>(std::uint64_t{static_cast<std::uint32_t>(hash)} * buckets_in_use_ >>
                                      32);
  }
  [[nodiscard]] static std::uint16_t tag_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint16_t>((hash >> 48) | 1);
  }
  // Empties a slot of the chain that begins at bucket `first`. An entry of the chain's last bucket takes its
  // place, so that only the last has room and no more overflow buckets are in use than the entries need.
  void vacate(Bucket& bucket, unsigned slot, std::uint32_t first) noexcept {
    Bucket* before = nullptr;
    Bucket* last = &buckets_[first];
    for (; last->next != 0; last = &buckets_[last->next]) before = last;
    const unsigned used = ~matching_slots(*last, 0) & 0xffU;
    const auto from = last == &bucket ? slot : static_cast<unsigned>(std::countr_zero(used));
    bucket.tag[slot] = last->tag[from];
    bucket.number[slot] = last->number[from];
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

  std::uint32_t buckets_in_use_;
  std::uint32_t overflow_buckets_;
  PageArray<Bucket> buckets_;
  std::uint32_t free_overflow_ = 0;
};

}  // namespace millrace::flow
