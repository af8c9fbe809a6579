// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/compile_threat_lists.h"

#include <algorithm>

#include <fmt/format.h>

#include "vnfs/firewall/inspection/threat_list_files.h"

namespace millrace::firewall {

void add_threat_lists(const profile::Section& profile, Policy& policy, std::vector<std::string>& notes) {
  if (profile.lists == nullptr) return;
  policy.threat_lists = profile.lists;
  const bool looks_inside =
      std::ranges::any_of(policy.outcomes, [](const RuleOutcome& one) { return one.inspection != 0; });
  for (std::size_t i = 0; i < profile.threat_lists.size(); ++i) {
    const profile::ThreatList& list = profile.threat_lists[i];
    policy.list_files.push_back({list.path, list.modified});
    for (std::string& warning : inspection::warnings_of(*profile.lists->member(i).list, list.path))
      notes.push_back(std::move(warning));
    if (*list.kind != inspection::ListKind::kAddress && !looks_inside) {
      notes.push_back(
          fmt::format("threat list {} is never asked: what it names is seen in sessions of rules with "
                      "inspect, and no rule has it",
                      *list.name));
    }
  }
}

}  // namespace millrace::firewall
