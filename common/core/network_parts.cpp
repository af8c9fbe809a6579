// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/network_parts.h"

#include <cstring>

#include "common/net/wire.h"

namespace millrace::core {
namespace {

constexpr std::size_t kVlanIds = 4096;

void put16(std::uint8_t* at, std::uint16_t value) {
  const be16 wire(value);
  std::memcpy(at, &wire, sizeof wire);
}

void connect_one_way(Network& network, PortId from, PortId to) {
  NextHop hop;
  hop.kind = NextHop::Kind::kWire;
  hop.port = to;
  hop.interface = network.ports[to.value()].untagged;
  hop.mtu = network.interfaces[hop.interface.value()].mtu;
  const NextHopId id(static_cast<std::uint32_t>(network.next_hops.size()));
  network.next_hops.push_back(hop);
  network.wire[from.value()] = id;
  network.wire_back[to.value()] = id;
}

}  // namespace

void add_interface(Network& network, Interface interface) {
  const InterfaceId id(static_cast<std::uint16_t>(network.interfaces.size()));
  if (interface.tunnel != 0 || interface.overlay || interface.service) {
    network.interfaces.push_back(std::move(interface));
    return;
  }
  PortTags& tags = network.ports[interface.port.value()];
  if (interface.outer_vlan == 0) {
    tags.untagged = id;
  } else if (interface.inner_vlan == 0) {
    if (tags.by_vlan.empty()) tags.by_vlan.resize(kVlanIds);
    tags.by_vlan[interface.outer_vlan] = id;
  } else {
    tags.by_two_tags.push_back({interface.outer_vlan, interface.inner_vlan, id});
  }
  network.interfaces.push_back(std::move(interface));
}

namespace {

// Leads frames of an overlay the short way, where that is possible.
void add_ordinary(Network& network, const Overlay& overlay, const Interface& below, InterfaceId id) {
  using net::OverlayType;
  const bool geneve = overlay.end.type == OverlayType::kGeneve;
  if (!overlay.end.local.is_v4() || !overlay.end.ethernet || below.outer_vlan != 0 ||
      (!geneve && overlay.end.type != OverlayType::kVxlan))
    return;
  OverlayTable::OrdinaryKey key{.vni = be32(overlay.end.id << 8).wire()};
  OverlayTable::Ordinary ordinary{
      .udp_port = be16(overlay.end.udp_port), .port = below.port, .mac = below.mac, .interface = id};
  // RFC 7348 section 5: the I flag; RFC 8926 section 3.4: no options, no flags, a frame.
  ordinary.shim_mask = geneve ? 0xffffffffU : be32(std::uint32_t{net::VxlanHeader::kVni} << 24).wire();
  ordinary.shim_value = geneve ? be32(net::ether_type::kBridged).wire() : ordinary.shim_mask;
  for (const net::IpAddress& peer : overlay.peers) {
    const std::array<be32, 2> addresses = {peer.v4().value, overlay.end.local.v4().value};
    std::memcpy(&key.addresses, addresses.data(), sizeof key.addresses);
    network.overlays.add(key, ordinary);
  }
}

}  // namespace

void connect_overlays(Network& network) {
  for (std::size_t i = 0; i < network.interfaces.size(); ++i) {
    Interface& interface = network.interfaces[i];
    if (!interface.overlay || !interface.up) continue;
    Overlay& overlay = *interface.overlay;
    const auto below = std::ranges::find_if(network.interfaces, [&](const Interface& one) {
      return one.up && one.port.valid() && one.has(overlay.end.local);
    });
    if (below == network.interfaces.end()) continue;
    overlay.under = interface_id(network, *below);
    OverlayTable::Key key{overlay.end.local, {}, overlay.end.type, below->domain, overlay.end.id};
    const InterfaceId id(static_cast<std::uint16_t>(i));
    for (const net::IpAddress& peer : overlay.peers) {
      key.remote = peer;
      network.overlays.add(key, overlay.end.udp_port, id);
    }
    add_ordinary(network, overlay, *below, id);
    if (!overlay.learns) continue;
    key.remote =
        overlay.end.local.is_v4() ? net::IpAddress(net::Ipv4Address{}) : net::IpAddress(net::Ipv6Address{});
    network.overlays.add(key, overlay.end.udp_port, id);
  }
}

void connect_services(Network& network, InterfaceId a, InterfaceId b) {
  const auto connect = [&](InterfaceId from, InterfaceId to) {
    Interface& interface = network.interfaces[from.value()];
    NextHop hop;
    hop.kind = NextHop::Kind::kService;
    hop.interface = to;
    hop.port = interface.port;
    hop.mtu = interface.mtu;
    interface.service->partner = to;
    interface.service->back = NextHopId(static_cast<std::uint32_t>(network.next_hops.size()));
    network.next_hops.push_back(hop);
    network.services.add(interface.port, *interface.service, from);
  };
  connect(a, b);
  if (a != b) connect(b, a);
}

InterfaceId interface_id(const Network& network, const Interface& interface) {
  return InterfaceId(static_cast<std::uint16_t>(&interface - network.interfaces.data()));
}

NextHop forward_hop(const Network& network, InterfaceId interface_number, const net::MacAddress& neighbor) {
  const Interface& interface = network.interfaces[interface_number.value()];
  NextHop hop;
  hop.kind = NextHop::Kind::kForward;
  hop.interface = interface_number;
  hop.port = interface.port;
  hop.mtu = interface.mtu;
  std::uint8_t* at = hop.rewrite.data();
  std::memcpy(at, neighbor.bytes.data(), 6);
  std::memcpy(at + 6, interface.mac.bytes.data(), 6);
  at += 12;
  if (interface.outer_vlan != 0) {
    put16(at, interface.outer_is_service_tag ? net::ether_type::kQinQ : net::ether_type::kVlan);
    put16(at + 2, interface.outer_vlan);
    at += sizeof(net::VlanTag);
  }
  if (interface.inner_vlan != 0) {
    put16(at, net::ether_type::kVlan);
    put16(at + 2, interface.inner_vlan);
    at += sizeof(net::VlanTag);
  }
  hop.rewrite_length = static_cast<std::uint8_t>(at + 2 - hop.rewrite.data());
  return hop;
}

void connect_wire(Network& network, PortId a, PortId b) {
  network.forwarding = Forwarding::kTransparent;
  connect_one_way(network, a, b);
  connect_one_way(network, b, a);
  for (const PortId port : {a, b}) {
    PortTags& tags = network.ports[port.value()];
    tags.by_vlan.assign(kVlanIds, tags.untagged);
    tags.any_two_tags = tags.untagged;
  }
}

bool Network::leads_by(DomainId domain, const net::IpAddress& address, InterfaceId interface) const noexcept {
  const auto leads = [&](NextHopId id) {
    const NextHop& hop = next_hops[id.value()];
    return (hop.kind == NextHop::Kind::kForward || hop.kind == NextHop::Kind::kResolve) &&
           hop.interface == interface;
  };
  const std::uint32_t found = domains[domain.value()].routes.lookup(address);
  if (found == net::PrefixTable::kNoMatch) return false;
  if (found < Domain::kSpread) return leads(NextHopId(found));
  return std::ranges::any_of(spreads[found - Domain::kSpread].buckets(), leads);
}

}  // namespace millrace::core
