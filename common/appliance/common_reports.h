// SPDX-License-Identifier: BSD-3-Clause
// Reports that every appliance has under its own name: /v1/<vnf>/drops and /v1/<vnf>/stages.
#pragma once

#include <boost/json/array.hpp>
#include <span>
#include <string_view>

#include "common/appliance/vnf.h"

namespace millrace::appliance {

// Every reason of the core and of the function, with its sentence and how many packets it cost.
[[nodiscard]] boost::json::array drops_report(Workers workers, std::span<const core::DropReason> own);

// Packets, drops and cycles from ingress to egress.
[[nodiscard]] boost::json::array stages_report(Workers workers, std::span<const std::string_view> own);

}  // namespace millrace::appliance
