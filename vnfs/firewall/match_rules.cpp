// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/match_rules.h"

#include "common/core/reject.h"
#include "common/net/icmp.h"
#include "vnfs/firewall/check_source.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/session_rule.h"

namespace millrace::firewall {
namespace {

using core::Batch;
using core::Packet;

std::uint8_t dscp_of(const Packet& packet) noexcept {
  return packet.headers.is_ipv4()
             ? static_cast<std::uint8_t>(packet.l3_as<net::Ipv4Header>().tos >> 2)
             : static_cast<std::uint8_t>(packet.l3_as<net::Ipv6Header>().traffic_class() >> 2);
}

bool is_blocked(const Packet& packet, flow::Segment segment, const Policy& policy, Tick now) noexcept {
  return policy.blocked_sources->get().blocks(packet.source(), segment, now);
}

}  // namespace

RuleKey rule_key(const Packet& packet, const Policy& policy) noexcept {
  const net::Headers& headers = packet.headers;
  RuleKey key;
  key.source = packet.source();
  key.destination = packet.destination();
  key.from = policy.zone(packet.ingress);
  key.to = policy.zone(packet.egress);
  key.interface = packet.ingress.value();
  key.protocol = headers.protocol;
  key.dscp = dscp_of(packet);
  key.has_ports = !headers.later_fragment() || headers.has_ports;
  if (net::protocol::is_icmp(headers.protocol)) {
    key.icmp_type = headers.icmp_type();
    key.icmp_code = headers.icmp_code;
  } else {
    key.source_port = headers.source_port.host();
    key.destination_port = headers.destination_port.host();
    key.tcp_flags = headers.protocol == net::protocol::kTcp ? headers.tcp_flags : 0;
  }
  return key;
}

RuleKey rule_key(const Session& session, const Policy& policy) noexcept {
  const flow::FlowKey& flow = session.key;
  const bool high = session.has(Session::kInitiatorHigh);
  RuleKey key;
  const auto address = [&](bool of_high) -> net::IpAddress {
    if (flow.is_ipv6()) return of_high ? session.addresses.high : session.addresses.low;
    return net::Ipv4Address{be32::from_wire(of_high ? flow.high_word() : flow.low_word())};
  };
  key.source = address(high);
  key.destination = address(!high);
  key.from = policy.zone(core::InterfaceId(session.ingress));
  key.to = policy.zone(core::InterfaceId(session.egress));
  key.interface = session.ingress;
  key.protocol = flow.protocol();
  key.dscp = session.dscp;
  if (net::protocol::is_icmp(key.protocol)) {
    key.icmp_type = session.icmp_type();
  } else {
    key.source_port = (high ? flow.high_port() : flow.low_port()).host();
    key.destination_port = (high ? flow.low_port() : flow.high_port()).host();
    key.tcp_flags = key.protocol == net::protocol::kTcp ? session.first_tcp_flags : 0;
  }
  return key;
}

void MatchRules::process(Batch& batch, const Policy& policy) noexcept {
  std::array<RuleKey, Batch::kMaxSize> keys;
  std::array<std::uint8_t, Batch::kMaxSize> lane_of;
  std::array<RuleIndex, Batch::kMaxSize> rules;
  unsigned count = 0;
  for (std::uint64_t lanes = state.unsettled & batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    Packet& packet = batch[lane];
    if (packet.session == kNoSession) {
      if (!may_open(batch, packet, policy)) continue;
      keys[count] = rule_key(packet, policy);
    } else {
      keys[count] = rule_key(state.sessions[packet.session], policy);
    }
    lane_of[count++] = static_cast<std::uint8_t>(lane);
  }
  policy.matcher.match(std::span(keys.data(), count), std::span(rules.data(), count));
  for (unsigned i = 0; i < count; ++i) {
    Packet& packet = batch[lane_of[i]];
    if (packet.session == kNoSession) {
      settle_new(batch, packet, keys[i], rule_on(policy, keys[i], rules[i], nullptr), policy);
    } else {
      const Session& session = state.sessions[packet.session];
      const Session* settled = session.application_settled() ? &session : nullptr;
      settle_known(batch, packet, keys[i], rule_on(policy, keys[i], rules[i], settled), policy);
    }
  }
}

// Whether the packet could begin a session, whatever the rules say.
bool MatchRules::may_open(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.later_fragment() && !headers.has_ports) {
    batch.drop(packet, Drop::kFragmentUnmatched);
    return false;
  }
  // Before the rules: nothing is answered to an address that is not the sender's.
  if (const auto reason = refuse_source(packet, *batch.network, policy.protection.reverse_path)) {
    batch.drop(packet, *reason);
    return false;
  }
  const flow::FlowLookup& lookup = state.lookups[batch.lane(packet)];
  const flow::Segment segment = flow::segment_of(lookup.key, lookup.addresses);
  if (policy.blocked_sources != nullptr && is_blocked(packet, segment, policy, batch.now)) [[unlikely]] {
    state.watch.refused(packet, segment);
    batch.drop(packet, Drop::kBlockedSource);
    return false;
  }
  if (headers.protocol == net::protocol::kTcp && headers.has_ports) {
    using namespace net::tcp_flag;
    if (!flow::tcp_flags_valid(headers.tcp_flags)) {
      state.watch.refused(packet, segment);
      batch.drop(packet, Drop::kTcpInvalidFlags);
      return false;
    }
    const bool first = (headers.tcp_flags & (kSyn | kAck | kRst | kFin)) == kSyn;
    if (!first && !policy.tcp.midstream_pickup) {
      batch.drop(packet, Drop::kTcpNotSyn);
      return false;
    }
  } else if (net::is_icmp_reply(headers)) {
    batch.drop(packet, Drop::kIcmpUnsolicited);
    return false;
  }
  return true;
}

