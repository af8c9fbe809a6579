// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/overlay_hops.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/net/ecn.h"

namespace millrace::core {
namespace {

OverlayWay make_way(const Overlay& overlay, const net::IpAddress& far_end) {
  net::OverlayEnd end = overlay.end;
  end.remote = far_end;
  OverlayWay way;
  way.outer = net::OverlayOuter(end);
  way.ethernet = end.ethernet;
  way.checksum = way.outer.is_udp() && !far_end.is_v4() && !overlay.zero_checksum;
  if (overlay.dscp) {
    way.kept_class = net::ecn::kMask;  // RFC 6040 section 4.1
    way.own_class = static_cast<std::uint8_t>(*overlay.dscp << 2);
  }
  return way;
}

net::MacAddress neighbor_of(const NextHop& hop) {
  net::MacAddress mac;
  std::memcpy(mac.bytes.data(), hop.rewrite.data(), mac.bytes.size());
  return mac;
}

class Builder {
 public:
  explicit Builder(Network& network) : network_(network) {}

  UnfinishedOverlays build(const Stations& stations) {
    network_.overlay_reach.resize(network_.interfaces.size());
    for (std::size_t i = 0; i < network_.interfaces.size(); ++i) {
      const Interface& interface = network_.interfaces[i];
      if (!interface.overlay || !interface.up) continue;
      const InterfaceId id(static_cast<std::uint16_t>(i));
      OverlayReach& reach = network_.overlay_reach[i];
      for (const net::IpAddress& peer : interface.overlay->peers) reach.everyone.push_back(way(id, peer));
      const auto known = stations.find(id);
      if (known == stations.end()) continue;
      for (const auto& [mac, far_end] : known->second) reach.stations.push_back({mac, way(id, far_end)});
    }
    for (std::uint32_t number = 0; number < network_.next_hops.size(); ++number) finish(number);
    return std::move(unfinished_);
  }

 private:
  std::uint32_t way(InterfaceId interface, const net::IpAddress& far_end) {
    const auto number = static_cast<std::uint32_t>(network_.overlay_ways.size());
    const auto [place, added] = ways_.try_emplace({interface, far_end}, number);
    if (!added) return place->second;
    const Overlay& overlay = *network_.interfaces[interface.value()].overlay;
    network_.overlay_ways.push_back(make_way(overlay, far_end));
    if (overlay.under.valid()) find_below(overlay, far_end, number);
    return number;
  }

  void find_below(const Overlay& overlay, const net::IpAddress& far_end, std::uint32_t number) {
    const DomainId domain = network_.interfaces[overlay.under.value()].domain;
    const NextHopId by = network_.find_route(domain, far_end);
    if (!by.valid()) return;
    const NextHop& below = network_.next_hops[by.value()];
    const bool leads_on = below.kind == NextHop::Kind::kForward || below.kind == NextHop::Kind::kResolve;
    // An overlay lies on ports, not on another overlay.
    if (!leads_on || network_.interfaces[below.interface.value()].overlay) return;
    if (below.kind == NextHop::Kind::kForward) {
      OverlayWay& way = network_.overlay_ways[number];
      way.outer.set_link(Bytes(below.rewrite).first(below.rewrite_length));
      way.port = below.port;
      way.known = true;
    } else {
      unresolved_[number] = {by, far_end};
      unfinished_.far_ends.push_back({by, far_end});
    }
  }

  void finish(std::uint32_t number) {
    NextHop& hop = network_.next_hops[number];
    if (hop.kind != NextHop::Kind::kForward || !network_.interfaces[hop.interface.value()].overlay) return;
    const Overlay& overlay = *network_.interfaces[hop.interface.value()].overlay;
    const OverlayReach& reach = network_.overlay_reach[hop.interface.value()];
    const auto station = overlay.end.ethernet ? reach.find(neighbor_of(hop)) : std::nullopt;
    if (!station && reach.everyone.size() != 1) {
      hop.overlay_way = NextHop::kEveryone;
      hop.port = overlay.under.valid() ? network_.interfaces[overlay.under.value()].port : PortId(0);
      return;
    }
    hop.overlay_way = station ? *station : reach.everyone.front();
    const OverlayWay& way = network_.overlay_ways[hop.overlay_way];
    hop.port = way.port;
    if (way.known) return;
    const auto below = unresolved_.find(hop.overlay_way);
    hop.kind = below == unresolved_.end() ? NextHop::Kind::kUnreachable : NextHop::Kind::kResolve;
    if (below != unresolved_.end()) unfinished_.hops[number] = below->second;
  }

  Network& network_;
  std::map<std::pair<InterfaceId, net::IpAddress>, std::uint32_t> ways_;
  std::map<std::uint32_t, UnfinishedOverlays::Below> unresolved_;  // by way
  UnfinishedOverlays unfinished_;
};

}  // namespace

UnfinishedOverlays finish_overlay_hops(Network& network, const Stations& stations) {
  const bool any =
      std::ranges::any_of(network.interfaces, [](const Interface& one) { return one.overlay.has_value(); });
  return any ? Builder(network).build(stations) : UnfinishedOverlays{};
}

}  // namespace millrace::core
