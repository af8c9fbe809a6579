// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/network_plan.h"

#include <algorithm>

#include <rte_cycles.h>

#include "common/core/network_parts.h"

namespace millrace::appliance {
namespace {

using core::InterfaceId;

// Of a tunnel's end, which has no port to give one: for its IPv6 address of the link (RFC 4291 appendix A).
net::MacAddress mac_of_tunnel(std::uint32_t tunnel, const net::MacAddress& of_machine) {
  constexpr std::uint8_t kLocallyAdministered = 2;  // IEEE 802 section 8.2.2
  net::MacAddress mac = of_machine;
  mac.bytes[0] = kLocallyAdministered;
  for (unsigned i = 0; i < 4; ++i) mac.bytes[2 + i] ^= static_cast<std::uint8_t>(tunnel >> 8 * i);
  return mac;
}

core::Overlay make_overlay(const control::Interface::OverlayOf& from) {
  core::Overlay overlay;
  overlay.end = {.type = from.type,
                 .id = from.id(),
                 .keyed = from->key.value.has_value(),
                 .ethernet = from.ethernet(),
                 .udp_port = from.udp_port(),
                 .local = *from->local,
                 .remote = {},
                 .ttl = from->ttl};
  for (const auto& far_end : from->far_ends()) overlay.peers.push_back(*far_end);
  overlay.learns = *from->learn;
  overlay.zero_checksum = from->zero_checksum;
  overlay.dscp = from->dscp;
  return overlay;
}

core::ServicePath make_service(const control::Interface& from) {
  const control::ServicePath& given = *from.service();
  core::ServicePath path;
  path.type = from.nsh ? net::ServiceType::kNsh : net::ServiceType::kMpls;
  path.path = *given.path;
  path.index = *given.index;
  constexpr std::uint8_t kBehindTheFirst = 254;
  path.own_index =
      given.own_index.value_or(path.index ? static_cast<std::uint8_t>(*path.index - 1) : kBehindTheFirst);
  return path;
}

// `port`: under it; of a tunnel any. What is under an overlay is found when all interfaces are there.
core::Interface make_interface(const control::Profile& profile, const control::Interface& from,
                               Numbering& numbering, const core::Port& port) {
  core::Interface interface;
  interface.name = *from.name;
  if (from.tunnel.value) {
    interface.tunnel = control::tunnel_number(*from.tunnel.value);
    interface.mac = mac_of_tunnel(interface.tunnel, port.mac());
  } else if (const auto overlay = from.overlay()) {
    interface.overlay = make_overlay(*overlay);
    interface.mac = mac_of_tunnel(control::tunnel_number(*from.name), port.mac());
  } else {
    interface.port = port.id();
    interface.mac = port.mac();
    if (from.service() != nullptr) interface.service = make_service(from);
  }
  interface.mtu = profile.mtu_of(from);
  interface.domain = core::DomainId(numbering.domains.of(*from.domain));
  const bool double_tagged = from.outer_vlan->has_value();
  interface.outer_vlan = double_tagged ? **from.outer_vlan : from.vlan->value_or(0);
  interface.inner_vlan = double_tagged ? from.vlan->value_or(0) : std::uint16_t{0};
  interface.outer_is_service_tag = double_tagged;
  for (const auto& address : from.address) interface.addresses.push_back(*address);
  return interface;
}

// The interface whose subnet has the gateway, unless the profile names it.
InterfaceId interface_of(const core::Network& network, const control::Route& route, core::DomainId domain) {
  for (std::size_t i = 0; i < network.interfaces.size(); ++i) {
    const core::Interface& interface = network.interfaces[i];
    if (!interface.up || interface.domain != domain) continue;
    const InterfaceId id(static_cast<std::uint16_t>(i));
    if (route.interface->has_value()) {
      if (interface.name == **route.interface) return id;
      continue;
    }
    for (const auto& address : interface.addresses) {
      if (route.via.value && address.subnet().contains(*route.via.value)) return id;
    }
  }
  return InterfaceId::none();
}

}  // namespace

std::uint16_t Numbers::of(std::string_view name) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found != names_.end()) return static_cast<std::uint16_t>(found - names_.begin());
  names_.emplace_back(name);
  return static_cast<std::uint16_t>(names_.size() - 1);
}

Result<host::TwinPlan> make_plan(const control::Profile& profile, Numbering& numbering,
                                 const FindPort& find_port) {
  host::TwinPlan plan;
  core::Network& network = plan.skeleton;
  for (const control::Interface& interface : profile.interfaces)
    static_cast<void>(numbering.interfaces.of(*interface.name));
  for (const std::string& name : numbering.interfaces.names()) {
    core::Interface made;
    made.name = name;
    made.up = false;
    if (const control::Interface* from = profile.interface(name)) {
      const std::string& under = from->tunnel.value ? *profile.ports.front().name : *from->port;
      const core::Port* port = find_port(under);
      if (port == nullptr) return failure("set up interface " + name, "port " + under + " is not open");
      made = make_interface(profile, *from, numbering, *port);
      if (made.port.valid()) network.port_up[port->id().value()] = port->link().up;
      core::add_interface(network, std::move(made));
    } else {
      network.interfaces.push_back(std::move(made));
    }
  }
  for (const std::string& name : numbering.domains.names()) network.domains.push_back({name, {}});
  core::connect_overlays(network);
  network.conditioning =
      make_conditioning(profile, numbering.interfaces.names(), rte_get_tsc_hz(), numbering.conditioning);
  // After a restart, and whatever a reload adds, the same flows take the same ways.
  if (const core::Port* first = find_port(*profile.ports.front().name); first != nullptr) {
    for (const std::uint8_t byte : first->mac().bytes) network.spread_seed = network.spread_seed << 8U | byte;
  }

  for (const control::Route& route : profile.routes) {
    const core::DomainId domain(numbering.domains.of(profile.domain_of(route)));
    const InterfaceId by = interface_of(network, route, domain);
    if (!by.valid())
      return failure("set up the route to " + route.to->to_string(), "no interface leads to its gateway");
    plan.routes.push_back({domain, *route.to, *route.via, by, route.metric});
  }
  for (const control::Neighbor& neighbor : profile.neighbors) {
    plan.neighbors.push_back(
        {InterfaceId(numbering.interfaces.of(*neighbor.interface)), *neighbor.address, *neighbor.mac});
  }
  for (const control::Pair& pair : profile.forwarding->pairs) {
    const core::Port* first = find_port(*pair.first);
    const core::Port* second = find_port(*pair.second);
    if (first == nullptr || second == nullptr)
      return failure("connect a transparent pair", "a port is not open");
    core::connect_wire(network, first->id(), second->id());
  }
  const auto id_of = [&](const std::string& name) { return InterfaceId(numbering.interfaces.of(name)); };
  for (const control::Pair& chain : profile.forwarding->chains)
    core::connect_services(network, id_of(*chain.first), id_of(*chain.second));
  const control::OtherFrames& other = profile.forwarding->other;
  network.passed_frames = {other.all, other.llc, other.spanning_tree, other.types};
  if (network.domains.size() != numbering.domains.names().size())
    return failure("number the routing domains");
  return plan;
}

}  // namespace millrace::appliance