void MatchRules::adopt(Batch& batch, Packet& packet, SessionIndex index) noexcept {
  packet.session = index;
  const Session& session = state.sessions[index];
  packet.direction = static_cast<std::uint8_t>(session.direction(state.lookups[batch.lane(packet)].sender));
  if (session.has(Session::kInspected)) state.inspected |= std::uint64_t{1} << batch.lane(packet);
}

void MatchRules::settle_new(Batch& batch, Packet& packet, const RuleKey& key, const Ruling& ruling,
                            const Policy& policy) noexcept {
  const flow::FlowLookup& lookup = state.lookups[batch.lane(packet)];
  // An earlier packet of this batch may have opened the session.
  if (const SessionIndex index = state.sessions.flows().find(lookup); index != kNoSession) {
    adopt(batch, packet, index);
    return;
  }
  const RuleOutcome& outcome = policy.outcome(ruling.rule);
  if (outcome.action != Action::kAccept) {
    refuse(batch, packet, ruling.rule, policy);
    return;
  }
  const flow::Segment segment = flow::segment_of(lookup.key, lookup.addresses);
  const ListedEnds listed = find_listed(policy, key);
  if (listed.blocks()) {
    refuse_listed(batch, packet, key, outcome, policy, listed);
    state.watch.refused(packet, segment);
    return;
  }
  if (policy.draining) {
    batch.drop(packet, Drop::kDraining);
    return;
  }
  if (state.syn_proxy.answer(batch, packet, lookup, policy.protection.syn_cookies_above,
                             state.services.originator)) {
    state.watch.opened(packet, segment);
    return;
  }
  SessionLimits::Entries entries;
  const std::uint64_t open = state.rule_counters[outcome.slot].open_sessions.read();
  if (const auto reason = state.limits.refuse(packet.source(), segment, outcome, open, policy.protection,
                                              batch.now, entries)) {
    count_refused(batch, packet, outcome);
    state.watch.refused(packet, segment);
    batch.drop(packet, *reason);
    return;
  }
  const SessionIndex index = state.sessions.open(lookup, policy.timeouts, batch.now);
  if (index == kNoSession) {
    state.watch.refused(packet, segment);
    batch.drop(packet, Drop::kSessionTableFull);
    return;
  }
  Session& session = state.sessions[index];
  session.generation = policy.generation;
  session.rule_slot = outcome.slot;
  session.ingress = packet.ingress.value();
  session.egress = packet.egress.value();
  session.dscp = dscp_of(packet) & 63U;
  session.first_tcp_flags = packet.headers.tcp_flags;
  session.icmp_code = packet.headers.icmp_code;
  if (outcome.log) session.flags |= Session::kLogged;
  RuleCounters& counters = state.rule_counters[outcome.slot];
  if (!ruling.undecided) {
    counters.hits.add(1);
    counters.last_hit.set(batch.tsc);
  }
  counters.open_sessions.add(1);
  if (ruling.undecided) session.naming = Naming::kUndecided;
  state.limits.opened(session, entries);
  state.syn_proxy.begin(session, batch.lane(packet));
  if (ruling.inspection != 0 && !look_into(state, batch, packet, session, ruling.inspection, policy)) {
    state.sessions.close(index, SessionEnd::kClosed, batch.now);
    return;
  }
  session.mark_inspected();
  if (!listed.empty()) {
    note_listed(state, batch, packet, key, outcome, policy, listed, &session);
    session.listed = 1;
  }
  adopt(batch, packet, index);
  state.flow_log.opened(session, batch.now);
  // One that a cookie opened was counted when that was given.
  if (!session.has(Session::kProxied)) state.watch.opened(packet, segment);
}

