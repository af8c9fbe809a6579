// SPDX-License-Identifier: BSD-3-Clause
// Small networks for packet tests and benchmarks.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/network.h"

namespace millrace::testing {

// Builds a routed Network piece by piece. Interfaces, then routes; neighbours are known at once.
class NetworkBuilder {
 public:
  // An interface with the MAC address 02:00:00:00:01:<number> and its addresses as connected routes.
  NetworkBuilder& interface(core::PortId port, std::string name, const std::vector<std::string>& addresses,
                            std::uint16_t vlan = 0, std::uint16_t inner_vlan = 0, std::uint16_t domain = 0);
  // An interface that is a tunnel of this number, in domain 0. What goes no further than its link is the
  // twin's.
  NetworkBuilder& tunnel(std::uint32_t number, std::string name, const std::vector<std::string>& addresses);
  // An interface that is an overlay's.
  NetworkBuilder& overlay(core::Overlay overlay, std::string name, const std::vector<std::string>& addresses,
                          std::uint16_t domain = 0);
  // An interface that is a service path, with the MAC address interface_mac(port); and two that are the
  // directions of a chain.
  NetworkBuilder& service(core::PortId port, std::string name, core::ServicePath path,
                          std::uint16_t domain = 0);
  NetworkBuilder& chain(std::string_view a, std::string_view b);
  // Frames for a station of the overlay added last go to this far end, and no other.
  NetworkBuilder& station(std::string_view mac, std::string_view far_end);
  NetworkBuilder& mtu(std::uint16_t bytes);  // of the interface added last
  NetworkBuilder& port_down();               // likewise
  // The place of an interface that an earlier profile had.
  NetworkBuilder& removed(std::string name);
  // `prefix` by an interface, the next hop having `mac`; by a tunnel it has none.
  NetworkBuilder& route(std::string_view prefix, std::string_view interface, std::string_view mac);
  // The same in a domain that the interface is not of.
  NetworkBuilder& route_in(std::uint16_t domain, std::string_view prefix, std::string_view interface,
                           std::string_view mac);
  // Addresses that the function answers for, on the side of an interface.
  NetworkBuilder& function(std::string_view prefix, std::string_view interface);
  // What comes in by the interface added last goes to the function even without a route.
  NetworkBuilder& function_routes();
  // UDP to this port of our own addresses, by the interface added last, is the function's.
  NetworkBuilder& function_port(std::uint16_t port);
  // What is for our own addresses, by the interface added last, is first the function's.
  NetworkBuilder& function_own();
  // ICMP errors to our own addresses, by the interface added last, are first the function's.
  NetworkBuilder& function_errors();
  NetworkBuilder& unresolved(std::string_view prefix, std::string_view interface);
  NetworkBuilder& blackhole(std::string_view prefix);
  NetworkBuilder& prohibited(std::string_view prefix);
  NetworkBuilder& unreachable(std::string_view prefix);
  // Two ports as one wire, all frames through.
  NetworkBuilder& wire(core::PortId a, core::PortId b);
  NetworkBuilder& connect(core::PortId a, core::PortId b);  // which have an interface each
  NetworkBuilder& passing(core::PassedFrames frames);

  [[nodiscard]] std::shared_ptr<const core::Network> build();

 private:
  void add(std::string_view prefix, std::uint16_t domain, const core::NextHop& hop);
  NetworkBuilder& add(core::Interface interface, const std::vector<std::string>& addresses);
  [[nodiscard]] const core::Interface& find(std::string_view name) const;

  core::Network network_;
  struct Entry {
    std::uint16_t domain;
    net::PrefixTable::Entry route;
  };
  std::vector<Entry> routes_;
  struct Station {
    core::InterfaceId interface;
    net::MacAddress mac;
    net::IpAddress far_end;
  };
  std::vector<Station> stations_;
};

// The MAC addresses the builder gives: of interface n, and of a neighbour n behind it.
[[nodiscard]] net::MacAddress interface_mac(unsigned n);
[[nodiscard]] net::MacAddress neighbor_mac(unsigned n);

}  // namespace millrace::testing
