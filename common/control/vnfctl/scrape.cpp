// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/scrape.h"

#include <charconv>
#include <limits>

#include "common/control/metrics_text.h"

namespace millrace::vnfctl {
namespace {

std::string_view take_until(std::string_view& text, std::string_view ends) {
  const std::string_view taken = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(taken.size());
  return taken;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// Behind the opening quote, up to and with the closing one.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"') return out;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (text.empty()) break;
    out += text.front() == 'n' ? '\n' : text.front();
    text.remove_prefix(1);
  }
  return std::nullopt;
}

std::optional<double> parse_value(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<MetricSample> parse_sample(std::string_view line) {
  MetricSample sample;
  sample.name = take_until(line, "{ ");
  if (take(line, '{')) {
    while (!take(line, '}')) {
      const std::string label(take_until(line, "="));
      if (!take(line, '=') || !take(line, '"')) return std::nullopt;
      auto value = take_quoted(line);
      if (!value) return std::nullopt;
      sample.labels.emplace_back(label, std::move(*value));
      take(line, ',');
    }
  }
  if (sample.name.empty() || !take(line, ' ')) return std::nullopt;
  while (take(line, ' ')) {
  }
  const auto value = parse_value(take_until(line, " "));
  if (!value) return std::nullopt;
  sample.value = *value;
  return sample;
}

bool is(const MetricSample& sample, std::string_view name) {
  const std::string_view full = sample.name;
  return full.starts_with(control::kMetricsPrefix) && full.substr(control::kMetricsPrefix.size()) == name;
}

}  // namespace

std::string_view MetricSample::label(std::string_view key) const noexcept {
  for (const auto& [known, text] : labels) {
    if (known == key) return text;
  }
  return {};
}

std::vector<MetricSample> parse_metrics(std::string_view text) {
  std::vector<MetricSample> samples;
  while (!text.empty()) {
    const std::string_view line = take_until(text, "\n");
    take(text, '\n');
    if (line.empty() || line.starts_with('#')) continue;
    if (auto sample = parse_sample(line)) samples.push_back(std::move(*sample));
  }
  return samples;
}

double sum_of(const std::vector<MetricSample>& samples, std::string_view name) {
  double sum = 0;
  for (const MetricSample& sample : samples) {
    if (is(sample, name)) sum += sample.value;
  }
  return sum;
}

std::map<std::string, double> sums_by(const std::vector<MetricSample>& samples, std::string_view name,
                                      std::string_view label) {
  std::map<std::string, double> sums;
  for (const MetricSample& sample : samples) {
    if (is(sample, name)) sums[std::string(sample.label(label))] += sample.value;
  }
  return sums;
}

}  // namespace millrace::vnfctl
