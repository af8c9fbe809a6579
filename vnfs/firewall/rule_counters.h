// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/base/counter.h"

namespace millrace::firewall {

// Counters of one rule on one worker, by the rule's slot.
struct RuleCounters {
  Counter hits;     // sessions opened or packets refused by it
  Counter packets;  // of ended sessions and refused packets
  Counter bytes;
  Counter open_sessions;
};

}  // namespace millrace::firewall
