// SPDX-License-Identifier: BSD-3-Clause
// How packets get from one interface to another: keys and checks of `forwarding`, and of the interfaces that
// are service paths.
#pragma once

#include "common/control/profile/profile.h"
#include "common/control/profile/schema.h"

namespace millrace::control {

[[nodiscard]] TypePtr<std::string> interface_name();
[[nodiscard]] TypePtr<std::string> port_name();
[[nodiscard]] TypePtr<Forwarding> forwarding();
// Adds nsh and mpls to the table of an interface.
void add_services(Struct<Interface>& table);

// The interfaces that are service paths, and `forwarding.nsh`.
void check_services(const Profile& profile, Diagnostics& diagnostics);

}  // namespace millrace::control
