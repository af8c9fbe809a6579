// SPDX-License-Identifier: BSD-3-Clause
// Reads the metrics an appliance gives, as metrics_text.h writes them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::vnfctl {

struct MetricSample {
  std::string name;  // with its prefix and suffix
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;

  [[nodiscard]] std::string_view label(std::string_view key) const noexcept;
};

// Lines that are not samples are passed over.
[[nodiscard]] std::vector<MetricSample> parse_metrics(std::string_view text);

// Of all samples of the family, whatever their labels. `name` without the prefix.
[[nodiscard]] double sum_of(const std::vector<MetricSample>& samples, std::string_view name);
// The same by the value of one label.
[[nodiscard]] std::map<std::string, double> sums_by(const std::vector<MetricSample>& samples,
                                                    std::string_view name, std::string_view label);

}  // namespace millrace::vnfctl
