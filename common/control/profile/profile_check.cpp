// SPDX-License-Identifier: BSD-3-Clause
// What one value of the common profile alone does not tell. A value that could not be read has no known
// place; the checks pass over those, so that one mistake gives one error.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "common/control/profile/forwarding_schema.h"
#include "common/control/profile/overlay_schema.h"
#include "common/control/profile/qos_schema.h"
#include "common/control/profile/section.h"
#include "common/control/profile/text.h"

namespace millrace::control {
namespace {

constexpr std::uint16_t kLeastIpv6Mtu = 1280;  // RFC 8200 section 5

template <class T>
std::vector<std::string> names_of(const std::vector<T>& all) {
  std::vector<std::string> names;
  for (const T& one : all) {
    if (one.name.at.known()) names.push_back(one.name.value);
  }
  return names;
}

class Checker {
 public:
  Checker(const Profile& profile, Diagnostics& diagnostics)
      : profile_(profile),
        diagnostics_(diagnostics),
        port_names_(names_of(profile.ports)),
        interface_names_(names_of(profile.interfaces)) {}

  void run() {
    check_ports();
    for (const Interface& interface : profile_.interfaces) check_interface(interface);
    check_overlays_apart(profile_, diagnostics_);
    check_services(profile_, diagnostics_);
    check_qos(profile_, diagnostics_);
    check_addresses();
    check_telemetry();
    if (profile_.transparent()) {
      check_pairs();
    } else {
      for (const Route& route : profile_.routes) check_route(route);
      for (const Neighbor& neighbor : profile_.neighbors) check_neighbor(neighbor);
    }
  }

 private:
  void error(Position at, std::string message) { diagnostics_.error(at, std::move(message)); }

  bool port_exists(const Located<std::string>& name) {
    if (!name.at.known()) return false;
    if (profile_.port(*name) != nullptr) return true;
    error(name.at, undefined("port", *name, port_names_));
    return false;
  }

  const Interface* find_interface(const std::string& name, Position at) {
    if (!at.known()) return nullptr;
    const Interface* found = profile_.interface(name);
    if (found == nullptr) error(at, undefined("interface", name, interface_names_));
    return found;
  }

  void check_ports() {
    std::map<std::string_view, const Port*> by_device;
    for (const Port& port : profile_.ports) {
      if (!port.device.at.known()) continue;
      const auto [first, added] = by_device.emplace(*port.device, &port);
      if (added) continue;
      error(port.device.at, fmt::format("device {} is already port {}; give each port a device of its own",
                                        quote(*port.device), quote(*first->second->name)));
    }
  }

  void check_telemetry() {
    const Telemetry& telemetry = profile_.telemetry;
    if (!telemetry.flow_log || !*telemetry.flow_log->updates || telemetry.active_timeout) return;
    error(telemetry.flow_log->updates.at, "active_timeout is off, so there are no updates; give it a time");
  }

  void check_interface(const Interface& interface) {
    // lo is the kernel's own; all and default have a meaning under /proc/sys/net/*/conf.
    for (const char* taken : {"lo", "all", "default"}) {
      if (interface.name.at.known() && *interface.name == taken) {
        error(interface.name.at,
              fmt::format("interface name '{}' has a meaning of its own in Linux; choose another", taken));
      }
    }
    if (interface.outer_vlan.at.known() && !interface.vlan.value) {
      error(interface.outer_vlan.at,
            "outer_vlan without vlan; give the inner tag as vlan, or, for packets with one tag, use vlan "
            "alone");
    }
    if (!port_exists(interface.port)) return;
    const Port& port = *profile_.port(*interface.port);
    if (interface.overlay()) return check_overlay(profile_, interface, diagnostics_);
    if (interface.service() != nullptr) return;
    const auto tags =
        std::tuple(std::string_view(*interface.port), interface.vlan.value, interface.outer_vlan.value);
    const auto [first, added] = by_tags_.emplace(tags, &interface);
    if (!added) {
      error(interface.port.at,
            fmt::format(
                "interface {} already has the packets of port {} with these tags; give one of them another "
                "vlan or port",
                quote(*first->second->name), quote(*interface.port)));
    }
    if (interface.mtu.value && *interface.mtu.value > port.mtu) {
      error(interface.mtu.at,
            fmt::format("mtu {} is more than the {} of port {}; give at most {}, or raise the port's",
                        *interface.mtu.value, port.mtu, quote(*port.name), port.mtu));
    }
  }

