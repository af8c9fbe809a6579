// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "vnfs/load_balancer/profile_check.h"
#include "vnfs/load_balancer/profile_claims.h"
#include "vnfs/load_balancer/profile_types.h"

namespace millrace::load_balancer::profile {
namespace {

using control::quote;

class Backends {
 public:
  Backends(const Section& profile, const control::CheckContext& context, bool routes_known)
      : profile_(profile), context_(context), routes_known_(routes_known) {
    for (const Service& one : profile.services) {
      if (one.address.at.known()) services_.emplace(std::pair(one.routing_domain(), *one.address), &one);
    }
    for (const SourcePool& pool : profile.source_pools) {
      for (const auto& one : pool.addresses) {
        if (one.at.known()) sources_.emplace(*one, &pool);
      }
    }
  }

  void run() {
    for (const Service& service : profile_.services) {
      if (service.complete) check_service(service);
    }
    find_overlaps(translated_, [this](const Claim& first, const Claim& second) {
      if (first.service == second.service) return false;  // as a backend twice, or said of its port
      error(second.at,
            fmt::format("{} of {} is behind service {} as well (line {}), and with nat on both its answers "
                        "could be for either; give forwarding: full_nat, or another port",
                        print_service_ports(second.ports), second.address.to_string(),
                        quote(*first.service->name), first.at.line));
      return true;
    });
  }

 private:
  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  void check_service(const Service& service) {
    std::vector<Claim> claims;
    const auto check_one = [&](const Backend& backend) {
      check_backend(service, backend);
      const std::size_t before = claims.size();
      add_claims(service, backend.address, backend.port.value, claims);
      for (std::size_t i = before; i < claims.size(); ++i) {
        claims[i].backend = &backend;
        claims[i].at = backend.address.at;
      }
    };
    for (const Backend& backend : service.backends) check_one(backend);
    if (service.last_resort) check_one(*service.last_resort);
    if (*service.forwarding == Forwarding::kNat) {
      translated_.insert(translated_.end(), claims.begin(), claims.end());
    }
    find_overlaps(claims, [this](const Claim& first, const Claim& second) {
      if (first.backend == second.backend) return false;  // the service's ports overlap, which is said there
      error(second.at, fmt::format("{} is a backend of the service already, in line {}; give each once",
                                   second.address.to_string(), first.at.line));
      return true;
    });
  }

  void check_backend(const Service& service, const Backend& backend) {
    const net::IpAddress& address = *backend.address;
    if (const std::string_view wrong = not_a_host(address); !wrong.empty()) {
      return error(backend.address.at,
                   fmt::format("{} {}; give the address of a host", address.to_string(), wrong));
    }
    const std::string_view domain = service.routing_domain();
    if (const auto loop = services_.find({domain, address}); loop != services_.end()) {
      return error(
          backend.address.at,
          fmt::format("{} is the address of service {} (line {}), and what is sent there comes back; "
                      "give the address of a server",
                      address.to_string(), quote(*loop->second->name), loop->second->address.at.line));
    }
    if (const auto source = sources_.find(address); source != sources_.end()) {
      return error(
          backend.address.at,
          fmt::format("{} is of source pool {}, where the appliance's connections come from; give the "
                      "address of another host",
                      address.to_string(), quote(*source->second->name)));
    }
    if (const control::Interface* own = interface_with(address, domain, context_.common)) {
      return error(
          backend.address.at,
          fmt::format("{} is the appliance's own address, on interface {}; give that of another host",
                      address.to_string(), quote(*own->name)));
    }
    if (check_family(service, backend) && routes_known_) check_way(service, backend);
    if (backend.port.value) check_port(service, backend.port);
  }

