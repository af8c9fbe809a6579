// SPDX-License-Identifier: BSD-3-Clause
// What matching rules costs, beside rte_acl on the same filters and headers in the same run.
//
//   benchmark_rule_matching [FILE.rules...]     without files: all of the ClassBench corpus
//
// Headers are the filters' corners in random order, in bursts of 32. rte_acl is given the five fields it has
// in DPDK's own tests; RuleMatcher also looks at the TCP flags and ICMP types of the filters. Memory is the
// compiled form; "peak" is how far the process's resident memory rose while rte_acl built.
#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <vector>

#include <rte_acl.h>
#include <rte_malloc.h>
#include <sys/resource.h>

#include "tests/support/classbench.h"
#include "tests/support/eal_environment.h"
#include "vnfs/firewall/rule_matcher.h"

namespace {

using namespace millrace;
using namespace millrace::firewall;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBurst = 32;
constexpr double kMiB = 1 << 20;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// Nanoseconds a header, the best of some rounds over all of them.
template <class MatchBurst>
double best_ns(std::size_t headers, MatchBurst match_burst) {
  double best = 1e9;
  for (int round = 0; round < 7; ++round) {
    const auto begin = Clock::now();
    for (std::size_t i = 0; i + kBurst <= headers; i += kBurst) match_burst(i);
    best = std::min(best, milliseconds_since(begin) * 1e6 / static_cast<double>(headers / kBurst * kBurst));
  }
  return best;
}

struct Cost {
  double build_ms = 0;
  double mib = 0;
  double peak_mib = 0;
  double match_ns = 0;
};

Cost ours(const std::vector<classbench::Filter>& filters, const std::vector<classbench::Header>& headers) {
  std::vector<Rule> rules;
  for (std::size_t i = 0; i < filters.size(); ++i) rules.push_back(classbench::rule_of(filters[i], i + 1));
  const auto begin = Clock::now();
  const auto matcher = RuleMatcher::compile(rules, {});
  Cost cost;
  cost.build_ms = milliseconds_since(begin);
  cost.mib = static_cast<double>(matcher->report().memory_bytes) / kMiB;
  std::vector<RuleKey> keys;
  for (const auto& header : headers) keys.push_back(classbench::key_of(header));
  std::array<RuleIndex, kBurst> found;
  cost.match_ns =
      best_ns(keys.size(), [&](std::size_t i) { matcher->match(std::span(keys).subspan(i, kBurst), found); });
  return cost;
}

struct AclKey {
  std::uint8_t protocol;
  std::uint8_t padding[3];
  be32 source;
  be32 destination;
  be16 source_port;
  be16 destination_port;
};

RTE_ACL_RULE_DEF(FiveTupleRule, 5);

double resident_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

double heap_mib() {
  rte_malloc_socket_stats stats{};
  rte_malloc_get_socket_stats(0, &stats);
  return static_cast<double>(stats.heap_allocsz_bytes) / kMiB;
}

Cost rte(const std::vector<classbench::Filter>& filters, const std::vector<classbench::Header>& headers) {
  rte_acl_config config{};
  config.num_categories = 1;
  config.num_fields = 5;
  config.defs[0] = {RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, offsetof(AclKey, protocol)};
  config.defs[1] = {RTE_ACL_FIELD_TYPE_MASK, 4, 1, 1, offsetof(AclKey, source)};
  config.defs[2] = {RTE_ACL_FIELD_TYPE_MASK, 4, 2, 2, offsetof(AclKey, destination)};
  config.defs[3] = {RTE_ACL_FIELD_TYPE_RANGE, 2, 3, 3, offsetof(AclKey, source_port)};
  config.defs[4] = {RTE_ACL_FIELD_TYPE_RANGE, 2, 4, 3, offsetof(AclKey, destination_port)};

  rte_acl_param parameters{};
  parameters.name = "benchmark";
  parameters.rule_size = sizeof(FiveTupleRule);
  parameters.max_rule_num = static_cast<std::uint32_t>(filters.size());
  const auto begin = Clock::now();
  rte_acl_ctx* context = rte_acl_create(&parameters);
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const auto& f = filters[i];
    FiveTupleRule rule{};
    rule.data = {1, static_cast<std::int32_t>(filters.size() - i), static_cast<std::uint32_t>(i + 1)};
    rule.field[0].value.u8 = static_cast<std::uint8_t>(f.protocol & f.protocol_mask);
    rule.field[0].mask_range.u8 = static_cast<std::uint8_t>(f.protocol_mask);
    rule.field[1].value.u32 = f.source;
    rule.field[1].mask_range.u32 = static_cast<std::uint32_t>(std::popcount(f.source_mask));
    rule.field[2].value.u32 = f.destination;
    rule.field[2].mask_range.u32 = static_cast<std::uint32_t>(std::popcount(f.destination_mask));
    rule.field[3].value.u16 = static_cast<std::uint16_t>(f.source_port[0]);
    rule.field[3].mask_range.u16 = static_cast<std::uint16_t>(f.source_port[1]);
    rule.field[4].value.u16 = static_cast<std::uint16_t>(f.destination_port[0]);
    rule.field[4].mask_range.u16 = static_cast<std::uint16_t>(f.destination_port[1]);
    rte_acl_add_rules(context, reinterpret_cast<rte_acl_rule*>(&rule), 1);
  }
  Cost cost;
  const double heap_before = heap_mib();
  const double resident_before = resident_mib();
  if (const int error = rte_acl_build(context, &config); error != 0) {
    std::printf("rte_acl_build: %d\n", error);
    rte_acl_free(context);
    return cost;
  }
  cost.build_ms = milliseconds_since(begin);
  cost.mib = heap_mib() - heap_before;
  cost.peak_mib = resident_mib() - resident_before;

