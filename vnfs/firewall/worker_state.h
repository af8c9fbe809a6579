// SPDX-License-Identifier: BSD-3-Clause
// What one worker of the firewall owns. Nothing here is shared, so nothing here is locked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/rate_bucket.h"
#include "common/core/fragment_joiner.h"
#include "common/core/function.h"
#include "common/flow/table_sweep.h"
#include "vnfs/firewall/application_finder.h"
#include "vnfs/firewall/flow_event_log.h"
#include "vnfs/firewall/inspection/inspector.h"
#include "vnfs/firewall/load_watch.h"
#include "vnfs/firewall/rule_counters.h"
#include "vnfs/firewall/session_accounts.h"
#include "vnfs/firewall/session_limits.h"
#include "vnfs/firewall/session_table.h"
#include "vnfs/firewall/session_watch.h"
#include "vnfs/firewall/syn_proxy.h"

namespace millrace::firewall {

struct Limits {
  std::uint32_t sessions = 250'000;  // of this worker
  std::uint32_t rule_slots = 65'536;
  std::uint32_t sources = 65'536;      // with limited sessions, of this worker
  std::uint32_t flow_events = 16'384;  // that wait to be read
  inspection::InspectorSize inspection{};
  ApplicationFinderSize applications{};
  std::optional<inspection::WatchSettings> watch{};  // none: what sources do is not counted
};

struct WorkerState {
  WorkerState(const Limits& size, const core::WorkerServices& lent)
      : services(lent),
        sessions(size.sessions, lent.seed, lent.now, lent.worker.value()),
        rule_counters(size.rule_slots),
        limits(size.rule_slots, size.sources, lent),
        accounts(rule_counters, limits),
        sweep(lent.now),
        syn_proxy(lent.seed),
        flow_log(size.flow_events, size.sessions, lent.worker.value(), lent.now),
        load(lent.burst, lent.now),
        inspector(size.inspection, lent.worker.value(), {lent.seed, lent.worker.value()}),
        applications(size.applications),
        watch(size.watch, lent.seed, lent.now) {
    sessions.observe(&accounts);
    sessions.observe(&flow_log);
    sessions.observe(&inspector);
    sessions.observe(&applications);
    if (size.watch) sessions.observe(&watch);
  }
  WorkerState(const WorkerState&) = delete;  // its members know each other
  WorkerState& operator=(const WorkerState&) = delete;

  core::WorkerServices services;
  SessionTable sessions;
  std::vector<RuleCounters> rule_counters;
  SessionLimits limits;
  SessionAccounts accounts;
  flow::TableSweep sweep;
  SynProxy syn_proxy;
  core::FragmentJoiner joiner;
  FlowEventLog flow_log;
  LoadWatch load;
  inspection::Inspector inspector;
  RateBucket list_pace;           // of events about listed addresses
  Counter list_events_kept_back;  // by it
  ApplicationFinder applications;
  SessionWatch watch;

  // From GuardLink and FindSession to the later stages, for the batch in hand.
  std::array<flow::FlowLookup, core::Batch::kMaxSize> lookups;
  std::uint64_t link_local = 0;  // lanes that pass without a session
  std::uint64_t unsettled = 0;   // lanes whose flow is new, or was accepted by another policy
  std::uint64_t proxied = 0;     // lanes of sessions that a SYN cookie opened
  std::uint64_t related = 0;     // lanes that carry an ICMP error about a known session
  std::uint64_t inspected = 0;   // lanes of sessions that are looked into, or refused
  std::uint64_t repeated = 0;    // of these, lanes of TCP segments that say nothing new
};

}  // namespace millrace::firewall
