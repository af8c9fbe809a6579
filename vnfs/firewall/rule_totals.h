// SPDX-License-Identifier: BSD-3-Clause
// What all workers together have counted for each rule.
#pragma once

#include <cstdint>
#include <vector>

#include "common/appliance/vnf.h"
#include "vnfs/firewall/rule_slots.h"

namespace millrace::firewall {

struct RuleTotal {
  std::uint64_t hits = 0;     // sessions opened or packets refused by it
  std::uint64_t packets = 0;  // of its sessions and refused packets; those of open ones some seconds old
  std::uint64_t bytes = 0;
  std::uint64_t open_sessions = 0;
  std::uint64_t last_hit = 0;  // time stamp counter; 0: never hit
};

// Control thread. Keeps what a slot had counted for an earlier rule, so that the next one begins at 0:
// exactly, when read() was called between the two, as it is for every look at the metrics.
class RuleTotals {
 public:
  // By slot, for all slots ever given.
  [[nodiscard]] std::vector<RuleTotal> read(appliance::Workers workers, const RuleSlots& slots);

 private:
  struct Earlier {
    std::uint32_t tenancy = 0;
    RuleTotal counted;  // for earlier tenants
    RuleTotal last;     // seen at the last read
  };
  std::vector<Earlier> earlier_;
};

}  // namespace millrace::firewall
