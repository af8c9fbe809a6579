// SPDX-License-Identifier: BSD-3-Clause
// What one value of the VPN gateway's section alone does not tell.
#pragma once

#include <cstdint>

#include "common/control/profile/section.h"
#include "vnfs/vpn/profile.h"

namespace millrace::vpn::profile {

struct ReplayBounds {
  static constexpr std::uint32_t kLeast = 64;
  static constexpr std::uint32_t kMost = 4096;
};

// Reports what does not fit together. Names of files become paths that can be opened.
void check(Section& profile, const control::CheckContext& context);

}  // namespace millrace::vpn::profile
