// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/control/profile/section.h"
#include "vnfs/vpn/profile.h"

namespace millrace::vpn::profile {

// The part of check() that is about connections, and what they name.
void check_connections(Section& profile, const control::CheckContext& context);

}  // namespace millrace::vpn::profile
