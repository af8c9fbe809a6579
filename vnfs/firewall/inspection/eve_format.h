// SPDX-License-Identifier: BSD-3-Clause
// An event as one line of JSON with the members that Suricata's EVE log has, so that what reads those reads
// this: timestamp, flow_id, in_iface, event_type, src_ip, src_port, dest_ip, dest_port, proto, app_proto,
// direction, alert {action, gid, signature_id, rev, signature, category, severity, metadata}, http {hostname,
// url, http_user_agent, http_method}, tls {sni}, dns {query}, flow {pkts_toserver, ...}, payload,
// payload_printable, stream; and, under "millrace", what it has no name for: appliance, rule, inspection,
// session, worker, application, domain, reason, sentence.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "vnfs/firewall/inspection/event_record.h"

namespace millrace::firewall::inspection {

// "2026-04-08T07:27:41.000250+0000", "TCP".
[[nodiscard]] std::string eve_time(control::WallTime time);
[[nodiscard]] std::string eve_protocol(std::uint8_t protocol);

[[nodiscard]] boost::json::object to_eve(const EventRecord& record, std::string_view appliance);
// Appends the line with its newline.
void append_eve_line(std::string& out, const EventRecord& record, std::string_view appliance);

}  // namespace millrace::firewall::inspection
