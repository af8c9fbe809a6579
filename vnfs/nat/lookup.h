// SPDX-License-Identifier: BSD-3-Clause
// Who is behind an outside address and port, and what a host inside is called outside: what an operator must
// answer when someone complains about an address.
#pragma once

#include <boost/json/value.hpp>

#include "common/appliance/vnf.h"
#include "common/control/members.h"

namespace millrace::nat {

// GET /v1/nat/lookup?address=ADDRESS[&port=PORT][&protocol=tcp|udp|icmp][&domain=NAME][&at=TIME]
//   address   an outside address, or that of a host inside
//   port      of an outside address; of all protocols unless one is given
//   at        RFC 3339, in UTC; now unless given
//
//   {"address", "port", "at", "answers": [{"inside", "inside_port", "outside", "first_port", "last_port",
//     "protocol", "domain", "by", "since", "then"}], "summary"}
//   by        static, deterministic (arithmetic: for as long as the profile says so), block, mapping
//   since     when that began, at the latest; null when the profile alone decides
//   then      whether it was so at that time; what was before is only in the log
// Refuses parameters that are wrong in `query`. Control thread.
[[nodiscard]] boost::json::value lookup(appliance::Workers workers, const core::Snapshot& snapshot,
                                        control::Members& query);

}  // namespace millrace::nat
