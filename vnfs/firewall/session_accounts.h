// SPDX-License-Identifier: BSD-3-Clause
// Settles what a session was counted in when it ends: its rule's counters and its source's entries.
#pragma once

#include <vector>

#include "vnfs/firewall/rule_counters.h"
#include "vnfs/firewall/session_limits.h"
#include "vnfs/firewall/session_table.h"

namespace millrace::firewall {

class SessionAccounts final : public SessionObserver {
 public:
  SessionAccounts(std::vector<RuleCounters>& rules, SessionLimits& limits) noexcept
      : rules_(rules), limits_(limits) {}

  void session_ended(const Session& session, SessionEnd /*why*/, Tick /*now*/) noexcept override {
    RuleCounters& rule = rules_[session.rule_slot];
    rule.open_sessions.set(rule.open_sessions.read() - 1);
    rule.packets.add(session.total_packets(Direction::kForward) + session.total_packets(Direction::kReverse));
    rule.bytes.add(session.total_bytes(Direction::kForward) + session.total_bytes(Direction::kReverse));
    limits_.ended(session);
  }

 private:
  std::vector<RuleCounters>& rules_;
  SessionLimits& limits_;
};

}  // namespace millrace::firewall
