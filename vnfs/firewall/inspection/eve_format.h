// SPDX-License-Identifier: BSD-3-Clause
// An event as one line of JSON with the members that Suricata's EVE log has, so that what reads those reads
// this: timestamp, flow_id, in_iface, event_type, src_ip, src_port, dest_ip, dest_port, proto, app_proto,
// direction, alert {action, gid, signature_id, rev, signature, category, severity, metadata}, http {hostname,
// url, http_user_agent, http_method}, tls {sni}, dns {query}, flow {pkts_toserver, ...}, payload,
// payload_printable, stream; and, under "millrace", what it has no name for: appliance, rule, inspection,
// session, worker, domain, reason, sentence.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "vnfs/firewall/inspection/event_record.h"

namespace millrace::firewall::inspection {

[[nodiscard]] boost::json::object to_eve(const EventRecord& record, std::string_view appliance);
// Appends the line with its newline.
void append_eve_line(std::string& out, const EventRecord& record, std::string_view appliance);

}  // namespace millrace::firewall::inspection
