// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/compile_policy.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>

namespace millrace::nat {
namespace {

// Half the clock's turn is the longest time that can be compared.
Tick tick_of(control::Milliseconds time) {
  return static_cast<Tick>(
      std::clamp<std::int64_t>(time.count(), 0, std::numeric_limits<std::int32_t>::max()));
}

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
    if (auto done = add_roles(); !done) return tl::unexpected(done.error());
    for (const profile::Pool& pool : profile_.pools) {
      if (auto done = add_pool(pool); !done) return tl::unexpected(done.error());
    }
    for (const profile::Rule& rule : profile_.rules) {
      if (auto done = add_rule(rule); !done) return tl::unexpected(done.error());
    }
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
    if (const auto interface = interface_of(network, *name))
      network.interfaces[interface->value()].function_routes = true;
  }
  for (const profile::Pool& pool : profile.pools) {
    const auto domain = domain_of(network, domain_name(pool.domain));
    for (const core::InterfaceId interface : outside) {
      if (!domain || network.interfaces[interface.value()].domain.value() != *domain) continue;
      for (const profile::AddressRange& range : pool.usable) {
        for (const net::Prefix& prefix : prefixes_of(range))
          network.function_prefixes.push_back({core::DomainId(*domain), prefix, interface});
      }
    }
  }
}

}  // namespace millrace::nat
