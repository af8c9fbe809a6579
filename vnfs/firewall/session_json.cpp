// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_json.h"

#include "common/control/endpoint_text.h"
#include "common/control/protocol.h"
#include "common/net/wire.h"
#include "vnfs/firewall/application_text.h"
#include "vnfs/firewall/session_ends.h"

namespace millrace::firewall {
namespace {

std::string interface_name(const core::Network& network, std::uint16_t id) {
  return id < network.interfaces.size() ? network.interfaces[id].name : std::string();
}

std::string domain_name(const core::Network& network, std::uint16_t id) {
  return id < network.domains.size() ? network.domains[id].name : std::string();
}

std::string state_name(const Session& session) {
  if (session.key.protocol() == net::protocol::kTcp) return std::string(flow::name(session.tcp_state));
  return session.has(Session::kReplied) ? "replied" : "unreplied";
}

template <class Count>
boost::json::object both_ways(Count count) {
  return {{"forward", count(Direction::kForward)}, {"reverse", count(Direction::kReverse)}};
}

}  // namespace

boost::json::object to_json(const Session& session, unsigned worker, Tick now, const SessionNames& names) {
  const SessionEnds ends = ends_of(session);
  const std::uint8_t protocol = session.key.protocol();
  const bool ports = control::has_ports(protocol);
  const auto text = [&](const net::IpAddress& address, std::uint16_t port) {
    return ports ? control::endpoint_text(address, port) : address.to_string();
  };
  const Tick timeout =
      timeout_of(names.timeouts, protocol, session.tcp_state, session.has(Session::kReplied));
  boost::json::object json{{"id", session.id},
                           {"protocol", control::protocol_name(protocol)},
                           {"source", text(ends.initiator, ends.initiator_port)},
                           {"destination", text(ends.responder, ends.responder_port)},
                           {"state", state_name(session)},
                           {"rule", names.slots.name(session.rule_slot)},
                           {"age_s", (now - session.created) / 1000},
                           {"idle_s", (now - session.last_seen) / 1000},
                           {"timeout_s", timeout / 1000},
                           {"packets", both_ways([&](Direction d) { return session.total_packets(d); })},
                           {"bytes", both_ways([&](Direction d) { return session.total_bytes(d); })},
                           {"ingress", interface_name(names.network, session.ingress)},
                           {"egress", interface_name(names.network, session.egress)},
                           {"domain", domain_name(names.network, session.segment().domain_id())},
                           {"worker", worker}};
  if (session.naming != Naming::kNone) json["application"] = application_text(session);
  if (session.has(Session::kRefused)) json["refused"] = "application";
  if (session.inspection != 0)
    json["inspection"] = session.inspection == Session::kBlocked ? "blocked" : "under_way";
  if (net::protocol::is_icmp(protocol)) json["icmp_id"] = ends.initiator_port;
  const flow::VlanTags tags = session.segment().tags();
  if (tags.outer != 0) json["outer_vlan"] = tags.outer;
  if (tags.vlan != 0) json["vlan"] = tags.vlan;
  return json;
}

}  // namespace millrace::firewall
