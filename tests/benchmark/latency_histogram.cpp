// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/latency_histogram.h"

#include <cmath>
#include <numeric>

namespace millrace::benchmark {

void LatencyHistogram::clear() noexcept {
  std::fill(counts_.begin(), counts_.end(), 0);
  max_ = 0;
}

std::uint64_t LatencyHistogram::count() const noexcept {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

std::uint64_t LatencyHistogram::upper_end(std::size_t bucket) noexcept {
  const std::size_t shift = std::max<std::size_t>(bucket >> kBits, 1) - 1;
  return ((bucket - (shift << kBits) + 1) << shift) - 1;
}

std::uint64_t LatencyHistogram::quantile(double q) const noexcept {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count())));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen != 0 && seen >= wanted) return std::min(upper_end(i), max_);
  }
  return max_;
}

}  // namespace millrace::benchmark