  std::vector<AclKey> keys;
  for (const auto& h : headers) {
    keys.push_back(
        {h.protocol, {}, be32(h.source), be32(h.destination), be16(h.source_port), be16(h.destination_port)});
  }
  std::array<const std::uint8_t*, kBurst> data;
  std::array<std::uint32_t, kBurst> found;
  cost.match_ns = best_ns(keys.size(), [&](std::size_t i) {
    for (std::size_t k = 0; k < kBurst; ++k) data[k] = reinterpret_cast<const std::uint8_t*>(&keys[i + k]);
    rte_acl_classify(context, data.data(), found.data(), kBurst, 1);
  });
  rte_acl_free(context);
  return cost;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files(argv + 1, argv + argc);
  if (files.empty()) {
    const auto corpus = classbench::corpus();
    if (!corpus) {
      std::fprintf(stderr, "no ClassBench corpus here; MILLRACE_CORPUS names its folder\n");
      return 2;
    }
    for (const auto& entry : std::filesystem::directory_iterator(*corpus)) {
      if (entry.path().extension() == ".rules") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
  }
  test::start_eal(2048);
  std::printf("%-12s %6s | %27s | %38s\n", "filters", "rules", "RuleMatcher", "rte_acl");
  std::printf("%-12s %6s | %8s %8s %9s | %8s %8s %10s %9s\n", "", "", "build ms", "MiB", "ns/match",
              "build ms", "MiB", "peak +MiB", "ns/match");
  for (const auto& file : files) {
    const auto filters = classbench::read_filters(file);
    const auto headers = classbench::corner_headers(filters, 50'000);
    const Cost a = ours(filters, headers);
    const Cost b = rte(filters, headers);
    std::printf("%-12s %6zu | %8.0f %8.2f %9.0f | %8.0f %8.2f %10.0f %9.0f\n", file.stem().c_str(),
                filters.size(), a.build_ms, a.mib, a.match_ns, b.build_ms, b.mib, b.peak_mib, b.match_ns);
  }
  return 0;
}
