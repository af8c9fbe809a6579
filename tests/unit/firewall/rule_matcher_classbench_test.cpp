// SPDX-License-Identifier: BSD-3-Clause
#include <chrono>
#include <cstdio>

#include <gtest/gtest.h>

#include "tests/support/classbench.h"
#include "vnfs/firewall/rule_matcher.h"

namespace millrace::firewall {
namespace {

namespace fs = std::filesystem;

class ClassBench : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto corpus = classbench::corpus();
    if (!corpus) GTEST_SKIP() << "no ClassBench corpus here; MILLRACE_CORPUS names its folder";
    rules_file_ = *corpus / (std::string(GetParam()) + ".rules");
    trace_file_ = *corpus / (std::string(GetParam()) + ".trace");
    filters_ = classbench::read_filters(rules_file_);
    ASSERT_FALSE(filters_.empty());
    for (std::size_t i = 0; i < filters_.size(); ++i)
      rules_.push_back(classbench::rule_of(filters_[i], i + 1));
  }

  void expect_agreement(const RuleMatcher& matcher, const std::vector<classbench::Header>& headers) {
    std::vector<RuleKey> keys;
    for (const auto& header : headers) keys.push_back(classbench::key_of(header));
    std::vector<RuleIndex> found(keys.size());
    matcher.match(keys, found);
    std::size_t hits = 0;
    for (std::size_t i = 0; i < headers.size(); ++i) {
      const long expected = classbench::first_match(filters_, headers[i]);
      const long actual = found[i].valid() ? static_cast<long>(found[i].value()) : -1;
      ASSERT_EQ(actual, expected) << "header " << i << " of " << rules_file_;
      hits += expected >= 0 ? 1 : 0;
    }
    EXPECT_GT(hits, headers.size() / 4) << "the headers should meet the filters";
  }

  void print_cost(const RuleMatcher& matcher, const std::vector<classbench::Header>& headers) {
    std::vector<RuleKey> keys;
    for (const auto& header : headers) keys.push_back(classbench::key_of(header));
    std::vector<RuleIndex> found(32);
    double best = 1e9;
    for (int round = 0; round < 5; ++round) {
      const auto begin = std::chrono::steady_clock::now();
      for (std::size_t i = 0; i + 32 <= keys.size(); i += 32)
        matcher.match(std::span(keys).subspan(i, 32), found);
      const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
      best = std::min(best, spent.count() / static_cast<double>(keys.size() / 32 * 32));
    }
    const CompileReport& r = matcher.report();
    std::printf(
        "%s: %zu rules, %zu rows, %zu + %zu classes, %.2f MiB, compiled in %.0f ms, %.0f ns a match\n",
        GetParam(), r.rules, r.rows, r.source_classes, r.destination_classes,
        static_cast<double>(r.memory_bytes) / (1 << 20), r.milliseconds, best);
  }

  fs::path rules_file_;
  fs::path trace_file_;
  std::vector<classbench::Filter> filters_;
  std::vector<Rule> rules_;
};

TEST_P(ClassBench, VerdictEqualsALinearScan) {
  const auto matcher = RuleMatcher::compile(rules_, {});
  ASSERT_TRUE(matcher) << matcher.error().message();
  EXPECT_LT(matcher->report().milliseconds, 10'000);
  const auto corners = classbench::corner_headers(filters_, 20'000);
  print_cost(*matcher, corners);
  expect_agreement(*matcher, corners);
  if (fs::exists(trace_file_)) expect_agreement(*matcher, classbench::read_trace(trace_file_));
}

INSTANTIATE_TEST_SUITE_P(Files, ClassBench,
                         ::testing::Values("acl1_1k", "acl1_10k", "acl3_1k", "acl3_10k", "fw1_1k", "fw1_10k",
                                           "fw3_1k", "fw3_10k", "ipc1_1k", "ipc1_10k"),
                         [](const auto& file) { return std::string(file.param); });

}  // namespace
}  // namespace millrace::firewall
