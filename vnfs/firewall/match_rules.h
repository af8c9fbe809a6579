// SPDX-License-Identifier: BSD-3-Clause
// What the rules say of flows that are new or were accepted by another policy.
#pragma once

#include "vnfs/firewall/check_listed.h"
#include "vnfs/firewall/ruling.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

struct MatchRules {
  static constexpr std::string_view kName = "match_rules";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& /*policy*/) const noexcept {
    return (state.unsettled & batch.live_mask()) != 0;
  }
  // Opens a session for what is accepted, drops the rest; ends sessions that the present policy refuses.
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  [[nodiscard]] bool may_open(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void settle_new(core::Batch& batch, core::Packet& packet, const RuleKey& key, const Ruling& ruling,
                  const Policy& policy) noexcept;
  void settle_known(core::Batch& batch, core::Packet& packet, const RuleKey& key, const Ruling& ruling,
                    const Policy& policy) noexcept;
  void refuse(core::Batch& batch, core::Packet& packet, RuleIndex rule, const Policy& policy) noexcept;
  void refuse_listed(core::Batch& batch, core::Packet& packet, const RuleKey& key, const RuleOutcome& outcome,
                     const Policy& policy, const ListedEnds& listed) noexcept;
  void count_refused(const core::Batch& batch, const core::Packet& packet,
                     const RuleOutcome& outcome) noexcept;
  void mark(core::Batch& batch, const core::Packet& packet, Session& session) noexcept;
  void adopt(core::Batch& batch, core::Packet& packet, SessionIndex index) noexcept;
};

// What a packet that begins a session shows to the rules.
[[nodiscard]] RuleKey rule_key(const core::Packet& packet, const Policy& policy) noexcept;
// The same for a session's first packet, as far as the session remembers it.
[[nodiscard]] RuleKey rule_key(const Session& session, const Policy& policy) noexcept;

}  // namespace millrace::firewall
