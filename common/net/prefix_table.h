// SPDX-License-Identifier: BSD-3-Clause
// Longest-prefix match from an address to a 32-bit value: routes, and which groups an address is in.
//
// After DXR (Zec, Rizzo, Mikuc: "DXR: towards a billion routing lookups per second in software", CCR 2012):
// the prefixes become disjoint ranges with a start and a value; a direct table narrows an address to the few
// ranges of its chunk, binary search finds the one. The chunks divide only the span where the ranges lie, and
// there are several times as many chunks as ranges, up to a million, so that most chunks are one range: a
// table of ten routes takes a kilobyte, a million prefixes of IPv4 about 20 MB, of IPv6 45.
//
// Immutable once built: any number of threads may look up. Building allocates and belongs off the data path.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/net/address.h"

namespace millrace::net {

// The ranges of one family. Int is the address as a host integer.
template <class Int>
class RangeTable {
 public:
  struct Interval {
    Int first;
    Int last;
    std::uint32_t value;
  };

  // One range that covers everything.
  explicit RangeTable(std::uint32_t value);
  // Intervals that are nested or disjoint, as prefixes are; an inner one hides what is around it, the later
  // of two equal ones hides the earlier. `otherwise` is the value of addresses in none of them.
  RangeTable(std::vector<Interval> intervals, std::uint32_t otherwise);

  [[nodiscard]] std::uint32_t lookup(Int address) const noexcept {
    const std::uint32_t* chunk = &chunks_[chunk_of(address)];
    const std::uint32_t first = chunk[0];
    if (chunk[1] == first) [[likely]]
      return values_[first];  // one range is the whole chunk
    const Int* range = &starts_[first];
    for (std::size_t count = chunk[1] - first + 1; count > 1;) {
      const std::size_t half = count / 2;
      range += range[half] <= address ? half : 0;
      count -= half;
    }
    return values_[static_cast<std::size_t>(range - starts_.data())];
  }

  void prefetch(Int address) const noexcept { __builtin_prefetch(&chunks_[chunk_of(address)]); }

  [[nodiscard]] std::size_t ranges() const noexcept { return starts_.size(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  [[nodiscard]] std::size_t chunk_of(Int address) const noexcept {
    return static_cast<std::size_t>((std::clamp(address, low_, high_) - low_) >> shift_);
  }
  void append(Int start, std::uint32_t value);
  void divide_into_chunks();

  std::vector<Int> starts_;
  std::vector<std::uint32_t> values_;
  // Chunk c's first address lies in range chunks_[c], and its last in chunks_[c + 1] or before.
  std::vector<std::uint32_t> chunks_;
  Int low_ = 0;  // the first and last address at which the value changes
  Int high_ = 0;
  unsigned shift_ = 0;
};

__extension__ using Uint128 = unsigned __int128;

extern template class RangeTable<std::uint32_t>;
extern template class RangeTable<Uint128>;

class PrefixTable {
 public:
  static constexpr std::uint32_t kNoMatch = 0xffffffff;

  struct Entry {
    Prefix prefix;
    std::uint32_t value = kNoMatch;
  };

  PrefixTable() : PrefixTable(std::span<const Entry>{}) {}
  // Both families in one list, any order. Of equal prefixes the last one given wins. A prefix with the value
  // kNoMatch cuts a hole into the prefix around it.
  explicit PrefixTable(std::span<const Entry> entries);

  // The value of the longest prefix that contains the address, or kNoMatch.
  [[nodiscard]] std::uint32_t lookup(Ipv4Address address) const noexcept {
    return v4_.lookup(integer(address));
  }
  [[nodiscard]] std::uint32_t lookup(const Ipv6Address& address) const noexcept {
    return v6_.lookup(integer(address));
  }
  [[nodiscard]] std::uint32_t lookup(const IpAddress& address) const noexcept {
    return address.is_v4() ? lookup(address.v4()) : lookup(address.v6());
  }

  // Asks for the first cache line that lookup() of this address will read. In small tables it is there
  // already.
  void prefetch(Ipv4Address address) const noexcept { v4_.prefetch(integer(address)); }
  void prefetch(const Ipv6Address& address) const noexcept { v6_.prefetch(integer(address)); }
  void prefetch(const IpAddress& address) const noexcept {
    address.is_v4() ? prefetch(address.v4()) : prefetch(address.v6());
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept { return v4_.memory_bytes() + v6_.memory_bytes(); }
  // How many disjoint ranges the prefixes became, both families.
  [[nodiscard]] std::size_t ranges() const noexcept { return v4_.ranges() + v6_.ranges(); }

 private:
  [[nodiscard]] static std::uint32_t integer(Ipv4Address address) noexcept { return address.value.host(); }
  [[nodiscard]] static Uint128 integer(const Ipv6Address& address) noexcept {
    return (Uint128{address.high()} << 64) | address.low();
  }

  RangeTable<std::uint32_t> v4_;
  RangeTable<Uint128> v6_;
};

}  // namespace millrace::net
