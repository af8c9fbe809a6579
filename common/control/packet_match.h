// SPDX-License-Identifier: BSD-3-Clause
// Reads which packets or sessions are meant: {source, destination, protocol, port, interface, vlan,
// outer_vlan}, and rule of sessions.
#pragma once

#include "common/control/appliance.h"

namespace millrace::control {

class Members;

// What is wrong is left in `members`.
[[nodiscard]] PacketMatch read_packet_match(Members& members);
[[nodiscard]] PacketMatch read_session_match(Members& members);

[[nodiscard]] bool matches_all(const PacketMatch& match) noexcept;

}  // namespace millrace::control
