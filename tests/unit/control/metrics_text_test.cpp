// SPDX-License-Identifier: BSD-3-Clause
// The text is read back by a strict reader, written from the description of the format alone: "Text-based
// format" in https://github.com/prometheus/docs, content/docs/instrumenting/exposition_formats.md.
#include "common/control/metrics_text.h"

#include <cmath>
#include <limits>
#include <map>
#include <regex>
#include <set>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::control {
namespace {

using Labels = std::map<std::string, std::string>;

struct Family {
  std::string type;
  std::string help;
  std::map<std::pair<std::string, Labels>, double> samples;  // by name and labels
};

class StrictReader {
 public:
  std::map<std::string, Family> read(const std::string& text) {
    if (!text.empty() && text.back() != '\n')
      throw std::runtime_error("the last line must end with a line feed");
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t end = text.find('\n', at);
      line(text.substr(at, end - at));
      at = end + 1;
    }
    return families_;
  }

 private:
  void line(const std::string& text) {
    static const std::regex kHelp("# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)");
    static const std::regex kType(
        "# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)");
    static const std::regex kSample(R"(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+)( -?[0-9]+)?)");
    std::smatch match;
    if (std::regex_match(text, match, kHelp)) {
      enter(match[1]);
      if (!families_[match[1]].help.empty()) throw std::runtime_error("two HELP lines: " + text);
      families_[match[1]].help = unescape(match[2], "\\n");
    } else if (std::regex_match(text, match, kType)) {
      enter(match[1]);
      Family& family = families_[match[1]];
      if (!family.type.empty() || !family.samples.empty())
        throw std::runtime_error("a late TYPE line: " + text);
      family.type = match[2];
    } else if (text.starts_with('#')) {
      return;  // a comment
    } else if (std::regex_match(text, match, kSample)) {
      sample(match[1], match[3], match[4]);
    } else {
      throw std::runtime_error("not a line of the format: " + text);
    }
  }

  // "All lines for a given metric must be provided as one single group".
  void enter(const std::string& name) {
    if (name == current_) return;
    if (!seen_.insert(name).second) throw std::runtime_error("the group is torn apart: " + name);
    current_ = name;
  }

  void sample(const std::string& name, const std::string& labels, const std::string& value) {
    std::string family = name;
    if (families_[current_].type == "histogram") {
      for (const char* suffix : {"_bucket", "_sum", "_count"}) {
        if (name == current_ + suffix) family = current_;
      }
      if (family != current_) throw std::runtime_error("no series of a histogram: " + name);
    }
    enter(family);
    if (!families_[family].samples.emplace(std::pair(name, read_labels(labels)), number(value)).second) {
      throw std::runtime_error("twice: " + name + labels);
    }
  }

  static Labels read_labels(std::string text) {
    static const std::regex kLabel(R"re(^([a-zA-Z_][a-zA-Z0-9_]*)="((\\.|[^"\\])*)"(,|$))re");
    Labels labels;
    std::smatch match;
    while (!text.empty()) {
      if (!std::regex_search(text, match, kLabel)) throw std::runtime_error("not a label: " + text);
      if (!labels.emplace(match[1], unescape(match[2], "\\n\"")).second) {
        throw std::runtime_error("a label twice: " + text);
      }
      text = match.suffix();
    }
    return labels;
  }

  static std::string unescape(const std::string& text, const std::string& allowed) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        out += text[i];
        continue;
      }
      if (++i == text.size() || allowed.find(text[i]) == std::string::npos) {
        throw std::runtime_error("a bad escape: " + text);
      }
      out += text[i] == 'n' ? '\n' : text[i];
    }
    return out;
  }

  static double number(const std::string& text) {
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "+Inf") return std::numeric_limits<double>::infinity();
    if (text == "-Inf") return -std::numeric_limits<double>::infinity();
    std::size_t used = 0;
    const double value = std::stod(text, &used);
    if (used != text.size()) throw std::runtime_error("not a number: " + text);
    return value;
  }

  std::map<std::string, Family> families_;
  std::set<std::string> seen_;
  std::string current_;
};

std::map<std::string, Family> round_trip(const std::vector<Metric>& metrics) {
  return StrictReader().read(metrics_text(metrics, "firewall", "fw-1"));
}

Labels with_common(Labels labels) {
  labels.emplace("vnf", "firewall");
  labels.emplace("name", "fw-1");
  return labels;
}

