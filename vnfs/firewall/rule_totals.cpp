// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/rule_totals.h"

#include <algorithm>

#include "vnfs/firewall/session_slices.h"

namespace millrace::firewall {

std::vector<RuleTotal> RuleTotals::read(appliance::Workers workers, const RuleSlots& slots) {
  const std::vector<RuleSlots::Holder> holders = slots.holders();
  std::vector<RuleTotal> totals(holders.size());
  for (core::Worker* worker : workers) {
    const auto& counters = state_of(*worker).rule_counters;
    for (std::size_t slot = 0; slot < std::min(totals.size(), counters.size()); ++slot) {
      totals[slot].hits += counters[slot].hits.read();
      totals[slot].packets += counters[slot].packets.read();
      totals[slot].bytes += counters[slot].bytes.read();
      totals[slot].open_sessions += counters[slot].open_sessions.read();
      totals[slot].last_hit = std::max(totals[slot].last_hit, counters[slot].last_hit.read());
    }
  }
  earlier_.resize(holders.size());
  for (std::size_t slot = 0; slot < holders.size(); ++slot) {
    Earlier& earlier = earlier_[slot];
    if (earlier.tenancy != holders[slot].tenancy) {
      earlier.tenancy = holders[slot].tenancy;
      earlier.counted = earlier.last;
    }
    earlier.last = totals[slot];
    totals[slot].hits -= earlier.counted.hits;
    totals[slot].packets -= earlier.counted.packets;
    totals[slot].bytes -= earlier.counted.bytes;
    if (totals[slot].hits == 0) totals[slot].last_hit = 0;
  }
  return totals;
}

}  // namespace millrace::firewall
