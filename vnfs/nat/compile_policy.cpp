// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/compile_policy.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <limits>
#include <optional>

#include "vnfs/nat/pcp_message.h"

namespace millrace::nat {
namespace {

using control::tick_of;

Dependence lower(profile::Dependence dependence) {
  switch (dependence) {
    case profile::Dependence::kEndpointIndependent:
      return Dependence::kEndpoint;
    case profile::Dependence::kAddressDependent:
      return Dependence::kAddress;
    case profile::Dependence::kAddressAndPortDependent:
      break;
  }
  return Dependence::kAddressAndPort;
}

Timeouts lower(const profile::Timeouts& timeouts) {
  return {.tcp_established = tick_of(timeouts.tcp_established),
          .tcp_opening = tick_of(*timeouts.tcp_opening),
          .tcp_transitory = tick_of(timeouts.tcp_transitory),
          .tcp_syn = tick_of(timeouts.tcp_syn),
          .udp = tick_of(timeouts.udp),
          .udp_well_known = tick_of(*timeouts.udp_well_known),
          .icmp = tick_of(timeouts.icmp),
          .other = tick_of(timeouts.other)};
}

LoggedEvents lower(const profile::Log& log) {
  const bool any = *log.ipfix || log.syslog.has_value();
  const bool sessions = log.events == profile::LoggedEvents::kSessions;
  return {.blocks = any && !sessions,
          .sessions = any && sessions,
          .destinations = *log.destinations,
          .refusals = any};
}

PortControl lower(const profile::PortControl& from) {
  const auto seconds = [](control::Milliseconds time) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count());
  };
  return {.longest = seconds(from.longest),
          .shortest = seconds(*from.shortest),
          .nat_pmp = from.nat_pmp,
          .third_party = from.third_party,
          .prefer_failure = from.prefer_failure,
          .mappings_per_subscriber = from.mappings_per_subscriber};
}

// What can be in force.
AlgSet lower(const std::vector<control::Located<profile::Alg>>& algs) {
  AlgSet set;
  for (const auto& alg : algs) {
    if (*alg == profile::Alg::kFtp) set.add(AlgKind::kFtp);
    if (*alg == profile::Alg::kSip) set.add(AlgKind::kSip);
    if (*alg == profile::Alg::kPptp) set.add(AlgKind::kPptp);
  }
  return set;
}

std::optional<core::InterfaceId> interface_of(const core::Network& network, std::string_view name) {
  const auto found = std::ranges::find(network.interfaces, name, &core::Interface::name);
  if (found == network.interfaces.end()) return std::nullopt;
  return core::InterfaceId(static_cast<std::uint16_t>(found - network.interfaces.begin()));
}

std::optional<std::uint16_t> domain_of(const core::Network& network, std::string_view name) {
  const auto found = std::ranges::find(network.domains, name, &core::Domain::name);
  if (found == network.domains.end()) return std::nullopt;
  return static_cast<std::uint16_t>(found - network.domains.begin());
}

std::string_view domain_name(const control::Located<std::optional<std::string>>& domain) {
  return domain->has_value() ? std::string_view(**domain) : "default";
}

// The prefixes that cover a range and nothing else.
std::vector<net::Prefix> prefixes_of(const profile::AddressRange& range) {
  std::vector<net::Prefix> prefixes;
  std::uint64_t first = range.first.value.host();
  const std::uint64_t end = std::uint64_t{range.last.value.host()} + 1;
  while (first < end) {
    const auto aligned = first == 0 ? 32U : static_cast<unsigned>(std::countr_zero(first));
    const auto fitting = static_cast<unsigned>(std::bit_width(end - first)) - 1U;
    const unsigned bits = std::min({aligned, fitting, 32U});
    prefixes.push_back(net::Prefix::of(net::Ipv4Address{be32(static_cast<std::uint32_t>(first))}, 32 - bits));
    first += std::uint64_t{1} << bits;
  }
  return prefixes;
}

