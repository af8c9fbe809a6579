// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/scrape.h"

#include <cmath>

#include <gtest/gtest.h>

namespace millrace::vnfctl {
namespace {

// From the format's own example, exposition_formats.md.
constexpr const char* kExample = R"(# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
)";

TEST(Scrape, ReadsTheFormatsOwnExample) {
  const auto samples = parse_metrics(kExample);
  ASSERT_EQ(samples.size(), 5U);
  EXPECT_EQ(samples[0].name, "http_requests_total");
  EXPECT_EQ(samples[0].label("code"), "200");
  EXPECT_EQ(samples[0].value, 1027);
  EXPECT_EQ(samples[1].value, 3);
  EXPECT_EQ(samples[2].label("path"), "C:\\DIR\\FILE.TXT");
  EXPECT_EQ(samples[2].label("error"), "Cannot find file:\n\"FILE.TXT\"");
  EXPECT_EQ(samples[3].value, 12.47);
  EXPECT_TRUE(std::isinf(samples[4].value));
}

TEST(Scrape, BrokenLinesArePassedOver) {
  EXPECT_TRUE(parse_metrics("a\na{\na{b}\na{b=\na{b=\"\na{b=\"c\\\na{b=\"c\"}\na{b=\"c\"} x\n{ 1\n").empty());
}

TEST(Scrape, Sums) {
  const auto samples = parse_metrics(
      "millrace_drops{reason=\"a\",worker=\"0\"} 1\nmillrace_drops{reason=\"a\",worker=\"1\"} 2\n"
      "millrace_drops{reason=\"b\"} 4\nother_drops{reason=\"b\"} 8\nmillrace_drops_total 16\n");
  EXPECT_EQ(sum_of(samples, "drops"), 7);
  EXPECT_EQ(sums_by(samples, "drops", "reason"), (std::map<std::string, double>{{"a", 3}, {"b", 4}}));
}

}  // namespace
}  // namespace millrace::vnfctl
