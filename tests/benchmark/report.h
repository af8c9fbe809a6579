// SPDX-License-Identifier: BSD-3-Clause
// What a benchmark program prints: one JSON object a line, for tests/benchmark/run to make tables of.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::benchmark {

// Some measurements of the same thing.
class Samples {
 public:
  void add(double value) { values_.push_back(value); }
  [[nodiscard]] double best() const { return quantile(0); }
  [[nodiscard]] double median() const { return quantile(0.5); }
  [[nodiscard]] double quantile(double q) const;
  [[nodiscard]] bool empty() const noexcept { return values_.empty(); }

 private:
  std::vector<double> values_;
};

// A line in the making; printed when it goes.
class Line {
 public:
  explicit Line(std::string_view kind);
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  Line& text(std::string_view key, std::string_view value);
  Line& number(std::string_view key, double value);
  Line& numbers(std::string_view key, std::span<const double> values);
  // KEY: the median; KEY_best, KEY_p10 and KEY_p90 beside it.
  Line& samples(std::string_view key, const Samples& values);

 private:
  std::string line_;
};

}  // namespace millrace::benchmark
