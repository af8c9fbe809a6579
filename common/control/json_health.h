// SPDX-License-Identifier: BSD-3-Clause
// What the appliance says about itself, as the API's JSON.
#pragma once

#include <boost/json/fwd.hpp>

#include "common/control/appliance.h"

namespace millrace::control {

[[nodiscard]] boost::json::object to_json(const Health& health);
[[nodiscard]] boost::json::object to_json(const WorkerStatus& worker);
[[nodiscard]] boost::json::object to_json(const DrainStatus& status);

}  // namespace millrace::control
