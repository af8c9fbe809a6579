// SPDX-License-Identifier: BSD-3-Clause
// A histogram of times with buckets that grow with the value, as HdrHistogram's do: 128 to each power of two,
// so that a value is known to less than 1 part in 128, from one tick to years, in memory that does not grow.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace millrace::benchmark {

// Values are ticks of whatever clock the caller has. One thread at a time.
class LatencyHistogram {
 public:
  LatencyHistogram() : counts_(kBuckets) {}

  void record(std::uint64_t ticks) noexcept {
    ++counts_[bucket(ticks)];
    max_ = std::max(max_, ticks);
  }
  void clear() noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept;
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }  // exact
  // At least the part q (0 to 1) of the values are not above the result, which is the upper end of a bucket
  // or the highest value. 0 when there are none.
  [[nodiscard]] std::uint64_t quantile(double q) const noexcept;

 private:
  static constexpr unsigned kBits = 7;
  static constexpr unsigned kBuckets = (64 - kBits + 1) << kBits;

  // Below 2^(kBits+1) a bucket of its own for each value; above, the highest kBits+1 bits and how many there
  // are more.
  [[nodiscard]] static std::size_t bucket(std::uint64_t ticks) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(ticks));
    const unsigned shift = std::max(width, kBits + 1) - (kBits + 1);
    return (std::size_t{shift} << kBits) + (ticks >> shift);
  }
  [[nodiscard]] static std::uint64_t upper_end(std::size_t bucket) noexcept;

  std::vector<std::uint64_t> counts_;
  std::uint64_t max_ = 0;
};

}  // namespace millrace::benchmark
