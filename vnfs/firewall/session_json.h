// SPDX-License-Identifier: BSD-3-Clause
// A session for people.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "common/core/network.h"
#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/rule_slots.h"
#include "vnfs/firewall/session.h"

namespace millrace::firewall {

struct SessionNames {
  const core::Network& network;
  const Timeouts& timeouts;
  const RuleSlots& slots;
};

// {id, protocol, source, destination, state, rule, age_s, idle_s, timeout_s, packets, bytes, ingress, egress,
// domain, worker}; times in whole seconds, `timeout_s` the idle time it has in this state. Of ICMP, `icmp_id`
// in place of ports. In transparent mode `vlan`, and `outer_vlan` of two tags, where there are tags.
// `application` when a rule asked for it: "tls", "tls/youtube", "other", "undecided"; `refused` when it is
// why nothing of it passes.
[[nodiscard]] boost::json::object to_json(const Session& session, unsigned worker, Tick now,
                                          const SessionNames& names);

}  // namespace millrace::firewall
