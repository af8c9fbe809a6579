// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/profile_claims.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

namespace millrace::load_balancer::profile {

void add_claims(const Service& service, const Located<net::IpAddress>& address,
                std::optional<std::uint16_t> port, std::vector<Claim>& out) {
  const auto add = [&](const ServicePorts& ports, Position at) {
    out.push_back({.domain = service.routing_domain(),
                   .address = *address,
                   .ports = ports,
                   .service = &service,
                   .at = at});
  };
  if (!port && !service.ports.empty()) {
    for (const auto& one : service.ports) add(*one, one.at);
    return;
  }
  const PortRange all = port ? PortRange{*port, *port} : ServicePorts{}.ports;
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kSctp}) {
    if (service.takes(protocol)) add({protocol, all}, address.at);
  }
}

void find_overlaps(std::vector<Claim>& claims,
                   const std::function<bool(const Claim& first, const Claim& second)>& report) {
  const auto space = [](const Claim& one) { return std::tuple(one.domain, one.address, one.ports.protocol); };
  std::ranges::sort(claims, {}, [&](const Claim& one) {
    return std::tuple_cat(space(one), std::tuple(one.ports.ports.first, one.at));
  });
  std::set<Position> reported;
  std::vector<const Claim*> open;  // those that one yet to come can overlap
  for (const Claim& claim : claims) {
    std::erase_if(open, [&](const Claim* one) {
      return space(*one) != space(claim) || one->ports.ports.last < claim.ports.ports.first;
    });
    bool covered = false;  // what overlaps it overlaps one that stands before it
    for (const Claim* other : open) {
      const auto [first, second] = other->at < claim.at ? std::pair(other, &claim) : std::pair(&claim, other);
      if (reported.contains(second->at) || !report(*first, *second)) continue;
      reported.insert(second->at);
      covered = covered || (second == &claim && other->ports.ports.last >= claim.ports.ports.last);
    }
    if (!covered) open.push_back(&claim);
  }
}

}  // namespace millrace::load_balancer::profile
