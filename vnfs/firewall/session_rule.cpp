// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_rule.h"

#include <utility>

#include "common/core/reject.h"
#include "common/core/tcp_segments.h"
#include "vnfs/firewall/drops.h"

namespace millrace::firewall {
namespace {

using core::Batch;
using core::Packet;

// For the receiver, in the place of the segment that is rejected.
bool becomes_reset(Packet& packet) noexcept {
  if (packet.headers.protocol != net::protocol::kTcp) return false;
  const auto& tcp = packet.l4_as<net::TcpHeader>();
  const core::TcpFields reset{.sequence = tcp.sequence.host(),
                              .acknowledgment = tcp.acknowledgment.host(),
                              .flags = net::tcp_flag::kRst | net::tcp_flag::kAck};
  return core::rewrite_tcp(packet, reset);
}

}  // namespace

bool look_into(WorkerState& state, Batch& batch, Packet& packet, Session& session, std::uint16_t inspection,
               const Policy& policy) noexcept {
  const auto wanted = static_cast<std::uint16_t>(inspection - 1U);
  if (session.inspection == Session::kBlocked) return true;  // for good
  if (session.inspection != 0) {
    if (inspection != 0) {
      state.inspector[session.inspection].inspection = wanted;
    } else {
      state.inspector.close(std::exchange(session.inspection, 0));
    }
    return true;
  }
  if (inspection == 0) return true;
  const inspection::Inspection& by = *policy.inspections[wanted];
  const bool behind = state.load.behind() && !state.inspector.samples(by);
  if (!behind) session.inspection = state.inspector.open(wanted);
  if (session.inspection != 0) return true;
  state.inspector.note(
      session, by, behind ? inspection::Notable::kBehind : inspection::Notable::kNoConversation,
      inspection::Side::kClient,
      by.drop_when_overloaded ? inspection::Outcome::kBlocked : inspection::Outcome::kAllowed, batch.now,
      batch.tsc);
  if (by.drop_when_overloaded) batch.drop(packet, Drop::kInspectionOverloaded);
  return !by.drop_when_overloaded;
}

void assign_rule(WorkerState& state, Session& session, const RuleOutcome& outcome,
                 const Policy& policy) noexcept {
  session.generation = policy.generation;
  state.flow_log.adopted(session, outcome);
  if (session.rule_slot == outcome.slot) return;
  state.accounts.settle(session);
  RuleCounters& before = state.rule_counters[session.rule_slot];
  before.open_sessions.set(before.open_sessions.read() - 1);
  state.rule_counters[outcome.slot].open_sessions.add(1);
  session.rule_slot = outcome.slot;
}

void reject_session(WorkerState& state, Batch& batch, Packet& packet, Drop reason) noexcept {
  core::send_reject(packet, *batch.network, state.services.originator);
  if (!becomes_reset(packet)) batch.drop(packet, reason);
}

void refuse_application(WorkerState& state, Batch& batch, Packet& packet, Session& session,
                        const RuleOutcome& outcome, const Policy& policy) noexcept {
  const bool again = session.has(Session::kRefused);
  session.flags |= Session::kRefused;
  assign_rule(state, session, outcome, policy);
  if (session.inspection != 0 && session.inspection != Session::kBlocked)
    state.inspector.close(std::exchange(session.inspection, 0));
  session.mark_inspected();
  if (again) return batch.drop(packet, Drop::kApplication);
  RuleCounters& counters = state.rule_counters[outcome.slot];
  counters.hits.add(1);
  counters.last_hit.set(batch.tsc);
  const flow::FlowLookup& lookup = state.lookups[batch.lane(packet)];
  packet.drop_reason = static_cast<std::uint8_t>(Drop::kApplication);
  state.flow_log.denied(packet, flow::segment_of(lookup.key, lookup.addresses), outcome, policy, batch.now,
                        session.packed_application());
  packet.drop_reason = 0;
  state.sessions.finish(packet.session, policy.timeouts, batch.now);  // gives way to others
  if (outcome.action == Action::kReject) return reject_session(state, batch, packet, Drop::kApplication);
  batch.drop(packet, Drop::kApplication);
}

}  // namespace millrace::firewall
