// SPDX-License-Identifier: BSD-3-Clause
// From the profile to what the gateway is told by it. Off the data path.
#pragma once

#include <vector>

#include "vnfs/vpn/association_spec.h"
#include "vnfs/vpn/profile.h"

namespace millrace::vpn {

// What the profile says in place of key exchange.
struct Configured {
  std::vector<AssociationSpec> associations;
  std::vector<PolicySpec> policies;
};

// Reads the files of keys. Fails when one can not be read any more.
[[nodiscard]] Result<Configured> read_tunnels(const profile::Section& profile);

}  // namespace millrace::vpn
