// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/metrics_text.h"

#include <cmath>
#include <iterator>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

namespace millrace::control {
namespace {

std::string_view type_name(Metric::Type type) {
  switch (type) {
    case Metric::Type::kCounter:
      return "counter";
    case Metric::Type::kGauge:
      return "gauge";
    case Metric::Type::kHistogram:
      return "histogram";
  }
  return "untyped";
}

std::string escape(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

std::string valid_name(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const bool valid = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!valid) c = '_';
  }
  if (out.empty() || (out[0] >= '0' && out[0] <= '9')) out.insert(0, "_");
  return out;
}

std::string value_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

class Writer {
 public:
  Writer(std::string_view vnf, std::string_view name)
      : common_(fmt::format(R"(vnf="{}",name="{}")", escape(vnf, true), escape(name, true))) {}

  void head(const std::string& family, const Metric& metric) {
    fmt::format_to(to_, "# HELP {} {}\n# TYPE {} {}\n", family, escape(metric.help, false), family,
                   type_name(metric.type));
  }

  void sample(const std::string& family, const Metric::Sample& sample) {
    fmt::format_to(to_, "{}{}{{{}", family, sample.suffix, common_);
    for (const auto& [label, value] : sample.labels) {
      fmt::format_to(to_, ",{}=\"{}\"", valid_name(label), escape(value, true));
    }
    fmt::format_to(to_, "}} {}\n", value_text(sample.value));
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string common_;
  std::string text_;
  std::back_insert_iterator<std::string> to_{text_};
};

}  // namespace

std::string metrics_text(std::span<const Metric> metrics, std::string_view vnf, std::string_view name) {
  std::vector<std::string> order;
  std::unordered_map<std::string, std::vector<const Metric*>> families;
  for (const Metric& metric : metrics) {
    const std::string family = std::string(kMetricsPrefix) + valid_name(metric.name);
    auto& parts = families[family];
    if (parts.empty()) order.push_back(family);
    parts.push_back(&metric);
  }
  Writer writer(vnf, name);
  for (const std::string& family : order) {
    const auto& parts = families[family];
    writer.head(family, *parts.front());
    for (const Metric* part : parts) {
      for (const Metric::Sample& sample : part->samples) writer.sample(family, sample);
    }
  }
  return writer.take();
}

}  // namespace millrace::control