class Compiler {
 public:
  Compiler(const profile::Section& profile, const PolicyContext& context)
      : profile_(profile), context_(context) {}

  Result<std::shared_ptr<const Policy>> run() {
    policy_->generation = static_cast<std::uint16_t>(context_.generation);
    policy_->draining = context_.draining;
    policy_->hairpin = profile_.hairpin;
    policy_->timeouts = lower(profile_.timeouts);
    policy_->logged = lower(profile_.log);
    policy_->algs = lower(profile_.alg);
    if (auto done = add_roles(); !done) return tl::unexpected(done.error());
    for (const profile::Pool& pool : profile_.pools) {
      if (auto done = add_pool(pool); !done) return tl::unexpected(done.error());
    }
    if (auto done = add_statics(); !done) return tl::unexpected(done.error());
    for (const profile::Deterministic& deterministic : profile_.deterministic) {
      if (auto done = add_deterministic(deterministic); !done) return tl::unexpected(done.error());
    }
    for (const profile::Rule& rule : profile_.rules) {
      if (auto done = add_rule(rule); !done) return tl::unexpected(done.error());
    }
    if (profile_.nat64) add_nat64(*profile_.nat64);
    if (auto done = add_prefixes(); !done) return tl::unexpected(done.error());
    if (profile_.port_control) policy_->port_control = lower(*profile_.port_control);
    policy_->settle();
    return std::shared_ptr<const Policy>(policy_);
  }

 private:
  Result<void> add_roles() {
    const core::Network& network = context_.network;
    policy_->roles.assign(network.interfaces.size(), Role::kOther);
    policy_->outside_of.assign(network.domains.size(), core::InterfaceId::none());
    for (const auto& name : profile_.inside) {
      const auto interface = interface_of(network, *name);
      if (!interface) return failure("use interface " + *name, "the network has none of that name");
      policy_->roles[interface->value()] = Role::kInside;
    }
    for (const auto& name : profile_.outside) {
      const auto interface = interface_of(network, *name);
      if (!interface) return failure("use interface " + *name, "the network has none of that name");
      policy_->roles[interface->value()] = Role::kOutside;
      policy_->outside_of[network.interfaces[interface->value()].domain.value()] = *interface;
    }
    return {};
  }

  Result<void> add_pool(const profile::Pool& from) {
    const auto domain = domain_of(context_.network, domain_name(from.domain));
    if (!domain) return failure("use pool " + *from.name, "the network has no such routing domain");
    constexpr std::uint32_t kNoLimit = std::numeric_limits<std::uint32_t>::max();
    Pool pool;
    pool.name = *from.name;
    pool.domain = *domain;
    pool.first_port = from.ports->first;
    pool.last_port = from.ports->last;
    pool.block_runs = static_cast<std::uint16_t>(from.block->value_or(0) / OutsideAddress::kRunPorts);
    pool.blocks_per_subscriber = static_cast<std::uint8_t>(from.blocks_per_subscriber);
    pool.paired = from.pairing == profile::Pairing::kPaired;
    pool.ports_per_subscriber = from.ports_per_subscriber->value_or(kNoLimit);
    pool.sessions_per_subscriber = from.sessions_per_subscriber->value_or(kNoLimit);
    pool.quarantine = tick_of(from.quarantine);
    for (const profile::AddressRange& range : from.usable) {
      for (std::uint64_t host = range.first.value.host(); host <= range.last.value.host(); ++host) {
        const auto address =
            context_.book.get(net::Ipv4Address{be32(static_cast<std::uint32_t>(host))}, *domain);
        if (!address) return tl::unexpected(address.error());
        pool.addresses.push_back(*address);
      }
    }
    policy_->pools.push_back(std::move(pool));
    return {};
  }

