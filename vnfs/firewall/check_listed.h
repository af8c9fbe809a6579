// SPDX-License-Identifier: BSD-3-Clause
// What the threat lists of addresses say of the two ends of a session that is new, or that another policy
// accepted.
#pragma once

#include "common/core/batch.h"
#include "vnfs/firewall/inspection/list_kind.h"
#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

struct ListedEnds {
  inspection::ListHits source;
  inspection::ListHits destination;
  inspection::ListAction action = inspection::ListAction::kAlert;  // what becomes of the session

  [[nodiscard]] bool empty() const noexcept { return source.empty() && destination.empty(); }
  [[nodiscard]] bool blocks() const noexcept { return action != inspection::ListAction::kAlert; }
  [[nodiscard]] inspection::ListHits all() const noexcept { return source | destination; }
};

[[nodiscard]] ListedEnds find_listed(const Policy& policy, const RuleKey& key) noexcept;

// Counts what was found, and tells of it, a flood of it only in part. `session` is the packet's, or null when
// it has none.
void note_listed(WorkerState& state, const core::Batch& batch, const core::Packet& packet, const RuleKey& key,
                 const RuleOutcome& outcome, const Policy& policy, const ListedEnds& listed,
                 const Session* session) noexcept;

}  // namespace millrace::firewall
