// SPDX-License-Identifier: BSD-3-Clause
// From the profile's words on health to what the checker does.
#pragma once

#include <string>

#include "vnfs/load_balancer/health/target.h"
#include "vnfs/load_balancer/profile.h"

namespace millrace::load_balancer {

// Of a service with `health`.
[[nodiscard]] health::Target target_of(std::string id, const profile::Service& service,
                                       const profile::Backend& backend);

}  // namespace millrace::load_balancer
