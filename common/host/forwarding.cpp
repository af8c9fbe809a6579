// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/forwarding.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "common/base/crc32c.h"
#include "common/core/network_parts.h"

namespace millrace::host {
namespace {

using core::InterfaceId;
using Hop = core::NextHop;

class Builder {
 public:
  Builder(const core::Network& skeleton, const Model& model, const LinkMap& links,
          const core::Stations& stations)
      : network_(std::make_shared<core::Network>(skeleton)),
        model_(model),
        links_(links),
        stations_(stations),
        entries_(skeleton.domains.size()) {
    state_.gateways.resize(network_->next_hops.size());
  }

  ForwardingState build() {
    network_->to_host = core::NextHopId(hop(Hop::Kind::kHost, InterfaceId::none(), std::nullopt, nullptr));
    for (const core::FunctionPrefix& function : network_->function_prefixes) {
      entries_[function.domain.value()].push_back(
          {function.prefix, hop(Hop::Kind::kFunction, function.interface, std::nullopt, nullptr)});
    }
    model_.each_route([&](const Route& route) { add_route(route); });
    std::vector<std::size_t> routes;
    for (std::size_t domain = 0; domain < entries_.size(); ++domain) {
      network_->domains[domain].routes = net::PrefixTable(entries_[domain]);
      routes.push_back(entries_[domain].size());
    }
    for (const auto& [key, neighbor] : model_.neighbors()) add_neighbor(neighbor);
    for (std::size_t domain = 0; domain < entries_.size(); ++domain) {
      if (entries_[domain].size() != routes[domain])
        network_->domains[domain].routes = net::PrefixTable(entries_[domain]);
    }
    finish_overlays();
    state_.network = network_;
    return std::move(state_);
  }

 private:
  using HopKey = std::tuple<Hop::Kind, InterfaceId, std::optional<net::IpAddress>>;

  std::uint32_t hop(Hop::Kind kind, InterfaceId interface, const std::optional<net::IpAddress>& gateway,
                    const net::MacAddress* mac) {
    const auto [place, added] = known_.try_emplace({kind, interface, gateway}, network_->next_hops.size());
    if (!added) return place->second;
    Hop made;
    if (mac != nullptr) {
      made = core::forward_hop(*network_, interface, *mac);
    } else {
      made.kind = kind;
      made.interface = interface;
      if (interface.valid()) {
        made.port = network_->interfaces[interface.value()].port;
        made.mtu = network_->interfaces[interface.value()].mtu;
      }
    }
    network_->next_hops.push_back(made);
    state_.gateways.push_back(gateway);
    return place->second;
  }

  [[nodiscard]] const net::MacAddress* mac_of(const NeighborKey& key) const {
    const Neighbor* neighbor = model_.find_neighbor(key);
    return neighbor != nullptr && neighbor->usable() ? &neighbor->mac : nullptr;
  }

  // One of a route's next hops, as far as it is known.
  struct Candidate {
    std::uint32_t hop;
    bool known;
    std::uint64_t name;
    std::uint16_t weight;
  };

  std::optional<Candidate> candidate(const NextHop& from) {
    const auto found = links_.interfaces.find(from.link);
    if (found == links_.interfaces.end()) return std::nullopt;
    const InterfaceId id = found->second;
    const core::Interface& interface = network_->interfaces[id.value()];
    const auto made = [&](std::uint32_t number, bool known) {
      const std::string neighbor = from.gateway ? from.gateway->to_string() : std::string();
      const std::uint64_t name = std::uint64_t{crc32c(interface.name)} << 32U | crc32c(neighbor);
      return Candidate{number, known, name, from.weight};
    };
    // At the other end of a tunnel is nobody to be asked for.
    constexpr net::MacAddress kNobody{};
    if (interface.is_point_to_point())
      return made(interface.overlay ? hop(Hop::Kind::kForward, id, std::nullopt, &kNobody)
                                    : hop(Hop::Kind::kTunnel, id, std::nullopt, nullptr),
                  true);
    if (!from.gateway) return made(hop(Hop::Kind::kResolve, id, std::nullopt, nullptr), true);
    const NeighborKey key{from.link, *from.gateway};
    state_.neighbors_in_use.insert(key);
    const auto* mac = mac_of(key);
    const bool up = !interface.port.valid() || network_->port_up[interface.port.value()];
    return made(hop(mac != nullptr ? Hop::Kind::kForward : Hop::Kind::kResolve, id, from.gateway, mac),
                mac != nullptr && up);
  }

  // The value of a unicast route: its next hops that are known; else the first one, to be resolved.
  std::optional<std::uint32_t> way(const Route& route) {
    std::vector<core::Spread::Way> ways;
    std::optional<std::uint32_t> first;
    for (const NextHop& from : route.next_hops) {
      const auto one = candidate(from);
      if (!one) continue;
      if (!first) first = one->hop;
      if (one->known) ways.push_back({core::NextHopId(one->hop), one->name, one->weight});
    }
    if (ways.empty()) return first;
    return ways.size() == 1 ? ways.front().hop.value() : spread(ways);
  }

  // Routes with the same ways share them. What a table of routes has for them.
  std::uint32_t spread(const std::vector<core::Spread::Way>& ways) {
    std::vector<std::pair<std::uint32_t, std::uint16_t>> key;
    key.reserve(ways.size());
    for (const auto& way : ways) key.emplace_back(way.hop.value(), way.weight);
    const auto number = static_cast<std::uint32_t>(network_->spreads.size());
    const auto [place, added] = spreads_.try_emplace(std::move(key), number);
    if (added) network_->spreads.emplace_back(ways);
    return core::Domain::kSpread + place->second;
  }

