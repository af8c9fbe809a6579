// SPDX-License-Identifier: BSD-3-Clause
// Finds the first rule that matches a packet: 100 to 300 cycles with ten thousand rules, some thousands with
// 100,000.
//
// Each condition (source, destination, destination port with protocol, source port, zones, ...) is one
// dimension. A dimension looks its part of the packet up and gets a row with a bit for each rule that this
// part satisfies; the lowest bit common to the rows is the rule. Only services multiply: a rule has one bit
// for each of them. Address groups, however large, negated or not, zones, DSCP, flags and applications cost
// rows, never more rules.
//
// rte_acl was measured beside it and is not used: tests/benchmark/rule_matching.cpp repeats the comparison.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/net/prefix_table.h"
#include "vnfs/firewall/bit_rows.h"
#include "vnfs/firewall/rule.h"

namespace millrace::firewall {

struct CompileLimits {
  std::size_t entries = 1'000'000;                  // rules times their services
  std::size_t memory_bytes = std::size_t{1} << 30;  // of the compiled form
};

// What a set of rules costs.
struct CompileReport {
  std::size_t rules = 0;
  std::size_t entries = 0;
  std::size_t rows = 0;
  std::size_t source_classes = 0;  // groups of addresses that the rules cannot tell apart
  std::size_t destination_classes = 0;
  std::size_t memory_bytes = 0;
  double milliseconds = 0;
};

// Immutable: any number of workers match at once. Compiled and destroyed off the data path.
class RuleMatcher {
 public:
  // No rules: nothing matches.
  RuleMatcher() = default;

  // The rules and sets are read, not kept. Fails, naming the rule, when it asks for the impossible (a set or
  // a DSCP that is not there) or goes past a limit.
  [[nodiscard]] static Result<RuleMatcher> compile(std::span<const Rule> rules,
                                                   std::span<const AddressSet> sets,
                                                   const CompileLimits& limits = {});

  // The first matching rule of each key, or none(). Both spans have the same size. Faster for many than for
  // one: memory is asked for ahead.
  void match(std::span<const RuleKey> keys, std::span<RuleIndex> out) const noexcept;
  [[nodiscard]] RuleIndex match(const RuleKey& key) const noexcept;

  // Calls `bool on_rule(RuleIndex)` for each rule that matches, in their order, until it returns false.
  template <class OnRule>
  void each_match(const RuleKey& key, OnRule&& on_rule) const noexcept;

  [[nodiscard]] const CompileReport& report() const noexcept { return report_; }

 private:
  friend class MatcherBuilder;

  static constexpr unsigned kMaxDimensions = 10;
  static constexpr std::size_t kBatch = 32;

  // A small number to its row; numbers past the end, which no rule names, have the last row.
  struct SmallDimension {
    std::vector<std::uint32_t> row_of;
    [[nodiscard]] bool used() const noexcept { return !row_of.empty(); }
    [[nodiscard]] std::uint32_t row(std::size_t value) const noexcept {
      return row_of[value < row_of.size() ? value : row_of.size() - 1];
    }
  };

  // The rows of one key, one for each dimension that some rule uses.
  struct Rows {
    const BitRows::Block* row[kMaxDimensions];
  };
  void find_rows(const RuleKey& key, Rows& rows) const noexcept;
  [[nodiscard]] RuleIndex first_rule(const Rows& rows) const noexcept;

  BitRows bits_{0};
  std::vector<std::uint32_t> rule_of_entry_;
  unsigned dimensions_ = 0;
  net::PrefixTable source_;
  net::PrefixTable destination_;
  net::RangeTable<std::uint32_t> destination_port_{0};
  net::RangeTable<std::uint32_t> source_port_{0};
  bool uses_destination_port_ = false;
  bool uses_source_port_ = false;
  SmallDimension from_;
  SmallDimension to_;
  SmallDimension interface_;
  SmallDimension dscp_;
  SmallDimension tcp_flags_;
  SmallDimension application_;
  CompileReport report_;
};

template <class OnRule>
void RuleMatcher::each_match(const RuleKey& key, OnRule&& on_rule) const noexcept {
  if (dimensions_ == 0) return;
  Rows rows;
  find_rows(key, rows);
  RuleIndex last;
  bits_.each_common(rows.row, dimensions_, [&](std::uint32_t entry) noexcept {
    const RuleIndex rule(rule_of_entry_[entry]);
    return std::exchange(last, rule) == rule || on_rule(rule);
  });
}

}  // namespace millrace::firewall
