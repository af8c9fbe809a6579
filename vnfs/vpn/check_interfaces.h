// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/control/profile/section.h"
#include "vnfs/vpn/profile.h"

namespace millrace::vpn::profile {

// Looks which tunnels and connections have interfaces of their own, and tells them so.
void check_interfaces(Section& profile, const control::CheckContext& context);

}  // namespace millrace::vpn::profile
