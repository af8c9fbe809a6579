// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "vnfs/load_balancer/profile_check.h"
#include "vnfs/load_balancer/profile_claims.h"
#include "vnfs/load_balancer/profile_types.h"

namespace millrace::load_balancer::profile {
namespace {

using control::listing;
using control::quote;

class Addresses {
 public:
  Addresses(const Section& profile, const control::CheckContext& context)
      : profile_(profile), context_(context) {
    for (const control::Interface& one : context.common.interfaces) {
      if (std::ranges::find(domains_, *one.domain) == domains_.end()) domains_.push_back(*one.domain);
    }
  }

  void run() {
    for (const Service& service : profile_.services) {
      if (!service.address.at.known()) continue;
      by_address_.emplace(*service.address, &service);
      check_domain(service);
      check_host(service.address);
      // What could not be read of its ports is not all ports.
      if (!service.complete && service.ports.empty()) continue;
      check_own(service);
      add_claims(service, service.address, std::nullopt, claims_);
    }
    find_overlaps(claims_, [this](const Claim& first, const Claim& second) { return report(first, second); });
    for (const SourcePool& pool : profile_.source_pools) check_pool(pool);
  }

 private:
  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  void check_host(const Located<net::IpAddress>& address) {
    const std::string_view wrong = not_a_host(*address);
    if (wrong.empty()) return;
    error(address.at,
          fmt::format("{} {}; give an address that a host may have", address->to_string(), wrong));
  }

  void check_domain(const Service& service) {
    if (context_.common.transparent() ||
        std::ranges::find(domains_, service.routing_domain()) != domains_.end()) {
      return;
    }
    if (service.domain.at.known()) {
      error(service.domain.at, control::undefined("domain", *service.domain.value, domains_));
    } else if (service.complete) {
      error(service.address.at,
            fmt::format("no interface is in domain 'default'; give a domain that has one: {}",
                        listing(domains_)));
    }
  }

  // The appliance has use for its own address: routing, management, answers to errors.
  void check_own(const Service& service) {
    const control::Interface* own =
        interface_with(*service.address, service.routing_domain(), context_.common);
    if (own == nullptr) return;
    const auto wrong = [&](Position at, std::string_view what) {
      error(at, fmt::format("{} {}, the address of interface {}, would be taken from the appliance itself; "
                            "give ports, such as tcp/443",
                            what, service.address->to_string(), quote(*own->name)));
    };
    if (service.ports.empty()) wrong(service.address.at, "all of");
    for (const auto& one : service.ports) {
      if (one->all()) wrong(one.at, fmt::format("all {} of", print_service_ports(*one)));
    }
  }

  bool report(const Claim& first, const Claim& second) {
    const auto text = [](const Claim& claim) {
      return claim.service->ports.empty() ? "all" : print_service_ports(claim.ports);
    };
    if (first.service == second.service) {
      error(second.at,
            fmt::format("{} overlaps {} in the same list; give each port once", text(second), text(first)));
    } else {
      error(second.at, fmt::format("{} of {} overlaps {} of service {} (line {}); give each port of an "
                                   "address to one service",
                                   text(second), second.address.to_string(), text(first),
                                   quote(*first.service->name), first.at.line));
    }
    return true;
  }

  void check_pool(const SourcePool& pool) {
    const Located<net::IpAddress>* first = nullptr;
    for (const auto& address : pool.addresses) {
      if (!address.at.known()) continue;
      check_host(address);
      if (first == nullptr) first = &address;
      if (address->family() != (*first)->family()) {
        error(address.at,
              fmt::format("{} is of {}, and others of the pool are of {}; give the families a pool each",
                          address->to_string(), name_of(address->family()), name_of((*first)->family())));
      }
      if (const auto found = by_address_.find(*address); found != by_address_.end()) {
        error(address.at,
              fmt::format("{} is the address of service {} (line {}); give one that no service has",
                          address->to_string(), quote(*found->second->name), found->second->address.at.line));
      }
      const auto [other, added] = pools_.emplace(*address, address.at);
      if (added) continue;
      error(address.at, fmt::format("{} is in a source pool already, in line {}; an address is in one, once",
                                    address->to_string(), other->second.line));
    }
  }

  const Section& profile_;
  const control::CheckContext& context_;
  std::vector<std::string> domains_;
  std::map<net::IpAddress, const Service*> by_address_;
  std::vector<Claim> claims_;
  std::map<net::IpAddress, Position> pools_;
};

}  // namespace

void check_addresses(const Section& profile, const control::CheckContext& context) {
  Addresses(profile, context).run();
}

std::string_view not_a_host(const net::IpAddress& address) noexcept {
  if (address.is_v4()) {
    const std::uint32_t value = address.v4().value.host();
    if (value >> 24U == 0) return "is in 0.0.0.0/8, which names no host";
    if (value >> 24U == 127) return "is a loopback address";
    if (value >> 28U == 0xe) return "is a multicast address";
    if (value >> 28U == 0xf) return "is in 240.0.0.0/4, which is reserved";
    return {};
  }
  const net::Ipv6Address v6 = address.v6();
  if (v6.is_multicast()) return "is a multicast address";
  if (v6.is_link_local()) return "is a link-local address, which means a host on each network";
  if (v6.high() == 0 && v6.low() <= 1) return "is the unspecified or the loopback address";
  if (v6.high() == 0 && v6.low() >> 32U == 0xffff) return "is an IPv4 address in the form of IPv6";
  return {};
}

std::string_view name_of(net::Family family) noexcept {
  return family == net::Family::kIpv4 ? "IPv4" : "IPv6";
}

const control::Interface* interface_with(const net::IpAddress& address, std::string_view domain,
                                         const control::Profile& common) noexcept {
  const auto found = std::ranges::find_if(common.interfaces, [&](const control::Interface& one) {
    return *one.domain == domain &&
           std::ranges::any_of(one.address, [&](const auto& own) { return own->address == address; });
  });
  return found == common.interfaces.end() ? nullptr : &*found;
}

}  // namespace millrace::load_balancer::profile
