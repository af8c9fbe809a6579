// SPDX-License-Identifier: BSD-3-Clause
// Settles what a session has counted: with its rule while it lasts and when it ends, with its source when it
// ends.
#pragma once

#include <vector>

#include "vnfs/firewall/rule_counters.h"
#include "vnfs/firewall/session_limits.h"
#include "vnfs/firewall/session_table.h"

namespace millrace::firewall {

// What a session has carried over, its rule has; what is fresh, it does not have yet. So each packet is added
// once, whenever and however often it is settled.
class SessionAccounts final : public SessionObserver {
 public:
  SessionAccounts(std::vector<RuleCounters>& rules, SessionLimits& limits) noexcept
      : rules_(rules), limits_(limits) {}

  // Of a session that goes on: now and then, and before another rule has it.
  void settle(Session& session) noexcept {
    if ((session.packets[0] | session.packets[1]) == 0) return;
    add_fresh(session);
    session.carry();
  }

  void session_ended(SessionIndex /*index*/, const Session& session, SessionEnd /*why*/,
                     Tick /*now*/) noexcept override {
    RuleCounters& rule = rules_[session.rule_slot];
    rule.open_sessions.set(rule.open_sessions.read() - 1);
    add_fresh(session);
    limits_.ended(session);
  }

 private:
  void add_fresh(const Session& session) noexcept {
    RuleCounters& rule = rules_[session.rule_slot];
    rule.packets.add(session.fresh_packets(Direction::kForward) + session.fresh_packets(Direction::kReverse));
    rule.bytes.add(session.fresh_bytes(Direction::kForward) + session.fresh_bytes(Direction::kReverse));
  }

  std::vector<RuleCounters>& rules_;
  SessionLimits& limits_;
};

}  // namespace millrace::firewall