  bool check_family(const Service& service, const Backend& backend) {
    const net::Family family = backend.address->family();
    const Forwarding forwarding = *service.forwarding;
    if (forwarding == Forwarding::kFullNat) {
      const SourcePool* pool =
          service.source_pool.value ? profile_.source_pool(*service.source_pool.value) : nullptr;
      if (pool == nullptr || pool->addresses.empty()) return true;
      const net::Family source = pool->addresses.front()->family();
      if (source == family) return true;
      error(backend.address.at, fmt::format("{} is of {}, and source pool {} of {}; give a source pool of {}",
                                            backend.address->to_string(), name_of(family), quote(*pool->name),
                                            name_of(source), name_of(family)));
      return false;
    }
    const bool one_family = forwarding == Forwarding::kNat || forwarding == Forwarding::kDirect;
    if (!one_family || family == service.address->family()) return true;
    error(backend.address.at,
          fmt::format("{} is of {}, and with forwarding {} it must be of {} as the service is; give such an "
                      "address, or forwarding: {}",
                      backend.address->to_string(), name_of(family), name_of(forwarding),
                      name_of(service.address->family()),
                      forwarding == Forwarding::kNat ? "full_nat" : "ipip, gue or gre"));
    return false;
  }

  void check_port(const Service& service, const Located<std::optional<std::uint16_t>>& port) {
    const Forwarding forwarding = *service.forwarding;
    if (forwarding == Forwarding::kFullNat) return;
    const PortRange wanted{*port.value, *port.value};
    if (forwarding != Forwarding::kNat) {
      if (!service.ports.empty() &&
          std::ranges::all_of(service.ports, [&](const auto& one) { return one->ports == wanted; })) {
        return;
      }
      return error(port.at,
                   fmt::format("port {} is not the service's, and forwarding {} does not rewrite it; "
                               "remove port, or give forwarding: nat",
                               *port.value, name_of(forwarding)));
    }
    for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kSctp}) {
      std::uint32_t ports = service.ports.empty() ? ServicePorts{}.ports.size() : 0;
      for (const auto& one : service.ports) ports += one->protocol == protocol ? one->ports.size() : 0;
      if (ports <= 1) continue;
      return error(port.at,
                   fmt::format("with nat, answers from port {} could be for any of {} ports of the service; "
                               "give forwarding: full_nat, or one service per port",
                               *port.value, ports));
    }
  }

  void check_way(const Service& service, const Backend& backend) {
    const std::string_view domain = service.routing_domain();
    const net::IpAddress& address = *backend.address;
    bool domain_exists = false;
    bool connected = false;
    std::vector<std::string> subnets;
    for (const control::Interface& interface : context_.common.interfaces) {
      if (*interface.domain != domain) continue;
      domain_exists = true;
      for (const auto& own : interface.address) {
        connected = connected || own->subnet().contains(address);
        if (own->address.family() == address.family()) subnets.push_back(own->subnet().to_string());
      }
    }
    if (connected || !domain_exists) return;
    if (*service.forwarding == Forwarding::kDirect) {
      return error(backend.address.at,
                   fmt::format("{} is on no subnet of domain {}, where forwarding direct reaches it; subnets "
                               "there are {}",
                               address.to_string(), quote(domain), control::listing(subnets)));
    }
    if (std::ranges::any_of(context_.common.routes, [&](const control::Route& route) {
          return context_.common.domain_of(route) == domain && route.to->contains(address);
        })) {
      return;
    }
    error(backend.address.at, fmt::format("no route of domain {} leads to {}; add one under routes",
                                          quote(domain), address.to_string()));
  }

  const Section& profile_;
  const control::CheckContext& context_;
  bool routes_known_;
  std::map<std::pair<std::string_view, net::IpAddress>, const Service*> services_;
  std::map<net::IpAddress, const SourcePool*> sources_;
  std::vector<Claim> translated_;  // of nat, behind all services
};

}  // namespace

void check_backends(const Section& profile, const control::CheckContext& context, bool routes_known) {
  Backends(profile, context, routes_known).run();
}

}  // namespace millrace::load_balancer::profile
