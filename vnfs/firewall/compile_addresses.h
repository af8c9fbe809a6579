// SPDX-License-Identifier: BSD-3-Clause
// Source and destination of a rule as the profile writes them, put into the form the matcher knows.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "vnfs/firewall/profile.h"
#include "vnfs/firewall/rule.h"

namespace millrace::firewall {

// Prefixes that together hold the addresses of `plain` that are not in `negated`: none within another,
// sorted.
[[nodiscard]] std::vector<net::Prefix> difference(std::span<const net::Prefix> plain,
                                                  std::span<const net::Prefix> negated);

// Lowers the terms of rules one by one. The sets they need are collected: all groups of the profile in their
// order, then one for each different list that has both plain and negated terms.
class AddressCompiler {
 public:
  explicit AddressCompiler(const profile::Section& profile);

  [[nodiscard]] AddressMatch lower(const profile::AddressTerms& terms);
  [[nodiscard]] std::vector<AddressSet> take_sets() { return std::move(sets_); }

 private:
  [[nodiscard]] SetId except(const profile::AddressTerms& terms);

  std::vector<AddressSet> sets_;
  std::map<std::string, SetId, std::less<>> groups_;
  std::map<std::string, SetId, std::less<>> exceptions_;
};

}  // namespace millrace::firewall
