// SPDX-License-Identifier: BSD-3-Clause
// After what idle time a session ends, in ticks.
#pragma once

#include "common/base/clock.h"

namespace millrace::nat {

struct Timeouts {
  Tick tcp_established = 7'440'000;  // RFC 5382 REQ-5
  Tick tcp_opening = 240'000;        // likewise: half open (RFC 7857 section 2.1)
  Tick tcp_transitory = 240'000;     // likewise: after FIN or RST
  Tick tcp_syn = 6'000;              // RFC 5382 REQ-4: a SYN from outside that waits for one from inside
  Tick udp = 300'000;                // RFC 4787 REQ-5
  Tick udp_well_known = 300'000;     // to ports below 1024
  Tick icmp = 60'000;                // RFC 5508 REQ-2
  Tick other = 600'000;
};

}  // namespace millrace::nat