  // Of what a table of routes has; of several ways the first one's.
  [[nodiscard]] InterfaceId interface_of(std::uint32_t value) const {
    const std::uint32_t hop =
        value < core::Domain::kSpread
            ? value
            : network_->spreads[value - core::Domain::kSpread].buckets().front().value();
    return network_->next_hops[hop].interface;
  }

  std::optional<std::uint32_t> value(const Route& route) {
    InterfaceId interface;
    if (!route.next_hops.empty()) {
      const auto found = links_.interfaces.find(route.next_hops.front().link);
      if (found != links_.interfaces.end()) interface = found->second;
    }
    switch (route.kind) {
      case RouteKind::kUnicast:
        return way(route);
      case RouteKind::kLocal:
        return hop(is_functions(route) ? Hop::Kind::kFunction : Hop::Kind::kHost, interface, std::nullopt,
                   nullptr);
      case RouteKind::kBroadcast:
      case RouteKind::kAnycast:
        return hop(Hop::Kind::kHost, interface, std::nullopt, nullptr);
      case RouteKind::kBlackhole:
        return hop(Hop::Kind::kBlackhole, interface, std::nullopt, nullptr);
      case RouteKind::kUnreachable:
        return hop(Hop::Kind::kUnreachable, interface, std::nullopt, nullptr);
      case RouteKind::kProhibit:
        return hop(Hop::Kind::kProhibited, interface, std::nullopt, nullptr);
      case RouteKind::kMulticast:
        return std::nullopt;  // ingress knows groups without a table
    }
    return std::nullopt;
  }

  // An interface's own address that the function answers for, too.
  [[nodiscard]] bool is_functions(const Route& route) const {
    if (route.kind != RouteKind::kLocal) return false;
    return std::ranges::any_of(network_->function_prefixes, [&](const core::FunctionPrefix& function) {
      if (!function.prefix.contains(route.prefix)) return false;
      const auto domains = links_.domains.find(route.table);
      return std::ranges::find(domains->second, function.domain) != domains->second.end();
    });
  }

  void add_route(const Route& route) {
    const auto domains = links_.domains.find(route.table);
    if (domains == links_.domains.end()) return;
    const auto number = value(route);
    if (!number) return;
    const InterfaceId interface = interface_of(*number);
    for (const core::DomainId domain : domains->second) {
      // A table that serves several domains holds routes of all of them: each keeps those of its own
      // interfaces.
      const bool foreign = domains->second.size() > 1 && interface.valid() &&
                           network_->interfaces[interface.value()].domain != domain;
      if (!foreign) entries_[domain.value()].push_back({route.prefix, *number});
    }
  }

  void add_neighbor(const Neighbor& neighbor) {
    const auto found = links_.interfaces.find(neighbor.key.link);
    if (found == links_.interfaces.end() || !neighbor.usable()) return;
    const net::IpAddress& address = neighbor.key.address;
    if (!address.is_v4() && address.v6().is_link_local()) return;  // never a destination to forward to
    const core::DomainId domain = network_->interfaces[found->second.value()].domain;
    if (!on_link(domain, found->second, address)) return;
    state_.neighbors_in_use.insert(neighbor.key);
    const std::uint32_t number = hop(Hop::Kind::kForward, found->second, address, &neighbor.mac);
    entries_[domain.value()].push_back({net::Prefix::of(address, address.bits()), number});
  }

  // Far ends are asked for at once, and not only when a packet waits.
  void finish_overlays() {
    const core::UnfinishedOverlays unfinished = core::finish_overlay_hops(*network_, stations_);
    std::map<InterfaceId, LinkIndex> links;
    for (const auto& [link, interface] : links_.interfaces) links[interface] = link;
    for (const auto& [hop, far_end] : unfinished.far_ends)
      state_.neighbors_in_use.insert(
          {links.at(network_->next_hops[hop.value()].interface), asked(hop, far_end)});
    for (const auto& [number, below] : unfinished.hops) {
      state_.gateways[number] = asked(below.hop, below.far_end);
      state_.asked_below[number] = network_->next_hops[below.hop.value()].interface;
    }
  }

  [[nodiscard]] net::IpAddress asked(core::NextHopId hop, const net::IpAddress& destination) const {
    return state_.gateways[hop.value()].value_or(destination);
  }

  // A neighbour counts only where the routes lead to it itself: a gateway elsewhere is not a destination
  // there, nor is one whose address has a route of its own.
  [[nodiscard]] bool on_link(core::DomainId domain, InterfaceId interface,
                             const net::IpAddress& address) const {
    const core::NextHopId by = network_->find_route(domain, address);
    if (!by.valid() || state_.gateways[by.value()]) return false;
    const Hop& hop = network_->next_hops[by.value()];
    return hop.kind == Hop::Kind::kResolve && hop.interface == interface;
  }

  std::shared_ptr<core::Network> network_;
  const Model& model_;
  const LinkMap& links_;
  const core::Stations& stations_;
  ForwardingState state_;
  std::map<HopKey, std::uint32_t> known_;
  std::map<std::vector<std::pair<std::uint32_t, std::uint16_t>>, std::uint32_t> spreads_;
  std::vector<std::vector<net::PrefixTable::Entry>> entries_;
};

}  // namespace

ForwardingState build_forwarding(const core::Network& skeleton, const Model& model, const LinkMap& links,
                                 const core::Stations& stations) {
  return Builder(skeleton, model, links, stations).build();
}

}  // namespace millrace::host
