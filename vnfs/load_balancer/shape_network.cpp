// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/shape_network.h"

#include <algorithm>

namespace millrace::load_balancer {
namespace {

// The interface of the domain on whose link the address is, or else its first one; null when it has none.
core::Interface* home_of(const net::IpAddress& address, core::DomainId domain, core::Network& network) {
  core::Interface* home = nullptr;
  for (core::Interface& interface : network.interfaces) {
    if (interface.domain != domain) continue;
    const bool on_link = std::ranges::any_of(interface.addresses, [&](const net::InterfaceAddress& own) {
      return own.subnet().contains(address);
    });
    if (on_link) return &interface;
    if (home == nullptr) home = &interface;
  }
  return home;
}

// Packets to the address are the balancer's, whatever interface of the domain they come in by.
void take(const net::IpAddress& address, core::DomainId domain, core::Network& network) {
  std::vector<core::FunctionPrefix>& prefixes = network.function_prefixes;
  const net::Prefix prefix = net::Prefix::of(address, address.bits());
  for (std::size_t i = 0; i < network.interfaces.size(); ++i) {
    if (network.interfaces[i].domain != domain) continue;
    const core::FunctionPrefix wanted{domain, prefix, core::InterfaceId(static_cast<std::uint16_t>(i))};
    if (std::ranges::find(prefixes, wanted) == prefixes.end()) prefixes.push_back(wanted);
  }
}

bool tunnels(profile::Forwarding way) noexcept {
  return way == profile::Forwarding::kIpip || way == profile::Forwarding::kGue ||
         way == profile::Forwarding::kGre;
}

}  // namespace

void shape_network(const profile::Section& profile, bool draining, const SourceBook& sources,
                   core::Network& network) {
  for (const profile::Service& service : profile.services) {
    const auto found = std::ranges::find(network.domains, service.routing_domain(), &core::Domain::name);
    if (found == network.domains.end()) continue;
    const core::DomainId domain(static_cast<std::uint16_t>(found - network.domains.begin()));
    if (tunnels(*service.forwarding)) {
      for (core::Interface& interface : network.interfaces) {
        // The way to a backend tells us, who wrap the packets, what it can not carry.
        if (interface.domain == domain) interface.function_errors = true;
      }
    }
    const net::IpAddress& address = *service.address;
    take(address, domain, network);
    const profile::SourcePool* pool =
        service.source_pool.value ? profile.source_pool(*service.source_pool.value) : nullptr;
    if (pool != nullptr) {
      for (const auto& source : pool->addresses) take(*source, domain, network);
    }
    core::Interface* home = home_of(address, domain, network);
    if (home == nullptr || home->has(address) || draining || !profile.announce) continue;
    home->addresses.push_back({address, static_cast<std::uint8_t>(address.bits())});
  }
  for (std::size_t id = 0; id < sources.size(); ++id) {
    const SourceAddress& source = sources[static_cast<core::AddressId>(id)];
    if (source.free_runs() != SourceAddress::kRuns)
      take(source.address(), core::DomainId(source.domain()), network);
  }
}

}  // namespace millrace::load_balancer
