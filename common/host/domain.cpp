// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/domain.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <linux/if.h>

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
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return failure(fmt::format("add routing domain {}", name),
                   fmt::format("a name has 1 to {} characters", IFNAMSIZ - 1));
  }
  Domain domain{table, LinkIndex::none(), {}};
  if (method_ == Method::kVrf) {
    const auto present = netlink_->link(name);
    auto device = present ? Result<LinkIndex>(present->index) : netlink_->create_vrf(name, table);
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

Result<void> Domains::set_addresses(LinkIndex link, std::string_view name,
                                    std::span<const net::InterfaceAddress> addresses) {
  const auto domain = find(name);
  if (!domain) return tl::unexpected(domain.error());
  if (method_ == Method::kVrf) return netlink_->set_addresses(link, addresses);
  if (auto set = netlink_->set_addresses(link, addresses, SubnetRoute::kNone); !set) return set;
  for (const auto& address : addresses) {
    // Every link has the subnet fe80::/64: a metric of its own keeps the next link from replacing the route.
    const bool link_local = !address.address.is_v4() && address.address.v6().is_link_local();
    const Route subnet{address.subnet(),
                       (*domain)->table,
                       RouteKind::kUnicast,
                       link_local ? link.value() : 0,
                       {NextHop{std::nullopt, link, 1}}};
    if (auto set = netlink_->set_route(subnet); !set) return set;
  }
  return {};
}

Result<void> Domains::close() {
  for (const auto& [name, domain] : domains_) {
    for (const std::string& link : domain.links) {
      if (method_ == Method::kVrf) break;
      for (const RuleMatch match : {RuleMatch::kInput, RuleMatch::kOutput}) {
        if (auto gone = netlink_->remove_rule(match, link, domain.table, kRulePriority); !gone) return gone;
      }
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