  void check_addresses() {
    struct Known {
      net::InterfaceAddress address;
      Position at;
      const Interface* interface;
    };
    std::map<std::string_view, std::vector<Known>> domains;
    for (const Interface& interface : profile_.interfaces) {
      for (const auto& given : interface.address) {
        const net::InterfaceAddress& address = *given;
        const Position at = given.at;
        if (profile_.transparent()) {
          error(at,
                "an address in transparent forwarding, which has none; remove it, or use forwarding: routed");
          continue;
        }
        if (!usable(address, at)) continue;
        if (!address.address.is_v4() && profile_.mtu_of(interface) < kLeastIpv6Mtu) {
          error(at, fmt::format("an IPv6 address needs an MTU of at least {}, and here it is {}; raise it",
                                kLeastIpv6Mtu, profile_.mtu_of(interface)));
        }
        const bool link_local = !address.address.is_v4() && address.address.v6().is_link_local();
        auto& known = domains[*interface.domain];
        const auto clash = std::ranges::find_if(known, [&](const Known& other) {
          if (other.interface == &interface || link_local) {
            return other.interface == &interface && other.address.address == address.address;
          }
          return other.address.subnet().overlaps(address.subnet());
        });
        if (clash == known.end()) {
          known.push_back({address, at, &interface});
        } else if (clash->address.address == address.address) {
          error(at, fmt::format("address {} is given twice, first in line {}; remove one of them",
                                address.address.to_string(), clash->at.line));
        } else {
          error(at,
                fmt::format(
                    "subnet {} overlaps {} of interface {} (line {}) in domain {}; change one of them, or "
                    "put the interfaces in different domains",
                    address.subnet().to_string(), clash->address.subnet().to_string(),
                    quote(*clash->interface->name), clash->at.line, quote(*interface.domain)));
        }
      }
    }
  }

  bool usable(const net::InterfaceAddress& address, Position at) {
    const net::IpAddress& host = address.address;
    const auto wrong = [&](std::string_view what) {
      error(at, fmt::format("{} {}; give the address of a host in its subnet", address.to_string(), what));
      return false;
    };
    if (host.is_v4()) {
      const std::uint32_t value = host.v4().value.host();
      if (value >> 24U == 0) return wrong("is in 0.0.0.0/8, which names no host");
      if (value >> 24U == 127) return wrong("is a loopback address");
      if (value >> 28U == 0xe) return wrong("is a multicast address");
      if (value >> 28U == 0xf) return wrong("is in 240.0.0.0/4, which is reserved");
      if (address.length == 0) return wrong("has a subnet of all addresses");
      if (address.length < 31) {  // RFC 3021: /31 has neither
        const std::uint32_t hosts = 0xffffffffU >> address.length;
        if ((value & hosts) == 0) return wrong("is the subnet itself");
        if ((value & hosts) == hosts) return wrong("is the broadcast address of its subnet");
      }
      return true;
    }
    const net::Ipv6Address v6 = host.v6();
    if (v6.is_multicast()) return wrong("is a multicast address");
    if (v6.high() == 0 && v6.low() <= 1) return wrong("is the unspecified or the loopback address");
    if (address.length == 0) return wrong("has a subnet of all addresses");
    return true;
  }

  void check_pairs() {
    std::map<std::string_view, Position> used;
    for (const auto& [first, second] : profile_.forwarding.value.pairs) {
      for (const auto* port : {&first, &second}) {
        if (!port_exists(*port)) continue;
        const auto [earlier, added] = used.emplace(**port, port->at);
        if (added) continue;
        error(port->at, fmt::format("port {} is in a pair already, in line {}; a port is in one pair, once",
                                    quote(**port), earlier->second.line));
      }
    }
    for (const auto& [port, at] : used) {
      if (std::ranges::none_of(profile_.interfaces,
                               [&name = port](const Interface& one) { return *one.port == name; })) {
        error(at, fmt::format("port {} has no interface; add one under interfaces", quote(port)));
      }
    }
    for (const Interface& interface : profile_.interfaces) {
      if (interface.vlan.at.known()) {
        error(interface.vlan.at,
              "a vlan in transparent forwarding, where an interface has the frames of its port with all "
              "their tags; remove it, or use forwarding: routed");
      }
      if (interface.domain.at.known()) {
        error(interface.domain.at,
              "a domain in transparent forwarding, which has none; remove it, or use forwarding: routed");
      }
      if (interface.port.at.known() && profile_.port(*interface.port) != nullptr &&
          !used.contains(*interface.port)) {
        error(interface.port.at, fmt::format("port {} is in no pair of transparent forwarding; add it to one",
                                             quote(*interface.port)));
      }
    }
    for (const Route& route : profile_.routes) {
      error(route.to.at,
            "a route in transparent forwarding, which has none; remove it, or use forwarding: routed");
    }
    for (const Neighbor& neighbor : profile_.neighbors) {
      error(neighbor.interface.at,
            "a neighbor in transparent forwarding, which has none; remove it, or use forwarding: routed");
    }
  }

  static bool needs_no_next_hop(const Interface* out) {
    if (out == nullptr) return false;
    const auto overlay = out->overlay();
    return out->tunnel.value.has_value() || (overlay && !overlay->ethernet());
  }

