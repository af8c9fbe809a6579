// SPDX-License-Identifier: BSD-3-Clause
// From the profile's values to the policy the data path reads.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/core/network.h"
#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/profile.h"
#include "vnfs/firewall/rule_slots.h"

namespace millrace::firewall {

struct PolicyContext {
  const core::Network& network;  // its interfaces and their ids
  RuleSlots& slots;
  std::uint64_t generation = 0;
  bool draining = false;
  bool log_all_sessions = false;  // the profile has a flow log or a collector
  Tick active_timeout = 0;        // as Policy has it
  unsigned workers = 1;           // limits that each worker holds alone are divided by it
  std::time_t now = 0;            // which rules with a schedule are in force
  // In the profile's order.
  std::vector<std::shared_ptr<const inspection::Inspection>> inspections{};
  // For a profile that has traffic watched; null: nobody can be blocked.
  std::shared_ptr<const inspection::BlockDirectory> blocked_sources{};
  std::string file;  // what errors call the profile
};

struct PolicyAndNotes {
  std::shared_ptr<const Policy> policy;
  std::vector<std::string> notes;  // for the operator: shadowed rules, what the rules cost
};

// `profile` has passed its checks. Fails when an interface is not in the network, when there are more rule
// names than counters, or when the rules go past what the matcher may take. May take seconds; any thread but
// a worker's.
[[nodiscard]] Result<PolicyAndNotes> compile_policy(const profile::Section& profile,
                                                    const PolicyContext& context);

}  // namespace millrace::firewall
