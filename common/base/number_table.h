// SPDX-License-Identifier: BSD-3-Clause
// From numbers to values: made once, then only read. Open addressing, at most half full, so that a look-up is
// one cache line most of the time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace {

// Numbers are not 0 and spread by their low bits. `Value` is cheap to copy; a default one stands for what is
// not in the table.
template <class Value>
class NumberTable {
 public:
  explicit NumberTable(std::size_t most = 0)
      : entries_(std::bit_ceil(std::max<std::size_t>(16, 2 * most))), mask_(entries_.size() - 1) {}

  // At most as many as the constructor was told, none twice.
  void add(std::uint32_t number, const Value& value) noexcept {
    std::size_t at = number & mask_;
    while (entries_[at].number != 0) at = (at + 1) & mask_;
    entries_[at] = {number, value};
  }
  [[nodiscard]] Value find(std::uint32_t number) const noexcept {
    for (std::size_t at = number & mask_;; at = (at + 1) & mask_) {
      const Entry& entry = entries_[at];
      if (entry.number == number) return entry.value;
      if (entry.number == 0) return {};
    }
  }

 private:
  struct Entry {
    std::uint32_t number = 0;
    Value value{};
  };

  std::vector<Entry> entries_;
  std::size_t mask_;
};

}  // namespace millrace
