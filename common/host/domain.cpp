// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/domain.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace millrace::host {
namespace {

// Behind the local table (0), where the rule of VRF devices stands, and before main (32766).
constexpr std::uint32_t kRulePriority = 1000;

// The last resort of a domain: without it a lookup that finds nothing would go on in main.
std::array<Route, 2> last_resorts(RouteTable table) {
  return {Route{*net::Prefix::parse("0.0.0.0/0"), table, RouteKind::kUnreachable, 0xfffffffe, {}},
          Route{*net::Prefix::parse("::/0"), table, RouteKind::kUnreachable, 0xfffffffe, {}}};
}

}  // namespace

Result<Domains> Domains::open(Netlink& netlink) {
  const auto vrf = netlink.has_vrf();
  if (!vrf) return tl::unexpected(vrf.error());
  return Domains(netlink, *vrf ? Method::kVrf : Method::kRules);
}

Result<Domains::Domain*> Domains::find(std::string_view name) {
  const auto found = domains_.find(name);
  if (found == domains_.end()) return failure(fmt::format("use routing domain {}", name), "it was not added");
  return &found->second;
}

Result<void> Domains::add(std::string_view name, RouteTable table) {
  Domain domain{.table = table, .device = LinkIndex::none(), .links = {}, .subnets = {}};
  if (method_ == Method::kVrf) {
    const std::string vrf = fmt::format("vrf{}", table.value());
    const auto present = netlink_->link(vrf);
    auto device = present ? Result<LinkIndex>(present->index) : netlink_->create_vrf(vrf, table);
    if (!device) return tl::unexpected(device.error());
    domain.device = *device;
    if (auto up = netlink_->set_up(domain.device, true); !up) return up;
  }
  for (const Route& route : last_resorts(table)) {
    if (auto set = netlink_->set_route(route); !set) return set;
  }
  domains_.insert_or_assign(std::string(name), std::move(domain));
  return {};
}

Result<void> Domains::attach(const Link& link, std::string_view name) {
  const auto domain = find(name);
  if (!domain) return tl::unexpected(domain.error());
  if (method_ == Method::kVrf) {
    if (auto set = netlink_->set_master(link.index, (*domain)->device); !set) return set;
  } else {
    for (const RuleMatch match : {RuleMatch::kInput, RuleMatch::kOutput}) {
      if (auto added = netlink_->add_rule(match, link.name, (*domain)->table, kRulePriority); !added)
        return added;
    }
  }
  (*domain)->links.push_back(link.name);
  return {};
}

Result<void> Domains::remove_rules(std::string_view link, RouteTable table) {
  if (method_ == Method::kVrf) return {};
  for (const RuleMatch match : {RuleMatch::kInput, RuleMatch::kOutput}) {
    if (auto gone = netlink_->remove_rule(match, link, table, kRulePriority); !gone) return gone;
  }
  return {};
}

Result<void> Domains::detach(std::string_view link, std::string_view name) {
  const auto domain = find(name);
  if (!domain) return tl::unexpected(domain.error());
  std::erase((*domain)->links, link);
  return remove_rules(link, (*domain)->table);
}

Result<void> Domains::set_addresses(LinkIndex link, std::string_view name,
                                    std::span<const net::InterfaceAddress> addresses) {
  const auto domain = find(name);
  if (!domain) return tl::unexpected(domain.error());
  if (method_ == Method::kVrf) return netlink_->set_addresses(link, addresses);
  if (auto set = netlink_->set_addresses(link, addresses, SubnetRoute::kNone); !set) return set;
  std::vector<Route> wanted;
  for (const auto& address : addresses) {
    // Every link has the subnet fe80::/64: a metric of its own keeps the next link from replacing the route.
    const bool link_local = !address.address.is_v4() && address.address.v6().is_link_local();
    wanted.push_back({address.subnet(),
                      (*domain)->table,
                      RouteKind::kUnicast,
                      link_local ? link.value() : 0,
                      {NextHop{std::nullopt, link, 1}}});
    if (auto set = netlink_->set_route(wanted.back()); !set) return set;
  }
  std::vector<Route>& present = (*domain)->subnets[link];
  for (const Route& old : present) {
    if (std::find(wanted.begin(), wanted.end(), old) != wanted.end()) continue;
    if (auto removed = netlink_->remove_route(old); !removed) return removed;
  }
  present = std::move(wanted);
  return {};
}

Result<void> Domains::close() {
  for (const auto& [name, domain] : domains_) {
    for (const std::string& link : domain.links) {
      if (auto gone = remove_rules(link, domain.table); !gone) return gone;
    }
    for (const Route& route : last_resorts(domain.table)) {
      if (auto gone = netlink_->remove_route(route); !gone) return gone;
    }
    if (domain.device.valid()) {
      if (auto gone = netlink_->remove_link(domain.device); !gone) return gone;
    }
  }
  domains_.clear();
  return {};
}

}  // namespace millrace::host
