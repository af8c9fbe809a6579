// SPDX-License-Identifier: BSD-3-Clause
// From the profile's threat lists to those of the policy.
#pragma once

#include <string>
#include <vector>

#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/profile.h"

namespace millrace::firewall {

// All but their slots; the policy has its rules. Notes for the operator: what is not read of their files, and
// lists that nothing shows anything to.
void add_threat_lists(const profile::Section& profile, Policy& policy, std::vector<std::string>& notes);

}  // namespace millrace::firewall