  void check_route(const Route& route) {
    const Interface* out = nullptr;
    if (route.interface.value) {
      out = find_interface(*route.interface.value, route.interface.at);
      if (out == nullptr) return;
      if (route.domain.value && *route.domain.value != *out->domain) {
        error(route.domain.at, fmt::format("interface {} is in domain {}; remove domain, or name that one",
                                           quote(*out->name), quote(*out->domain)));
        return;
      }
    }
    const std::string_view domain = profile_.domain_of(route);
    if (route.domain.value && std::ranges::none_of(profile_.interfaces, [&](const Interface& one) {
          return *one.domain == domain;
        })) {
      std::vector<std::string> domains;
      for (const Interface& one : profile_.interfaces) {
        if (std::ranges::find(domains, *one.domain) == domains.end()) domains.push_back(*one.domain);
      }
      error(route.domain.at, undefined("domain", domain, domains));
      return;
    }
    if (route.to.at.known()) {
      const auto [first, added] = routes_.emplace(std::tuple(domain, *route.to, route.metric), route.to.at);
      if (!added) {
        error(route.to.at,
              fmt::format("route to {} is given twice, first in line {}; remove one, or give them "
                          "different metrics",
                          route.to.value.to_string(), first->second.line));
      }
    }
    if (route.via.value) {
      check_via(route, *route.via.value, out, domain);
    } else if (route.to.at.known() && !route.via.at.known() && !needs_no_next_hop(out)) {
      error(route.to.at, "a route without via; give its next hop, or an interface that is a tunnel");
    }
  }

  void check_via(const Route& route, const net::IpAddress& via, const Interface* out,
                 std::string_view domain) {
    if (route.to.at.known() && via.family() != route.to.value.address.family()) {
      error(route.via.at, fmt::format("via {} is not of the family of {}; give a next hop of the same family",
                                      via.to_string(), route.to.value.to_string()));
      return;
    }
    if (!via.is_v4() && via.v6().is_link_local() && out == nullptr) {
      error(route.via.at, fmt::format("via {} is link-local; say which interface it is on", via.to_string()));
      return;
    }
    bool reachable = out != nullptr && !via.is_v4() && via.v6().is_link_local();
    std::vector<std::string> subnets;
    for (const Interface& interface : profile_.interfaces) {
      if ((out != nullptr && &interface != out) || *interface.domain != domain) continue;
      for (const auto& [address, at] : interface.address) {
        if (address.address == via) {
          error(route.via.at,
                fmt::format("via {} is the appliance's own address, on interface {}; give the address "
                            "of another router",
                            via.to_string(), quote(*interface.name)));
          return;
        }
        reachable = reachable || address.subnet().contains(via);
        if (address.address.family() == via.family()) subnets.push_back(address.subnet().to_string());
      }
    }
    if (reachable) return;
    error(route.via.at, fmt::format("via {} is on no subnet of {}; subnets there are {}", via.to_string(),
                                    out != nullptr ? fmt::format("interface {}", quote(*out->name))
                                                   : fmt::format("domain {}", quote(domain)),
                                    listing(subnets)));
  }

  void check_neighbor(const Neighbor& neighbor) {
    if (neighbor.mac.at.known() && (neighbor.mac->is_group() || neighbor.mac->is_zero())) {
      error(neighbor.mac.at, fmt::format("{} is not the address of one station; give a unicast MAC address",
                                         neighbor.mac->to_string()));
    }
    const Interface* on = find_interface(*neighbor.interface, neighbor.interface.at);
    if (on == nullptr || !neighbor.address.at.known()) return;
    const net::IpAddress& address = *neighbor.address;
    const auto [first, added] = neighbors_.emplace(std::tuple(on, address), neighbor.address.at);
    if (!added) {
      error(neighbor.address.at,
            fmt::format("neighbor {} is given twice, first in line {}; remove one of them",
                        address.to_string(), first->second.line));
    }
    const bool link_local = !address.is_v4() && address.v6().is_link_local();
    const bool on_link = link_local || std::ranges::any_of(on->address, [&](const auto& own) {
                           return own->subnet().contains(address) && own->address != address;
                         });
    if (on_link) return;
    error(neighbor.address.at,
          fmt::format("{} is no neighbor on interface {}; give an address of one of its subnets "
                      "other than its own",
                      address.to_string(), quote(*on->name)));
  }

  const Profile& profile_;
  Diagnostics& diagnostics_;
  std::vector<std::string> port_names_;
  std::vector<std::string> interface_names_;
  std::map<std::tuple<std::string_view, std::optional<std::uint16_t>, std::optional<std::uint16_t>>,
           const Interface*>
      by_tags_;
  std::map<std::tuple<std::string_view, net::Prefix, std::uint32_t>, Position> routes_;
  std::map<std::tuple<const Interface*, net::IpAddress>, Position> neighbors_;
};

}  // namespace

void check_common(const Profile& profile, Diagnostics& diagnostics) { Checker(profile, diagnostics).run(); }

}  // namespace millrace::control
