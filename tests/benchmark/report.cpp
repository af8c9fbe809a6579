// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/report.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace millrace::benchmark {

double Samples::quantile(double q) const {
  if (values_.empty()) return 0;
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5)];
}

Line::Line(std::string_view kind) : line_(fmt::format(R"({{"kind":"{}")", kind)) {}

Line::~Line() {
  std::printf("%s}\n", line_.c_str());
  std::fflush(stdout);
}

Line& Line::text(std::string_view key, std::string_view value) {
  line_ += fmt::format(R"(,"{}":"{}")", key, value);
  return *this;
}

Line& Line::number(std::string_view key, double value) {
  line_ += fmt::format(R"(,"{}":{:.10g})", key, value);
  return *this;
}

Line& Line::numbers(std::string_view key, std::span<const double> values) {
  line_ += fmt::format(R"(,"{}":[{:.6g}])", key, fmt::join(values, ","));
  return *this;
}

Line& Line::samples(std::string_view key, const Samples& values) {
  number(key, values.median());
  number(fmt::format("{}_best", key), values.best());
  number(fmt::format("{}_p10", key), values.quantile(0.1));
  return number(fmt::format("{}_p90", key), values.quantile(0.9));
}

}  // namespace millrace::benchmark