TEST(MetricsText, TheReaderRefusesWhatTheFormatDoesNotAllow) {
  const auto refuses = [](const char* text) {
    EXPECT_THROW(StrictReader().read(text), std::exception) << text;
  };
  refuses("a 1");
  refuses("a{b=\"c} 1\n");
  refuses("a{b=\"\\t\"} 1\n");
  refuses("a 1\na 2\n");
  refuses("a 1\nb 1\na{x=\"1\"} 2\n");
  refuses("a 1\n# TYPE a counter\n");
  refuses("1a 1\n");
  refuses("a one\n");
}

TEST(MetricsText, CountersAndGauges) {
  const auto families = round_trip({
      {"received_packets_total",
       "Packets received.",
       Metric::Type::kCounter,
       {{{{"port", "inside"}}, 12}, {{{"port", "outside"}}, 3}}},
      {"sessions", "Open sessions.", Metric::Type::kGauge, {{{}, 7}}},
  });
  ASSERT_EQ(families.size(), 2U);
  const Family& packets = families.at("millrace_received_packets_total");
  EXPECT_EQ(packets.type, "counter");
  EXPECT_EQ(packets.help, "Packets received.");
  EXPECT_EQ(packets.samples.at({"millrace_received_packets_total", with_common({{"port", "inside"}})}), 12);
  EXPECT_EQ(packets.samples.at({"millrace_received_packets_total", with_common({{"port", "outside"}})}), 3);
  EXPECT_EQ(families.at("millrace_sessions").type, "gauge");
  EXPECT_EQ(families.at("millrace_sessions").samples.at({"millrace_sessions", with_common({})}), 7);
}

TEST(MetricsText, AnyTextSurvivesInLabelsAndHelp) {
  const std::string nasty = "back\\slash \"quotes\"\nline, {brace}=x \\n \xc3\xa9";
  const auto families = round_trip({{"m", nasty, Metric::Type::kGauge, {{{{"rule", nasty}}, 1}}}});
  EXPECT_EQ(families.at("millrace_m").help, nasty);
  EXPECT_EQ(families.at("millrace_m").samples.count({"millrace_m", with_common({{"rule", nasty}})}), 1U);
}

TEST(MetricsText, NumbersSurvive) {
  for (const double value : {0.0, -1.5, 0.1, 1e-9, 1e300, 9007199254740991.0, 123456789012.0}) {
    const auto families = round_trip({{"m", "h", Metric::Type::kGauge, {{{}, value}}}});
    EXPECT_EQ(families.at("millrace_m").samples.begin()->second, value);
  }
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(round_trip({{"m", "h", Metric::Type::kGauge, {{{}, -infinity}}}})
                .at("millrace_m")
                .samples.begin()
                ->second,
            -infinity);
  EXPECT_TRUE(std::isnan(round_trip({{"m", "h", Metric::Type::kGauge, {{{}, std::nan("")}}}})
                             .at("millrace_m")
                             .samples.begin()
                             ->second));
}

TEST(MetricsText, AHistogramIsOneFamily) {
  const auto families = round_trip({{"latency_seconds",
                                     "Ingress to egress.",
                                     Metric::Type::kHistogram,
                                     {{{{"le", "0.001"}}, 2, "_bucket"},
                                      {{{"le", "+Inf"}}, 3, "_bucket"},
                                      {{}, 0.5, "_sum"},
                                      {{}, 3, "_count"}}}});
  const Family& family = families.at("millrace_latency_seconds");
  EXPECT_EQ(family.type, "histogram");
  EXPECT_EQ(family.samples.size(), 4U);
  EXPECT_EQ(family.samples.at({"millrace_latency_seconds_bucket", with_common({{"le", "+Inf"}})}), 3);
  EXPECT_EQ(family.samples.at({"millrace_latency_seconds_count", with_common({})}), 3);
}

TEST(MetricsText, PartsOfOneFamilyAreBroughtTogether) {
  const auto families = round_trip({{"a", "h", Metric::Type::kGauge, {{{{"x", "1"}}, 1}}},
                                    {"b", "h", Metric::Type::kGauge, {{{}, 1}}},
                                    {"a", "h", Metric::Type::kGauge, {{{{"x", "2"}}, 2}}}});
  EXPECT_EQ(families.at("millrace_a").samples.size(), 2U);
}

TEST(MetricsText, NamesAreMadeValid) {
  const auto families = round_trip({{"per-rule hits", "h", Metric::Type::kGauge, {{{{"7 up", "x"}}, 1}}}});
  EXPECT_EQ(families.at("millrace_per_rule_hits")
                .samples.count({"millrace_per_rule_hits", with_common({{"_7_up", "x"}})}),
            1U);
}

TEST(MetricsText, NothingIsNothing) { EXPECT_EQ(metrics_text({}, "firewall", "fw-1"), ""); }

}  // namespace
}  // namespace millrace::control
