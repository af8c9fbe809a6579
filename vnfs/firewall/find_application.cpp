// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/find_application.h"

#include <algorithm>
#include <cstring>

#include "common/core/receive_marks.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/match_rules.h"
#include "vnfs/firewall/session_ends.h"
#include "vnfs/firewall/session_rule.h"

namespace millrace::firewall {
namespace {

using core::Batch;
using core::Packet;

}  // namespace

// The IP datagram, or as much of it as there is room for.
Bytes FindApplication::in_one_piece(const Packet& packet) noexcept {
  const std::size_t length = packet.ip_length();
  const unsigned begin = packet.headers.l3_offset;
  if (packet.mbuf->nb_segs == 1) [[likely]]
    return {packet.l3(), length};
  const std::span<std::uint8_t> room = state.applications.room();
  const std::size_t wanted = std::min(length, room.size());
  std::size_t have = 0;
  std::size_t skip = begin;
  for (const rte_mbuf* segment = packet.mbuf; segment != nullptr && have < wanted; segment = segment->next) {
    const std::size_t here = segment->data_len;
    if (skip < here) {
      const std::size_t count = std::min(here - skip, wanted - have);
      std::memcpy(room.data() + have, rte_pktmbuf_mtod_offset(segment, const std::uint8_t*, skip), count);
      have += count;
    }
    skip -= std::min(skip, here);
  }
  return {room.data(), have};
}

void FindApplication::look(Batch& batch, Packet& packet, Session& session, const Policy& policy) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.protocol == net::protocol::kTcp) {
    const bool repeated = (state.repeated >> batch.lane(packet) & 1U) != 0;
    if (headers.payload_length() == 0 || repeated) return;
  }
  // What its receiver would not take is not to be judged as if it were read.
  if (headers.payload_length() != 0 && !core::checksum_believed(packet))
    return batch.drop(packet, core::Drop::kBadTransportChecksum);
  const dpi::DetectedPacket shown{.ip = in_one_piece(packet),
                                  .transport = std::size_t{headers.l4_offset} - headers.l3_offset,
                                  .tick_ms = batch.now,
                                  .from_responder = packet.direction != 0};
  const std::size_t payload = std::size_t{headers.payload_offset} - headers.l3_offset;
  switch (state.applications.look(session, shown, payload, batch.now)) {
    case ApplicationFinder::Look::kUndecided:
      return;
    case ApplicationFinder::Look::kNoRoom:
      if (policy.drop_when_no_room) return batch.drop(packet, Drop::kApplicationOverloaded);
      state.applications.settle_as_other(session);
      break;
    case ApplicationFinder::Look::kSettled:
      break;
  }
  rule(batch, packet, session, policy);
}

// Its application is settled: the rules are asked again.
void FindApplication::rule(Batch& batch, Packet& packet, Session& session, const Policy& policy) noexcept {
  session.unruled = 0;
  const RuleKey key = rule_key(session, policy);
  const Ruling ruling = rule_on(policy, key, policy.matcher.match(key), &session);
  const RuleOutcome& outcome = policy.outcome(ruling.rule);
  if (outcome.action != Action::kAccept)
    return refuse_application(state, batch, packet, session, outcome, policy);
  if (session.rule_slot != outcome.slot) {
    const std::uint64_t open = state.rule_counters[outcome.slot].open_sessions.read();
    if (const auto reason =
            state.limits.refuse_move(session, ends_of(session).initiator, outcome, open, batch.now)) {
      refuse_application(state, batch, packet, session, outcome, policy);
      return batch.drop(packet, *reason);
    }
  }
  const bool was_logged = session.has(Session::kLogged);
  assign_rule(state, session, outcome, policy);
  if (!look_into(state, batch, packet, session, ruling.inspection, policy)) session.unruled = 1;
  session.mark_inspected();
  if (session.unruled != 0) return;
  RuleCounters& counters = state.rule_counters[outcome.slot];
  counters.hits.add(1);
  counters.last_hit.set(batch.tsc);
  if (!was_logged) state.flow_log.opened(session, batch.now);
  if (session.inspection == 0) state.inspected &= ~(std::uint64_t{1} << batch.lane(packet));
}

void FindApplication::process(Batch& batch, const Policy& policy) noexcept {
  for (std::uint64_t lanes = state.inspected & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    if (packet.session == kNoSession) continue;
    Session& session = state.sessions[packet.session];
    if (session.has(Session::kRefused)) {
      batch.drop(packet, Drop::kApplication);
    } else if (session.naming == Naming::kUndecided) {
      look(batch, packet, session, policy);
    } else if (session.unruled != 0) {
      rule(batch, packet, session, policy);
    }
  }
}

}  // namespace millrace::firewall
