// SPDX-License-Identifier: BSD-3-Clause
// What things are called in reports, as the profile has it.
#pragma once

#include <string>
#include <string_view>

#include "vnfs/load_balancer/policy.h"

namespace millrace::load_balancer {

[[nodiscard]] std::string_view name_of(Backend::State state) noexcept;
[[nodiscard]] std::string_view name_of(Scheduler scheduler) noexcept;
[[nodiscard]] std::string_view name_of(Forwarding forwarding) noexcept;

// "10.0.0.11:8080", "[2001:db8::1]:80"; the address alone where the port is that of the service.
[[nodiscard]] std::string name_of(const Backend& backend);

}  // namespace millrace::load_balancer
