// SPDX-License-Identifier: BSD-3-Clause
// Rules that can never match because one earlier rule takes every packet they would.
#pragma once

#include <span>
#include <vector>

#include "vnfs/firewall/rule.h"

namespace millrace::firewall {

struct ShadowedRule {
  RuleIndex rule;
  RuleIndex covered_by;  // the first earlier rule that alone covers it
};

// What is reported is true: each packet that `rule` matches, `covered_by` matches too. What is not reported
// may still be hidden, by several earlier rules together. Of services, each of the later rule must lie within
// one of the earlier rule. A rule that no packet can match (an empty group) is not reported. For the control
// thread.
[[nodiscard]] std::vector<ShadowedRule> find_shadowed(std::span<const Rule> rules,
                                                      std::span<const AddressSet> sets);

}  // namespace millrace::firewall
