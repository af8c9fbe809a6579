// SPDX-License-Identifier: BSD-3-Clause
// Tells an object from all others of this process, before and after it: what is kept beside one can so be
// known to be of it. An address can not, as another may stand there next.
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace {

// A member of the object. A copy is another object.
class Serial {
 public:
  Serial() noexcept : value_(last.fetch_add(1, std::memory_order_relaxed) + 1) {}
  Serial(const Serial& /*other*/) noexcept : Serial() {}
  Serial& operator=(const Serial& /*other*/) noexcept { return *this; }

  // Not 0.
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  static inline std::atomic<std::uint64_t> last{0};
  std::uint64_t value_;
};

}  // namespace millrace