void MatchRules::settle_known(Batch& batch, Packet& packet, const RuleKey& key, const Ruling& ruling,
                              const Policy& policy) noexcept {
  // An earlier packet of this batch may have ended it.
  if (!state.sessions.flows().holds(packet.session, state.lookups[batch.lane(packet)])) {
    batch.drop(packet, Drop::kSessionEnded);
    return;
  }
  Session& session = state.sessions[packet.session];
  const RuleOutcome& outcome = policy.outcome(ruling.rule);
  const bool accepted = outcome.action == Action::kAccept;
  if (!accepted && ruling.by_application && session.application_settled()) {
    refuse_application(state, batch, packet, session, outcome, policy);
    return;
  }
  const ListedEnds listed = accepted ? find_listed(policy, key) : ListedEnds();
  if (!listed.empty() && (listed.blocks() || session.listed == 0)) {
    note_listed(state, batch, packet, key, outcome, policy, listed, &session);
    session.listed = 1;
  }
  if (!accepted || listed.blocks()) {
    state.sessions.close(packet.session, SessionEnd::kPolicy, batch.now);
    batch.drop(packet, Drop::kPolicyChanged);
    return;
  }
  if (!look_into(state, batch, packet, session, ruling.inspection, policy)) return;
  if (ruling.undecided) {
    session.naming = Naming::kUndecided;
  } else if (session.naming == Naming::kUndecided) {
    state.applications.forget(session);
    state.rule_counters[outcome.slot].hits.add(1);
  }
  session.unruled = 0;
  session.flags = static_cast<std::uint8_t>(session.flags & ~Session::kRefused);
  mark(batch, packet, session);
  assign_rule(state, session, outcome, policy);
}

void MatchRules::mark(Batch& batch, const Packet& packet, Session& session) noexcept {
  session.mark_inspected();
  const std::uint64_t lane = std::uint64_t{1} << batch.lane(packet);
  state.inspected = session.has(Session::kInspected) ? state.inspected | lane : state.inspected & ~lane;
}

void MatchRules::count_refused(const Batch& batch, const Packet& packet,
                               const RuleOutcome& outcome) noexcept {
  RuleCounters& counters = state.rule_counters[outcome.slot];
  counters.hits.add(1);
  counters.last_hit.set(batch.tsc);
  counters.packets.add(1);
  counters.bytes.add(packet.ip_length());
}

// The rules would let it in.
void MatchRules::refuse_listed(Batch& batch, Packet& packet, const RuleKey& key, const RuleOutcome& outcome,
                               const Policy& policy, const ListedEnds& listed) noexcept {
  note_listed(state, batch, packet, key, outcome, policy, listed, nullptr);
  if (listed.action == inspection::ListAction::kReject)
    core::send_reject(packet, *batch.network, state.services.originator);
  batch.drop(packet, Drop::kThreatList);
  const flow::FlowLookup& lookup = state.lookups[batch.lane(packet)];
  state.flow_log.denied(packet, flow::segment_of(lookup.key, lookup.addresses), outcome, policy, batch.now);
}

void MatchRules::refuse(Batch& batch, Packet& packet, RuleIndex rule, const Policy& policy) noexcept {
  const RuleOutcome& outcome = policy.outcome(rule);
  count_refused(batch, packet, outcome);
  const bool by_rule = rule.valid();
  if (outcome.action == Action::kReject) {
    core::send_reject(packet, *batch.network, state.services.originator);
    batch.drop(packet, by_rule ? Drop::kRejectedByRule : Drop::kRejectedByDefault);
  } else {
    batch.drop(packet, by_rule ? Drop::kDeniedByRule : Drop::kDeniedByDefault);
  }
  const flow::FlowLookup& lookup = state.lookups[batch.lane(packet)];
  const flow::Segment segment = flow::segment_of(lookup.key, lookup.addresses);
  state.flow_log.denied(packet, segment, outcome, policy, batch.now);
  state.watch.refused(packet, segment);
}

}  // namespace millrace::firewall
