// SPDX-License-Identifier: BSD-3-Clause
// What is usual of a number that is seen again and again: an exponentially weighted mean and deviation.
//
// T. Finch, "Incremental calculation of weighted mean and variance", 2009, section 9. Until as many values
// were seen as it remembers, each weighs the same.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace millrace::firewall::inspection {

class Baseline {
 public:
  // `memory`: of about so many values.
  void learn(double value, std::uint32_t memory) noexcept {
    seen_ = std::min(seen_ + 1, memory);
    const double weight = 1.0 / seen_;
    const double difference = value - mean_;
    mean_ += weight * difference;
    variance_ = (1 - weight) * (variance_ + weight * difference * difference);
  }

  [[nodiscard]] double mean() const noexcept { return mean_; }
  [[nodiscard]] double deviation() const noexcept { return std::sqrt(variance_); }
  // So many deviations above the mean.
  [[nodiscard]] double above(double deviations) const noexcept { return mean_ + deviations * deviation(); }

 private:
  double mean_ = 0;
  double variance_ = 0;
  std::uint32_t seen_ = 0;
};

}  // namespace millrace::firewall::inspection
