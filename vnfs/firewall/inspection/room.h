// SPDX-License-Identifier: BSD-3-Clause
// A worker's room for bytes that are made while one packet is inspected: handed out in order, taken back all
// at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/page_array.h"
#include "common/base/reader.h"

namespace millrace::firewall::inspection {

class Room {
 public:
  explicit Room(std::size_t bytes) : bytes_(bytes) {}

  // Not initialised. Empty when there is not so much left.
  [[nodiscard]] MutableBytes take(std::size_t count) noexcept {
    if (bytes_.size() - used_ < count) return {};
    const MutableBytes taken{bytes_.data() + used_, count};
    used_ += count;
    return taken;
  }
  // The last `count` bytes that were taken are not needed.
  void give_back(std::size_t count) noexcept { used_ -= count; }
  // All that was taken holds no longer.
  void clear() noexcept { used_ = 0; }

 private:
  PageArray<std::uint8_t> bytes_;
  std::size_t used_ = 0;
};

}  // namespace millrace::firewall::inspection
