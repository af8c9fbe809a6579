// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/address_sets.h"

#include <numeric>

#include "vnfs/firewall/address_classes.h"

namespace millrace::firewall::inspection {

// Group 2i is where specification i may match, group 2i + 1 where it may not.
AddressSets::AddressSets(std::span<const AddressSpec> specs) {
  std::vector<AddressClasses::Group> groups;
  std::vector<std::uint32_t> anywhere;  // those that match where no group of theirs says otherwise
  for (std::uint32_t i = 0; i < specs.size(); ++i) {
    groups.emplace_back(specs[i].within);
    groups.emplace_back(specs[i].except);
    if (specs[i].within.empty()) anywhere.push_back(i);
  }
  const AddressClasses classes(groups);
  std::vector<std::uint32_t> numbers(classes.count());
  std::iota(numbers.begin(), numbers.end(), 0U);
  classes_ = classes.table(numbers);

  for (std::uint32_t class_id = 0; class_id < classes.count(); ++class_id) {
    first_.push_back(static_cast<std::uint32_t>(holding_.size()));
    std::vector<std::uint32_t> here = anywhere;
    std::vector<std::uint32_t> excepted;
    for (const std::uint32_t group : classes.groups_of(class_id))
      (group % 2 == 0 ? here : excepted).push_back(group / 2);
    std::ranges::sort(here);
    std::ranges::set_difference(here, excepted, std::back_inserter(holding_));
  }
  first_.push_back(static_cast<std::uint32_t>(holding_.size()));
}

}  // namespace millrace::firewall::inspection
