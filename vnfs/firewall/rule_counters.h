// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/base/counter.h"

namespace millrace::firewall {

// Counters of one rule on one worker, by the rule's slot.
struct RuleCounters {
  Counter hits;     // sessions opened or packets refused by it
  Counter packets;  // of its sessions, open ones as of the last sweep, and refused packets
  Counter bytes;
  Counter open_sessions;
  Counter last_hit;  // time stamp counter; 0: never hit
};

}  // namespace millrace::firewall
