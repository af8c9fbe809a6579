// SPDX-License-Identifier: BSD-3-Clause
// The part of the common profile that makes an interface an overlay's: keys and checks.
#pragma once

#include "common/control/profile/profile.h"
#include "common/control/profile/schema.h"

namespace millrace::control {

// Adds vxlan, vxlan_gpe, geneve and gre to the table of an interface.
void add_overlays(Struct<Interface>& table);

// One interface that is an overlay's, on a port that exists.
void check_overlay(const Profile& profile, const Interface& interface, Diagnostics& diagnostics);
// That no two have the same packets.
void check_overlays_apart(const Profile& profile, Diagnostics& diagnostics);

}  // namespace millrace::control
