// SPDX-License-Identifier: BSD-3-Clause
// The tables of what charon is told: connections, pools, authorities, users.
#pragma once

#include <memory>

#include "common/control/profile/section.h"
#include "vnfs/vpn/profile.h"

namespace millrace::vpn::profile {

template <class S>
using Table = std::shared_ptr<const control::Struct<S>>;

// Adds their keys to the section's table.
void add_connection_fields(control::Struct<Section>& section);

}  // namespace millrace::vpn::profile
