// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/prefix_table.h"

#include <iterator>

namespace millrace::net {
namespace {

constexpr Uint128 kOne = 1;

[[nodiscard]] unsigned width_of(std::uint32_t value) noexcept {
  return static_cast<unsigned>(std::bit_width(value));
}
[[nodiscard]] unsigned width_of(Uint128 value) noexcept {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  return static_cast<unsigned>(high != 0 ? 64 + std::bit_width(high)
                                         : std::bit_width(static_cast<std::uint64_t>(value)));
}

constexpr unsigned kMaxChunkBits = 20;
// Up to this many ranges a finer division costs no more than a few hundred kilobytes.
constexpr std::size_t kFew = 4096;

template <class Int>
std::vector<typename RangeTable<Int>::Interval> intervals_of(std::span<const PrefixTable::Entry> entries) {
  constexpr bool kIsV4 = sizeof(Int) == 4;
  std::vector<typename RangeTable<Int>::Interval> intervals;
  for (const auto& [prefix, value] : entries) {
    if (prefix.address.is_v4() != kIsV4) continue;
    Int address{};
    if constexpr (kIsV4) {
      address = prefix.address.v4().value.host();
    } else {
      const Ipv6Address v6 = prefix.address.v6();
      address = (Uint128{v6.high()} << 64) | v6.low();
    }
    const unsigned host_bits = prefix.address.bits() - prefix.length;
    const Int hosts = static_cast<Int>(host_bits == 128 ? ~Uint128{0} : (kOne << host_bits) - 1);
    intervals.push_back({static_cast<Int>(address & ~hosts), static_cast<Int>(address | hosts), value});
  }
  return intervals;
}

}  // namespace

template <class Int>
RangeTable<Int>::RangeTable(std::uint32_t value) : starts_{0}, values_{value}, chunks_{0, 0} {}

template <class Int>
RangeTable<Int>::RangeTable(std::vector<Interval> intervals, std::uint32_t otherwise)
    : RangeTable(otherwise) {
  if (intervals.empty()) return;
  // Outer before inner, and of equal intervals the later last.
  const auto before = [](const Interval& a, const Interval& b) {
    return a.first != b.first ? a.first < b.first : a.last > b.last;
  };
  // Sorting takes half the memory once more.
  if (!std::ranges::is_sorted(intervals, before))
    std::stable_sort(intervals.begin(), intervals.end(), before);
  starts_.reserve(2 * intervals.size() + 1);
  values_.reserve(2 * intervals.size() + 1);

  constexpr Int kLastAddress = static_cast<Int>(~Int{0});
  std::vector<const Interval*> open;  // those around the current address, the innermost last
  const auto close_one = [&] {
    const Int last = open.back()->last;
    open.pop_back();
    if (last != kLastAddress) append(last + 1, open.empty() ? otherwise : open.back()->value);
  };
  for (const Interval& interval : intervals) {
    while (!open.empty() && open.back()->last < interval.first) close_one();
    append(interval.first, interval.value);
    open.push_back(&interval);
  }
  while (!open.empty()) close_one();
  intervals = std::vector<Interval>();  // before more memory is taken
  divide_into_chunks();
}

template <class Int>
void RangeTable<Int>::append(Int start, std::uint32_t value) {
  if (starts_.back() == start) {
    values_.back() = value;
    if (values_.size() >= 2 && *std::prev(values_.end(), 2) == value) {
      starts_.pop_back();
      values_.pop_back();
    }
  } else if (values_.back() != value) {
    starts_.push_back(start);
    values_.push_back(value);
  }
}

template <class Int>
void RangeTable<Int>::divide_into_chunks() {
  starts_.shrink_to_fit();
  values_.shrink_to_fit();
  const std::size_t count = starts_.size();
  if (count == 1) return;
  low_ = starts_[1];
  high_ = starts_.back();
  const unsigned span_bits = width_of(static_cast<Int>(high_ - low_));
  const unsigned chunk_bits =
      std::min(kMaxChunkBits, static_cast<unsigned>(std::bit_width(count)) + (count <= kFew ? 4 : 2));
  shift_ = span_bits > chunk_bits ? span_bits - chunk_bits : 0;

  const auto chunk_count = static_cast<std::size_t>((high_ - low_) >> shift_) + 1;
  chunks_.assign(chunk_count + 1, 0);
  std::uint32_t range = 0;
  // Chunk 0 also serves the addresses below low_, so it begins with range 0.
  for (std::size_t chunk = 1; chunk < chunk_count; ++chunk) {
    const Int address = static_cast<Int>(low_ + (static_cast<Int>(chunk) << shift_));
    while (range + 1 < count && starts_[range + 1] <= address) ++range;
    chunks_[chunk] = range;
  }
  chunks_[chunk_count] = static_cast<std::uint32_t>(count - 1);
}

template <class Int>
std::size_t RangeTable<Int>::memory_bytes() const noexcept {
  return starts_.capacity() * sizeof(Int) + (values_.capacity() + chunks_.capacity()) * sizeof(std::uint32_t);
}

template class RangeTable<std::uint32_t>;
template class RangeTable<Uint128>;

PrefixTable::PrefixTable(std::span<const Entry> entries)
    : v4_(intervals_of<std::uint32_t>(entries), kNoMatch), v6_(intervals_of<Uint128>(entries), kNoMatch) {}

}  // namespace millrace::net