  Result<void> add_statics() {
    std::vector<StaticMapping> mappings;
    for (const profile::Static& from : profile_.statics) {
      const auto domain = domain_of(context_.network, domain_name(from.domain));
      if (!domain) return failure("use a static mapping", "the network has no such routing domain");
      StaticMapping mapping;
      mapping.inside = from.inside->value.host();
      mapping.outside = from.outside->value.host();
      mapping.size = std::uint32_t{1} << (32U - from.length);
      mapping.inside_domain = *domain;
      mapping.whole = !from.inside_ports;
      if (from.inside_ports && from.outside_ports) {
        mapping.inside_port = from.inside_ports->first;
        mapping.outside_port = from.outside_ports->first;
        mapping.ports = static_cast<std::uint16_t>(from.inside_ports->last - from.inside_ports->first + 1);
        if (from.protocol == profile::MappedProtocol::kTcp) mapping.protocol = net::protocol::kTcp;
        if (from.protocol == profile::MappedProtocol::kUdp) mapping.protocol = net::protocol::kUdp;
      }
      mappings.push_back(mapping);
    }
    policy_->statics = StaticMap(std::move(mappings));
    return {};
  }

  void add_nat64(const profile::Nat64& from) {
    const auto prefix = net::TranslationPrefix::of(*from.prefix);
    const auto pool = std::ranges::find(policy_->pools, *from.pool, &Pool::name);
    if (!prefix || pool == policy_->pools.end()) return;  // the profile's check has seen to it
    Rule rule;
    rule.pool = static_cast<std::uint16_t>(pool - policy_->pools.begin());
    rule.filtering = lower(from.filtering);
    policy_->nat64 =
        Nat64{.prefix = *prefix, .rule = std::move(rule), .lowest_ipv6_mtu = from.lowest_ipv6_mtu};
  }

  Result<void> add_prefixes() {
    std::vector<MappedNetwork> networks;
    const auto outside = domain_of(context_.network, "default");
    for (const profile::Nptv6& from : profile_.nptv6) {
      const auto domain = domain_of(context_.network, domain_name(from.domain));
      const auto map = net::PrefixMap::of(*from.inside, *from.outside);
      if (!domain || !outside)
        return failure("use prefix " + from.inside->to_string(), "the network has no such routing domain");
      if (!map) continue;  // the profile's check has seen to it
      networks.push_back({*from.inside, *from.outside, *map, core::DomainId(*domain)});
    }
    if (!networks.empty())
      policy_->mapped_networks = MappedNetworks(std::move(networks), core::DomainId(*outside));
    return {};
  }

  // A pool whose blocks nobody chooses, and the rule that leads to it.
  Result<void> add_deterministic(const profile::Deterministic& from) {
    const auto domain = domain_of(context_.network, domain_name(from.domain));
    if (!domain) return failure("use a deterministic mapping", "the network has no such routing domain");
    const auto size = [](const net::Prefix& prefix) {
      return std::uint64_t{1} << (prefix.address.bits() - prefix.length);
    };
    constexpr unsigned kRunPorts = OutsideAddress::kRunPorts;
    const unsigned runs =
        (from.ports.last + 1U) / kRunPorts - (from.ports.first + kRunPorts - 1U) / kRunPorts;
    const std::uint64_t insides = size(*from.inside);
    const std::uint64_t addresses = size(*from.outside);
    const std::uint64_t sharing = (insides + addresses - 1) / addresses;
    Pool pool;
    pool.name = from.outside->to_string();
    pool.first_port = from.ports.first;
    pool.last_port = from.ports.last;
    pool.block_runs = static_cast<std::uint16_t>(runs / sharing);
    pool.blocks_per_subscriber = 1;
    pool.quarantine = 0;
    pool.arithmetic = {.first_inside = from.inside->address.v4().value.host(),
                       .insides = static_cast<std::uint32_t>(insides)};
    // Ports are given in runs of 64, so that the sharing is a little less even than by single ports.
    while (pool.block_runs > 1 && pool.end_block() - pool.first_block() < sharing) --pool.block_runs;
    if (pool.block_runs == 0 || pool.end_block() - pool.first_block() < sharing) {
      return failure("give " + std::to_string(insides) + " inside addresses ports of " + pool.name,
                     "each needs 64 of them, beginning at a multiple of 64");
    }
    const std::uint32_t first = from.outside->address.v4().value.host();
    for (std::uint64_t i = 0; i < addresses; ++i) {
      const auto address =
          context_.book.get(net::Ipv4Address{be32(static_cast<std::uint32_t>(first + i))}, pool.domain);
      if (!address) return tl::unexpected(address.error());
      pool.addresses.push_back(*address);
    }
    Rule rule;
    rule.sources = {*from.inside};
    rule.pool = static_cast<std::uint16_t>(policy_->pools.size());
    for (std::size_t i = 0; i < policy_->roles.size(); ++i) {
      const bool inside = policy_->roles[i] == Role::kInside;
      if (inside && context_.network.interfaces[i].domain.value() == *domain)
        rule.interfaces.emplace_back(static_cast<std::uint16_t>(i));
    }
    policy_->pools.push_back(std::move(pool));
    policy_->rules.push_back(std::move(rule));
    return {};
  }

