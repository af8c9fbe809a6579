// SPDX-License-Identifier: BSD-3-Clause
// Domains that are listed. Built off the data path, then only read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vnfs/firewall/inspection/host_name.h"
#include "vnfs/firewall/inspection/text_table.h"

namespace millrace::firewall::inspection {

class DomainList {
 public:
  // What an entry lists; both for a plain one.
  static constexpr std::uint8_t kItself = 1;
  static constexpr std::uint8_t kBelow = 2;

  struct Entry {
    Bytes name;  // in lower case, at most kLongestHostName bytes, without a dot behind
    std::uint8_t scope = kItself | kBelow;
  };
  // What entries take.
  struct Room {
    std::size_t entries = 0;
    std::size_t bytes = 0;

    void add(const Entry& entry) noexcept {
      ++entries;
      bytes += entry.name.size();
    }
  };

  DomainList() = default;
  // Throws std::bad_alloc.
  DomainList(const Room& room, const SipKey& seed) : names_(room.entries, room.bytes), seed_(seed) {}

  // There must be room.
  void add(const Entry& entry) noexcept;

  // Data path. The suffixes have the seed of this list, and most_labels() at least if the name has as many.
  [[nodiscard]] bool matches(const HostSuffixes& host) const noexcept;

  [[nodiscard]] std::size_t most_labels() const noexcept { return most_labels_; }
  [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return names_.memory_bytes(); }

 private:
  TextTable names_;
  SipKey seed_{};
  std::size_t least_labels_ = kMostHostLabels;  // that an entry has
  std::size_t most_labels_ = 0;
};

}  // namespace millrace::firewall::inspection
