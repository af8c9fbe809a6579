// SPDX-License-Identifier: BSD-3-Clause
// From the profile's `qos` to what the data path works with.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/control/profile/profile.h"
#include "common/core/conditioning.h"

namespace millrace::appliance {

// Meters and counts by name, which a reload finds again: a meter goes on where it was as long as its rates
// stay the same.
struct KeptConditioning {
  std::map<std::string, std::shared_ptr<core::Policer>> policers;
  std::map<std::string, std::shared_ptr<core::TrafficCounters>> rules;
};

// `interfaces`: names by InterfaceId. `clock`: ticks a second of the workers' time. Null when the profile
// asks for nothing. What `kept` has and the profile has not is forgotten.
[[nodiscard]] std::shared_ptr<const core::Conditioning> make_conditioning(
    const control::Profile& profile, const std::vector<std::string>& interfaces, std::uint64_t clock,
    KeptConditioning& kept);

}  // namespace millrace::appliance