  Result<void> add_rule(const profile::Rule& from) {
    Rule rule;
    for (const auto& name : from.interface) {
      const auto interface = interface_of(context_.network, *name);
      if (!interface) return failure("use interface " + *name, "the network has none of that name");
      rule.interfaces.push_back(*interface);
    }
    for (const auto& prefix : from.source) rule.sources.push_back(*prefix);
    for (const auto& prefix : from.destination) rule.destinations.push_back(*prefix);
    if (from.pool) {
      const auto named = [&](const profile::Pool& pool) { return *pool.name == **from.pool; };
      const auto pool = std::ranges::find_if(profile_.pools, named);
      rule.pool = static_cast<std::uint16_t>(pool - profile_.pools.begin());
    }
    rule.mapping = lower(from.mapping);
    rule.filtering = lower(*from.filtering);
    policy_->rules.push_back(std::move(rule));
    return {};
  }

  const profile::Section& profile_;
  const PolicyContext& context_;
  std::shared_ptr<Policy> policy_ = std::make_shared<Policy>();
};

}  // namespace

Result<std::shared_ptr<const Policy>> compile_policy(const profile::Section& profile,
                                                     const PolicyContext& context) {
  return Compiler(profile, context).run();
}

void shape_network(const profile::Section& profile, core::Network& network) {
  std::vector<core::InterfaceId> outside;
  for (const auto& name : profile.outside) {
    if (const auto interface = interface_of(network, *name)) outside.push_back(*interface);
  }
  for (const auto& name : profile.inside) {
    const auto interface = interface_of(network, *name);
    if (!interface) continue;
    network.interfaces[interface->value()].function_routes = true;
    if (profile.port_control) network.interfaces[interface->value()].function_port = pcp::kServerPort;
  }
  const auto answer_for = [&](const net::Prefix& prefix, std::string_view domain_name) {
    const auto domain = domain_of(network, domain_name);
    for (const core::InterfaceId interface : outside) {
      if (domain && network.interfaces[interface.value()].domain.value() == *domain)
        network.function_prefixes.push_back({core::DomainId(*domain), prefix, interface});
    }
  };
  for (const profile::Pool& pool : profile.pools) {
    for (const profile::AddressRange& range : pool.usable) {
      for (const net::Prefix& prefix : prefixes_of(range)) answer_for(prefix, domain_name(pool.domain));
    }
  }
  if (profile.nat64) {
    for (const auto& name : profile.inside) {
      if (const auto interface = interface_of(network, *name)) {
        network.function_prefixes.push_back(
            {network.interfaces[interface->value()].domain, *profile.nat64->prefix, *interface});
      }
    }
  }
  for (const profile::Static& mapping : profile.statics)
    answer_for(net::Prefix::of(*mapping.outside, mapping.length), "default");
  for (const profile::Deterministic& deterministic : profile.deterministic)
    answer_for(*deterministic.outside, "default");
  for (const profile::Nptv6& one : profile.nptv6) answer_for(*one.outside, "default");
}

}  // namespace millrace::nat
