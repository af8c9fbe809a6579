// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/packet_path.h"

#include <algorithm>
#include <boost/json.hpp>

#include "common/control/profile/text.h"
#include "common/control/protocol.h"
#include "common/core/address_checks.h"
#include "common/core/owner.h"
#include "common/net/wire.h"

namespace millrace::appliance {
namespace {

using Kind = core::NextHop::Kind;

template <class Reason>
std::uint8_t number(Reason reason) noexcept {
  return static_cast<std::uint8_t>(reason);
}

Result<core::InterfaceId> find_ingress(const core::Network& network,
                                       const std::optional<std::string>& interface,
                                       const core::Packet& packet) {
  const auto wrong = [](std::string reason) {
    return failure("explain the packet", std::move(reason), "interface");
  };
  if (interface) {
    const auto found = std::ranges::find(network.interfaces, *interface, &core::Interface::name);
    if (found == network.interfaces.end())
      return wrong("no interface is named " + control::quote(*interface));
    return core::InterfaceId(static_cast<std::uint16_t>(found - network.interfaces.begin()));
  }
  if (network.forwarding == core::Forwarding::kTransparent) {
    return wrong("is missing; in transparent forwarding no route tells where the packet comes in");
  }
  if (!network.domains.empty()) {
    const core::NextHopId back = network.find_route(core::DomainId(0), packet.source());
    if (back.valid() && network.next_hops[back.value()].interface.valid()) {
      return network.next_hops[back.value()].interface;
    }
  }
  return wrong("is missing, and no route to the source tells where the packet comes in");
}

void find_route(const core::Network& network, core::Packet& packet, PacketPath& path) {
  if (network.forwarding == core::Forwarding::kTransparent) {
    packet.next_hop = network.wire[packet.port.value()];
  } else {
    const core::ServicePath* service = network.service_of(packet.ingress);
    const auto flow = [&] { return core::flow_hash(packet.headers, packet.first_segment()); };
    packet.next_hop =
        service != nullptr ? service->back : network.find_route(packet.domain, packet.destination(), flow);
  }
  path.checks.push_back({"route", packet.next_hop.valid() ? std::uint8_t{0} : number(core::Drop::kNoRoute)});
  if (!packet.next_hop.valid()) return;
  path.hop = &network.next_hops[packet.next_hop.value()];
  packet.egress = path.hop->interface;
  path.to_host = path.hop->kind == Kind::kHost;
}

}  // namespace

std::string_view kind_name(core::NextHop::Kind kind) noexcept {
  switch (kind) {
    case Kind::kForward:
      return "forward";
    case Kind::kResolve:
      return "resolve";
    case Kind::kHost:
      return "host";
    case Kind::kFunction:
      return "function";
    case Kind::kBlackhole:
      return "blackhole";
    case Kind::kProhibited:
      return "prohibited";
    case Kind::kUnreachable:
      return "unreachable";
    case Kind::kTunnel:
      return "tunnel";
    case Kind::kWire:
      return "wire";
    case Kind::kService:
      return "service forwarder";
  }
  return "unknown";
}

boost::json::object describe(const control::PacketDescription& packet) {
  boost::json::object out{{"source", packet.source.to_string()},
                          {"destination", packet.destination.to_string()},
                          {"protocol", control::protocol_name(packet.protocol)},
                          {"dscp", packet.dscp}};
  if (control::has_ports(packet.protocol)) {
    out["source_port"] = packet.source_port;
    out["destination_port"] = packet.destination_port;
  }
  if (net::protocol::is_icmp(packet.protocol)) {
    out["icmp_type"] = packet.icmp_type;
    out["icmp_code"] = packet.icmp_code;
  }
  if (packet.outer_vlan != 0) out["outer_vlan"] = packet.outer_vlan;
  if (packet.vlan != 0) out["vlan"] = packet.vlan;
  if (packet.protocol == net::protocol::kTcp) out["tcp_flags"] = control::print_tcp_flags(packet.tcp_flags);
  return out;
}

const core::DropReason& reason_of(std::uint8_t id, std::span<const core::DropReason> functions) noexcept {
  return id < core::kFirstFunctionReason ? core::core_drop_reasons()[id]
                                         : functions[id - core::kFirstFunctionReason];
}

boost::json::array describe(const std::vector<PathCheck>& checks,
                            std::span<const core::DropReason> functions) {
  boost::json::array out;
  for (const PathCheck& check : checks) {
    boost::json::object one{{"check", check.name}, {"passed", check.reason == 0}};
    if (check.reason != 0) {
      const core::DropReason& reason = reason_of(check.reason, functions);
      one["reason"] = reason.name;
      one["sentence"] = reason.sentence;
    }
    out.push_back(std::move(one));
  }
  return out;
}

Result<PacketPath> find_path(const core::Network& network, const std::optional<std::string>& interface,
                             core::Packet& packet) {
  if (network.forwarding == core::Forwarding::kRouted && packet.headers.outer_vlan != 0) {
    return failure("explain the packet",
                   "has no meaning in routed forwarding, where each VLAN has its interface; name that one",
                   "vlan");
  }
  const auto ingress = find_ingress(network, interface, packet);
  if (!ingress) return tl::unexpected(ingress.error());
  const core::Interface& arrival = network.interfaces[ingress->value()];
  packet.ingress = *ingress;
  packet.port = arrival.port;
  packet.domain = network.forwarding == core::Forwarding::kRouted ? arrival.domain : core::DomainId(0);

  PacketPath path;
  path.ingress_found_by = interface ? "description" : "route to the source";
  if (network.forwarding == core::Forwarding::kRouted) {
    path.checks.push_back({"interface", arrival.up ? std::uint8_t{0} : number(core::Drop::kInterfaceDown)});
    if (path.refused()) return path;
  }
  // On a wire and on a service path addresses are nobody's to judge.
  if (network.forwarding == core::Forwarding::kRouted && network.service_of(packet.ingress) == nullptr) {
    const core::AddressVerdict addresses = core::judge_addresses(packet);
    path.checks.push_back({"addresses", number(addresses.reason)});
    path.to_host = addresses.to_host;
    if (path.refused() || path.to_host) return path;
  }
  find_route(network, packet, path);
  return path;
}

}  // namespace millrace::appliance
