// SPDX-License-Identifier: BSD-3-Clause
// The part of the common profile about quality of service: keys and checks of `qos`.
#pragma once

#include "common/control/profile/profile.h"
#include "common/control/profile/schema.h"

namespace millrace::control {

[[nodiscard]] std::shared_ptr<const Struct<Qos>> qos();

void check_qos(const Profile& profile, Diagnostics& diagnostics);

}  // namespace millrace::control
