// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/check_listed.h"

#include "vnfs/firewall/inspection/list_verdict.h"

namespace millrace::firewall {
namespace {

using inspection::InspectionEvent;
using inspection::ListHits;

constexpr Pace kToldPerSecond = 1000;  // of a worker; a flood from a listed address is not to flood the log

InspectionEvent event_of(const WorkerState& state, const core::Batch& batch, const core::Packet& packet,
                         const RuleKey& key, const Session* session) noexcept {
  const flow::FlowLookup& lookup = state.lookups[batch.lane(packet)];
  InspectionEvent event{};
  event.tsc = batch.tsc;
  event.source = key.source.bytes();
  event.destination = key.destination.bytes();
  event.source_port = key.source_port;
  event.destination_port = key.destination_port;
  event.segment = flow::segment_of(lookup.key, lookup.addresses).number();
  event.ingress = packet.ingress.value();
  event.worker = state.services.worker.value();
  event.kind = inspection::EventKind::kListed;
  event.side = inspection::Side::kClient;
  event.protocol = key.protocol;
  event.family = key.source.family();
  event.list_kind = inspection::ListKind::kAddress;
  if (session == nullptr) return event;
  event.session = session->id;
  event.ingress = session->ingress;
  event.age_ms = batch.now - session->created;
  for (const Direction direction : {Direction::kForward, Direction::kReverse}) {
    event.packets[static_cast<std::size_t>(direction)] = session->total_packets(direction);
    event.bytes[static_cast<std::size_t>(direction)] = session->total_bytes(direction);
  }
  return event;
}

}  // namespace

ListedEnds find_listed(const Policy& policy, const RuleKey& key) noexcept {
  if (policy.threat_lists == nullptr) return {};
  const inspection::ThreatLists& lists = *policy.threat_lists;
  ListedEnds listed{.source = lists.find_address(key.source),
                    .destination = lists.find_address(key.destination)};
  listed.action = inspection::verdict_of(lists, listed.all());
  return listed;
}

void note_listed(WorkerState& state, const core::Batch& batch, const core::Packet& packet, const RuleKey& key,
                 const RuleOutcome& outcome, const Policy& policy, const ListedEnds& listed,
                 const Session* session) noexcept {
  const inspection::ThreatLists& lists = *policy.threat_lists;
  InspectionEvent event = event_of(state, batch, packet, key, session);
  event.rule_slot = outcome.slot;
  event.outcome = listed.blocks() ? inspection::Outcome::kBlocked : inspection::Outcome::kAllowed;
  for (ListHits hits = listed.all(); !hits.empty(); hits = hits.rest()) {
    const std::size_t list = hits.first();
    event.list_slot = policy.list_slots[list];
    event.severity = lists.member(list).severity;
    event.is_destination = !listed.source.has(list);
    RuleCounters& counters = state.rule_counters[event.list_slot];
    counters.hits.add(1);
    counters.last_hit.set(batch.tsc);
    if (!state.list_pace.ready(kToldPerSecond, kToldPerSecond.burst(), batch.now)) {
      state.list_events_kept_back.add(1);
      continue;
    }
    state.list_pace.take(kToldPerSecond);
    static_cast<void>(state.inspector.events().push(event));
  }
}

}  // namespace millrace::firewall
