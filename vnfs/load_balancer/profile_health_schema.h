// SPDX-License-Identifier: BSD-3-Clause
// The part of the load balancer's table that says how backends are found and judged; profile_schema.cpp has
// the rest.
#pragma once

#include "common/control/profile/schema.h"
#include "vnfs/load_balancer/profile.h"

namespace millrace::load_balancer::profile {

[[nodiscard]] control::TypePtr<Discovery> discovery();
[[nodiscard]] control::TypePtr<Health> health();
[[nodiscard]] control::TypePtr<PassiveHealth> passive_health();

}  // namespace millrace::load_balancer::profile
