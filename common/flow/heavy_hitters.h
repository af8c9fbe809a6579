// SPDX-License-Identifier: BSD-3-Clause
// Who does most, of more than there is room for: counts in a fixed table, and what is kept beside each.
//
// Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data
// Streams", 2005), in groups of eight chosen by the hash, so that to find the lowest count is to look at one
// cache line. Of a group that was told of n events: no count is too low, none is too high by more than n / 8,
// and whoever has more than n / 8 events is in the table.
//
// DPDK's rte_member has a sketch with a heap of the heaviest (NitroSketch). It keeps no value beside a count
// and can not be cleared or merged cheaply; and this room may not include DPDK.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include <immintrin.h>

#include "common/base/counter.h"
#include "common/base/page_array.h"

namespace millrace::flow {

// Keys are known by 64-bit hashes keyed by a secret: two of them are taken for one with a chance of 2^-32 for
// each pair in a group. One thread at a time; nothing is allocated after construction. What stands in a Value
// before begin() is what another key left there.
template <class Value>
class HeavyHitters {
 public:
  static constexpr std::size_t kGroup = 8;

  // At least `capacity` keys.
  explicit HeavyHitters(std::uint32_t capacity)
      : groups_(std::bit_ceil(std::max<std::size_t>(1, (std::size_t{capacity} + kGroup - 1) / kGroup))),
        values_(groups_.size() * kGroup),
        mask_(groups_.size() - 1) {}

  void prefetch(std::uint64_t hash) const noexcept {
    const std::size_t group = hash & mask_;
    _mm_prefetch(&groups_[group], _MM_HINT_T0);
  }
  // One more event of the key. The value is begun anew, by begin(value), when the key was not in the table.
  template <class Begin>
  Value& count(std::uint64_t hash, Begin&& begin) noexcept {
    const std::size_t at = hash & mask_;
    Group& group = groups_[at];
    const std::uint32_t tag = tag_of(hash);
    const unsigned hits = equal(group.tag, tag);
    std::size_t slot = static_cast<unsigned>(std::countr_zero(hits));
    if (hits == 0) [[unlikely]] {
      slot = lowest(group.count);
      if (group.tag[slot] != 0) evicted_.add(1);
      group.tag[slot] = tag;
      begin(values_[at * kGroup + slot]);
    }
    group.count[slot] += group.count[slot] != 0xffffffff ? 1 : 0;
    return values_[at * kGroup + slot];
  }
  // Null when the key is not in the table.
  [[nodiscard]] const Value* find(std::uint64_t hash) const noexcept {
    const std::size_t at = hash & mask_;
    const unsigned hits = equal(groups_[at].tag, tag_of(hash));
    return hits == 0 ? nullptr : &values_[at * kGroup + static_cast<unsigned>(std::countr_zero(hits))];
  }
  // Not too low, of a key that is in the table.
  [[nodiscard]] std::uint32_t count_of(std::uint64_t hash) const noexcept {
    const Value* value = find(hash);
    if (value == nullptr) return 0;
    return groups_[hash & mask_].count[static_cast<std::size_t>(value - values_.data()) % kGroup];
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i < values_.size(); ++i)
      if (groups_[i / kGroup].tag[i % kGroup] != 0) visit(values_[i]);
  }
  // Leaves the values as they are.
  void clear() noexcept {
    for (std::size_t i = 0; i < groups_.size(); ++i) groups_[i] = {};
  }

  [[nodiscard]] std::size_t groups() const noexcept { return groups_.size(); }
  // Any thread. Keys that gave way to others.
  [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_.read(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return groups_.bytes() + values_.bytes(); }

 private:
  struct alignas(64) Group {
    std::array<std::uint32_t, kGroup> tag;  // 0: not in use
    std::array<std::uint32_t, kGroup> count;
  };

  [[nodiscard]] static std::uint32_t tag_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 32) | 1;
  }
  // A bit for each of the eight that is `value`.
  [[nodiscard]] static unsigned equal(const std::array<std::uint32_t, kGroup>& eight,
                                      std::uint32_t value) noexcept {
    const __m256i all = _mm256_load_si256(reinterpret_cast<const __m256i*>(eight.data()));
    const __m256i same = _mm256_cmpeq_epi32(all, _mm256_set1_epi32(static_cast<int>(value)));
    return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(same)));
  }
  // The first of those with the lowest count.
  [[nodiscard]] static std::size_t lowest(const std::array<std::uint32_t, kGroup>& counts) noexcept {
    const __m256i all = _mm256_load_si256(reinterpret_cast<const __m256i*>(counts.data()));
    __m256i least = _mm256_min_epu32(all, _mm256_permute2x128_si256(all, all, 1));
    least = _mm256_min_epu32(least, _mm256_shuffle_epi32(least, 0x4e));
    least = _mm256_min_epu32(least, _mm256_shuffle_epi32(least, 0xb1));
    const __m256i same = _mm256_cmpeq_epi32(all, least);
    const auto bits = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(same)));
    return static_cast<unsigned>(std::countr_zero(bits));
  }

  PageArray<Group> groups_;
  PageArray<Value> values_;
  std::size_t mask_;
  Counter evicted_;
};

}  // namespace millrace::flow
