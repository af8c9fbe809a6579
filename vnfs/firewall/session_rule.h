// SPDX-License-Identifier: BSD-3-Clause
// A session that is there becomes another rule's, or nobody's. Data path.
#pragma once

#include "vnfs/firewall/ruling.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

// It is looked into as `inspection`, one more than its number, says; 0: it is not. False, and the packet
// dropped, when there is no room or no time and none is to pass unseen.
[[nodiscard]] bool look_into(WorkerState& state, core::Batch& batch, core::Packet& packet, Session& session,
                             std::uint16_t inspection, const Policy& policy) noexcept;

// Counters, log and generation are the rule's from here on.
void assign_rule(WorkerState& state, Session& session, const RuleOutcome& outcome,
                 const Policy& policy) noexcept;

// The rule, or the default, refuses it now that its application is settled: the packet is dropped, and all
// that come after it will be.
void refuse_application(WorkerState& state, core::Batch& batch, core::Packet& packet, Session& session,
                        const RuleOutcome& outcome, const Policy& policy) noexcept;

// Tells both sides; the packet is dropped, or becomes the reset for its receiver.
void reject_session(WorkerState& state, core::Batch& batch, core::Packet& packet, Drop reason) noexcept;

}  // namespace millrace::firewall
