// SPDX-License-Identifier: BSD-3-Clause
// A flow's record as one line of JSON (RFC 8259). Names of members stay as they are; new ones may come.
//
//   time                    of the event, RFC 3339 with microseconds, UTC
//   event                   "opened", "updated" (it goes on), "ended", "denied"
//   appliance, worker       which one saw it
//   session                 a decimal number in a string (it may pass 2^53); not of "denied"
//   protocol                "tcp", "udp", ... or a number; protocol_number is always the number
//   source, destination     addresses; source_port, destination_port where the protocol has ports
//   icmp_type, icmp_code, icmp_identifier    of the first packet
//   domain, ingress, egress names; ingress and egress only when known
//   outer_vlan, vlan        transparent mode: VLAN ids, where there are tags; vlan is the inner of two
//   rule                    the one that accepted or denied
//   reason, sentence        why it ended, was denied, or is told of while it lasts
//   start, last             of "updated" and "ended": times of the first and last packet
//   packets_forward, packets_reverse, bytes_forward, bytes_reverse    of "updated" and "ended", from the
//                           session's beginning; only forward of "denied"
//   tcp_flags_forward, tcp_flags_reverse     "syn,ack"; tcp_state of "updated" and "ended"
//   generation              of the policy
#pragma once

#include <string>
#include <string_view>

#include "common/control/flow_log/flow_record.h"

namespace millrace::control {

// Appends the line with its newline.
void append_json_line(std::string& out, const FlowRecord& record, std::string_view appliance);

// "2025-03-01T08:00:00.000250Z"
[[nodiscard]] std::string rfc3339(WallTime time);

}  // namespace millrace::control
