// SPDX-License-Identifier: BSD-3-Clause
// Whether a service could have a backend that the profile does not name: by the rules that the profile itself
// is checked with. What passes here is a policy that can be compiled.
#pragma once

#include <vector>

#include "common/control/appliance.h"
#include "common/control/profile/profile.h"
#include "vnfs/load_balancer/live_pools.h"

namespace millrace::load_balancer {

// `live` and `in_force`: what services have beside the profile, and what leaves them and keeps its
// connections for a while. A backend that is wanted already may be changed, and any be taken away: that is
// not asked here. An error's `where` is "backend". Services that are not there are for others to refuse.
[[nodiscard]] Result<void> check_change(const profile::Section& profile, const control::Profile& common,
                                        const LivePools& live, const std::vector<BackendKey>& in_force,
                                        const control::BackendChange& change);

}  // namespace millrace::load_balancer
