// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_filter.h"

#include <algorithm>

#include "common/control/profile/text.h"
#include "vnfs/firewall/session_ends.h"

namespace millrace::firewall {

Result<SessionFilter> SessionFilter::of(const control::PacketMatch& match, const core::Network& network,
                                        const RuleSlots& slots) {
  SessionFilter filter;
  filter.source_ = match.source;
  filter.destination_ = match.destination;
  filter.protocol_ = match.protocol;
  filter.port_ = match.port;
  filter.vlan_ = match.vlan;
  filter.outer_vlan_ = match.outer_vlan;
  if (match.interface) {
    const auto& all = network.interfaces;
    const auto found = std::ranges::find(all, *match.interface, &core::Interface::name);
    if (found == all.end()) {
      return failure("find sessions", "no interface is named " + control::quote(*match.interface),
                     "interface");
    }
    filter.interface_ = static_cast<std::uint16_t>(found - all.begin());
  }
  if (match.rule) {
    filter.rule_slot_ = slots.find(*match.rule);
    if (!filter.rule_slot_)
      return failure("find sessions", "no rule is named " + control::quote(*match.rule), "rule");
  }
  return filter;
}

bool SessionFilter::matches(const Session& session) const noexcept {
  if (protocol_ && session.key.protocol() != *protocol_) return false;
  if (interface_ && session.ingress != *interface_) return false;
  if (rule_slot_ && session.rule_slot != *rule_slot_) return false;
  if (port_ && session.key.low_port() != be16(*port_) && session.key.high_port() != be16(*port_))
    return false;
  const flow::VlanTags tags = session.segment().tags();
  if ((vlan_ && tags.vlan != *vlan_) || (outer_vlan_ && tags.outer != *outer_vlan_)) return false;
  if (!source_ && !destination_) return true;
  const SessionEnds ends = ends_of(session);
  const auto runs = [&](const net::IpAddress& from, const net::IpAddress& to) {
    return (!source_ || source_->contains(from)) && (!destination_ || destination_->contains(to));
  };
  return runs(ends.initiator, ends.responder) || runs(ends.responder, ends.initiator);
}

}  // namespace millrace::firewall
