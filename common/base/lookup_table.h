// SPDX-License-Identifier: BSD-3-Clause
// A hash table that is filled once and then only read, by any number of threads: open addressing, at most
// half full.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace millrace {

// Key has hash(), a number of which all bits count, and ==.
template <class Key, class Value>
class LookupTable {
 public:
  // The value added first for a key stays. False when it is there already.
  bool add(const Key& key, const Value& value) {
    if (find(key) != nullptr) return false;
    if (2 * (used_ + 1) > entries_.size()) grow();
    ++used_;
    place(Entry{key, value, true});
    return true;
  }

  // Null when it is not there.
  [[nodiscard]] const Value* find(const Key& key) const noexcept {
    if (entries_.empty()) return nullptr;
    for (std::size_t at = key.hash() & mask();; at = (at + 1) & mask()) {
      const Entry& entry = entries_[at];
      if (!entry.used) return nullptr;
      if (entry.key == key) return &entry.value;
    }
  }

  [[nodiscard]] bool empty() const noexcept { return used_ == 0; }

 private:
  struct Entry {
    Key key;
    Value value;
    bool used = false;
  };

  [[nodiscard]] std::size_t mask() const noexcept { return entries_.size() - 1; }

  void grow() {
    constexpr std::size_t kLeast = 16;
    const auto before = std::exchange(entries_, std::vector<Entry>(std::max(kLeast, 2 * entries_.size())));
    for (const Entry& entry : before) {
      if (entry.used) place(entry);
    }
  }

  void place(const Entry& entry) {
    std::size_t at = entry.key.hash() & mask();
    while (entries_[at].used) at = (at + 1) & mask();
    entries_[at] = entry;
  }

  std::vector<Entry> entries_;  // a power of two of them
  std::size_t used_ = 0;
};

}  // namespace millrace
