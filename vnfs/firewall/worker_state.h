// SPDX-License-Identifier: BSD-3-Clause
// What one worker of the firewall owns. Nothing here is shared, so nothing here is locked.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/base/counter.h"
#include "common/core/function.h"
#include "vnfs/firewall/flow_event_log.h"
#include "vnfs/firewall/session_table.h"

namespace millrace::firewall {

// Counters of one rule on one worker, by the rule's slot.
struct RuleCounters {
  Counter hits;  // sessions opened or packets refused by it
  Counter packets;  // of ended sessions and refused packets
  Counter bytes;
  Counter open_sessions;
};

struct Limits {
  std::uint32_t sessions = 250'000;    // of this worker
  std::uint32_t rule_slots = 65'536;
  std::uint32_t flow_events = 16'384;  // that wait to be read
};

struct WorkerState {
  WorkerState(const Limits& limits, const core::WorkerServices& lent)
      : services(lent),
        sessions(limits.sessions, lent.seed, lent.now, lent.worker.value()),
        rule_counters(limits.rule_slots),
        flow_log(limits.flow_events, lent.worker.value(), lent.now) {
    sessions.observe(&flow_log);
  }
  WorkerState(const WorkerState&) = delete;  // its members know each other
  WorkerState& operator=(const WorkerState&) = delete;

  core::WorkerServices services;
  SessionTable sessions;
  std::vector<RuleCounters> rule_counters;
  FlowEventLog flow_log;

  // From FindSession to the later stages, for the batch in hand.
  std::array<flow::FlowLookup, core::Batch::kMaxSize> lookups;
  std::uint64_t unsettled = 0;  // lanes whose flow is new, or was accepted by another policy
  std::uint64_t related = 0;    // lanes that carry an ICMP error about a known session
};

}  // namespace millrace::firewall
