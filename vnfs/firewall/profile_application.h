// SPDX-License-Identifier: BSD-3-Clause
// What the profile says of applications.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/acceleration/dpi/applications.h"
#include "common/control/profile/section.h"
#include "common/control/profile/types.h"
#include "vnfs/firewall/profile_inspection.h"

namespace millrace::firewall::profile {

enum class WhenNoRoom : std::uint8_t { kDrop, kOther };

// A change of the first three moves all sessions to new tables.
struct ApplicationLimits {
  std::uint64_t sessions = 4096;                   // undecided at a time
  std::uint64_t memory = std::uint64_t{16} << 20;  // for what they say
  std::uint64_t packets = 16;                      // of a session, then it is given up
  WhenNoRoom when_overloaded = WhenNoRoom::kDrop;
};

[[nodiscard]] control::TypePtr<std::vector<Located<std::string>>> application_names();
[[nodiscard]] std::shared_ptr<const control::Struct<ApplicationLimits>> application_limits_table();

// What a rule may say: a name, or "other", which has no number in `dpi`.
inline constexpr std::string_view kOtherName = "other";
[[nodiscard]] bool is_application(std::string_view name);
[[nodiscard]] std::span<const std::string> all_application_names();

}  // namespace millrace::firewall::profile
