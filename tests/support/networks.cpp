// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/networks.h"

#include <cstring>
#include <stdexcept>

#include "common/core/network_parts.h"
#include "common/core/overlay_hops.h"

namespace millrace::testing {

using core::NextHop;
using core::NextHopId;

net::MacAddress interface_mac(unsigned n) { return {{2, 0, 0, 0, 1, static_cast<std::uint8_t>(n)}}; }
net::MacAddress neighbor_mac(unsigned n) { return {{2, 0, 0, 0, 2, static_cast<std::uint8_t>(n)}}; }

NetworkBuilder& NetworkBuilder::interface(core::PortId port, std::string name,
                                          const std::vector<std::string>& addresses, std::uint16_t vlan,
                                          std::uint16_t inner_vlan, std::uint16_t domain) {
  core::Interface interface;
  interface.name = std::move(name);
  interface.port = port;
  interface.outer_vlan = vlan;
  interface.inner_vlan = inner_vlan;
  interface.domain = core::DomainId(domain);
  network_.port_up[port.value()] = true;
  return add(std::move(interface), addresses);
}

NetworkBuilder& NetworkBuilder::tunnel(std::uint32_t number, std::string name,
                                       const std::vector<std::string>& addresses) {
  core::Interface interface;
  interface.name = std::move(name);
  interface.tunnel = number;
  network_.to_host = NextHopId(static_cast<std::uint32_t>(network_.next_hops.size()));
  network_.next_hops.emplace_back().kind = NextHop::Kind::kHost;
  return add(std::move(interface), addresses);
}

NetworkBuilder& NetworkBuilder::overlay(core::Overlay overlay, std::string name,
                                        const std::vector<std::string>& addresses, std::uint16_t domain) {
  core::Interface interface;
  interface.name = std::move(name);
  interface.overlay = std::move(overlay);
  interface.domain = core::DomainId(domain);
  return add(std::move(interface), addresses);
}

NetworkBuilder& NetworkBuilder::service(core::PortId port, std::string name, core::ServicePath path,
                                        std::uint16_t domain) {
  core::Interface interface;
  interface.name = std::move(name);
  interface.port = port;
  interface.service = path;
  interface.domain = core::DomainId(domain);
  network_.port_up[port.value()] = true;
  add(std::move(interface), {});
  network_.interfaces.back().mac = interface_mac(port.value());  // the port's
  return *this;
}

NetworkBuilder& NetworkBuilder::chain(std::string_view a, std::string_view b) {
  core::connect_services(network_, core::interface_id(network_, find(a)),
                         core::interface_id(network_, find(b)));
  return *this;
}

NetworkBuilder& NetworkBuilder::station(std::string_view mac, std::string_view far_end) {
  stations_.push_back({core::interface_id(network_, network_.interfaces.back()), *net::MacAddress::parse(mac),
                       *net::IpAddress::parse(far_end)});
  return *this;
}

NetworkBuilder& NetworkBuilder::add(core::Interface interface, const std::vector<std::string>& addresses) {
  const auto id = core::InterfaceId(static_cast<std::uint16_t>(network_.interfaces.size()));
  const std::uint16_t domain = interface.domain.value();
  interface.mac = interface_mac(id.value());
  while (network_.domains.size() <= domain)
    network_.domains.push_back({"domain" + std::to_string(domain), {}});
  core::add_interface(network_, std::move(interface));
  for (const std::string& text : addresses) {
    const auto address = net::InterfaceAddress::parse(text);
    if (!address) throw std::invalid_argument(text);
    network_.interfaces.back().addresses.push_back(*address);
    NextHop host;
    host.kind = NextHop::Kind::kHost;
    host.interface = id;
    add(net::Prefix::of(address->address, address->address.bits()).to_string(), domain, host);
  }
  return *this;
}

NetworkBuilder& NetworkBuilder::mtu(std::uint16_t bytes) {
  network_.interfaces.back().mtu = bytes;
  return *this;
}

NetworkBuilder& NetworkBuilder::port_down() {
  network_.port_up[network_.interfaces.back().port.value()] = false;
  return *this;
}

NetworkBuilder& NetworkBuilder::removed(std::string name) {
  core::Interface interface;
  interface.name = std::move(name);
  interface.up = false;
  network_.interfaces.push_back(std::move(interface));
  return *this;
}

const core::Interface& NetworkBuilder::find(std::string_view name) const {
  for (const auto& interface : network_.interfaces) {
    if (interface.name == name) return interface;
  }
  throw std::invalid_argument(std::string(name));
}

void NetworkBuilder::add(std::string_view prefix, std::uint16_t domain, const NextHop& hop) {
  const auto parsed = net::Prefix::parse(prefix);
  if (!parsed) throw std::invalid_argument(std::string(prefix));
  routes_.push_back({domain, {*parsed, static_cast<std::uint32_t>(network_.next_hops.size())}});
  network_.next_hops.push_back(hop);
}

NetworkBuilder& NetworkBuilder::route(std::string_view prefix, std::string_view interface,
                                      std::string_view mac) {
  const core::Interface& out = find(interface);
  NextHop hop;
  if (out.tunnel == 0) {
    hop = core::forward_hop(network_, core::interface_id(network_, out), *net::MacAddress::parse(mac));
  } else {
    hop.kind = NextHop::Kind::kTunnel;
    hop.interface = core::interface_id(network_, out);
    hop.mtu = out.mtu;
  }
  add(prefix, out.domain.value(), hop);
  return *this;
}

NetworkBuilder& NetworkBuilder::route_in(std::uint16_t domain, std::string_view prefix,
                                         std::string_view interface, std::string_view mac) {
  const core::Interface& out = find(interface);
  add(prefix, domain,
      core::forward_hop(network_, core::interface_id(network_, out), *net::MacAddress::parse(mac)));
  return *this;
}

NetworkBuilder& NetworkBuilder::function(std::string_view prefix, std::string_view interface) {
  const core::Interface& side = find(interface);
  NextHop hop;
  hop.kind = NextHop::Kind::kFunction;
  hop.interface = core::interface_id(network_, side);
  hop.mtu = side.mtu;
  add(prefix, side.domain.value(), hop);
  return *this;
}

NetworkBuilder& NetworkBuilder::function_routes() {
  network_.interfaces.back().function_routes = true;
  return *this;
}

NetworkBuilder& NetworkBuilder::function_port(std::uint16_t port) {
  network_.interfaces.back().function_port = port;
  return *this;
}

NetworkBuilder& NetworkBuilder::function_own() {
  network_.interfaces.back().function_own = true;
  return *this;
}

NetworkBuilder& NetworkBuilder::function_errors() {
  network_.interfaces.back().function_errors = true;
  return *this;
}

NetworkBuilder& NetworkBuilder::unresolved(std::string_view prefix, std::string_view interface) {
  const core::Interface& out = find(interface);
  NextHop hop;
  hop.kind = NextHop::Kind::kResolve;
  hop.interface = core::interface_id(network_, out);
  hop.port = out.port;
  add(prefix, out.domain.value(), hop);
  return *this;
}

NetworkBuilder& NetworkBuilder::blackhole(std::string_view prefix) {
  NextHop hop;
  hop.kind = NextHop::Kind::kBlackhole;
  add(prefix, 0, hop);
  return *this;
}

NetworkBuilder& NetworkBuilder::prohibited(std::string_view prefix) {
  add(prefix, 0, NextHop{});
  return *this;
}

NetworkBuilder& NetworkBuilder::unreachable(std::string_view prefix) {
  NextHop hop;
  hop.kind = NextHop::Kind::kUnreachable;
  add(prefix, 0, hop);
  return *this;
}

NetworkBuilder& NetworkBuilder::wire(core::PortId a, core::PortId b) {
  interface(a, "wire" + std::to_string(a.value()), {});
  interface(b, "wire" + std::to_string(b.value()), {});
  return connect(a, b);
}

NetworkBuilder& NetworkBuilder::connect(core::PortId a, core::PortId b) {
  core::connect_wire(network_, a, b);
  return *this;
}

NetworkBuilder& NetworkBuilder::passing(core::PassedFrames frames) {
  network_.passed_frames = std::move(frames);
  return *this;
}

std::shared_ptr<const core::Network> NetworkBuilder::build() {
  for (std::size_t domain = 0; domain < network_.domains.size(); ++domain) {
    std::vector<net::PrefixTable::Entry> entries;
    for (const Entry& entry : routes_) {
      if (entry.domain == domain) entries.push_back(entry.route);
    }
    network_.domains[domain].routes = net::PrefixTable(entries);
  }
  core::Network whole = network_;
  core::connect_overlays(whole);
  core::Stations stations;
  for (const Station& one : stations_) stations[one.interface][one.mac] = one.far_end;
  static_cast<void>(core::finish_overlay_hops(whole, stations));
  return std::make_shared<const core::Network>(std::move(whole));
}

}  // namespace millrace::testing
