// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/live_pools.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "common/core/network.h"

namespace millrace::load_balancer {
namespace {

using control::tick_of;

using std::chrono::milliseconds;

// So many steps from the beginning of a slow start to its end, each a policy of its own.
constexpr int kSlowStartSteps = 10;

Timeouts lower(const profile::Timeouts& from) {
  return {.tcp_established = tick_of(from.tcp_established),
          .tcp_opening = tick_of(from.tcp_opening),
          .tcp_closing = tick_of(from.tcp_closing),
          .udp = tick_of(from.udp),
          .sctp = tick_of(from.sctp)};
}

Protection lower(const profile::Protect& from) {
  const auto number = [](const control::Located<std::optional<std::uint64_t>>& limit) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(limit->value_or(0), std::numeric_limits<std::uint32_t>::max()));
  };
  return {.connections = number(from.connections),
          .connections_per_client = number(from.connections_per_client),
          .new_per_client = number(from.new_connections_per_client),
          .syn_proxy = from.syn_proxy_above->has_value(),
          .syn_proxy_above = number(from.syn_proxy_above)};
}

Scheduler lower(profile::Scheduler from) {
  switch (from) {
    case profile::Scheduler::kMaglev:
      return Scheduler::kMaglev;
    case profile::Scheduler::kWeightedRoundRobin:
      return Scheduler::kWeightedRoundRobin;
    case profile::Scheduler::kLeastConnections:
      return Scheduler::kLeastConnections;
    case profile::Scheduler::kSourceHash:
      break;
  }
  return Scheduler::kSourceHash;
}

Forwarding lower(profile::Forwarding from) {
  switch (from) {
    case profile::Forwarding::kNat:
      return Forwarding::kNat;
    case profile::Forwarding::kFullNat:
      return Forwarding::kFullNat;
    case profile::Forwarding::kDirect:
      return Forwarding::kDirect;
    case profile::Forwarding::kIpip:
      return Forwarding::kIpip;
    case profile::Forwarding::kGue:
      return Forwarding::kGue;
    case profile::Forwarding::kGre:
      break;
  }
  return Forwarding::kGre;
}

std::optional<ServiceSpec::Quic> lower(const std::optional<profile::QuicIds>& from) {
  if (!from) return std::nullopt;
  return ServiceSpec::Quic{.config = from->config, .id_bytes = from->server_id_bytes};
}

// The profile has digits, two a byte, of a length that was checked.
std::optional<QuicServers::Id> server_id_of(const profile::Backend& backend) {
  if (!*backend.server_id) return std::nullopt;
  const std::string& digits = **backend.server_id;
  QuicServers::Id id{};
  for (std::size_t i = 0; i < std::min(id.size(), digits.size() / 2); ++i)
    id[i] = static_cast<std::uint8_t>(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
  return id;
}

std::vector<PortsSpec> lower(const std::vector<control::Located<profile::ServicePorts>>& from) {
  if (from.empty()) return {PortsSpec{}};
  std::vector<PortsSpec> ports;
  for (const auto& one : from) {
    const std::uint8_t protocol = one->protocol == profile::Protocol::kTcp   ? net::protocol::kTcp
                                  : one->protocol == profile::Protocol::kUdp ? net::protocol::kUdp
                                                                             : net::protocol::kSctp;
    ports.push_back({.protocol = protocol, .first = one->ports.first, .last = one->ports.last});
  }
  return ports;
}

ClientAddress lower(profile::ClientAddress from) {
  switch (from) {
    case profile::ClientAddress::kNone:
      return ClientAddress::kNone;
    case profile::ClientAddress::kProxyProtocol:
      return ClientAddress::kProxyProtocol;
    case profile::ClientAddress::kToa:
      break;
  }
  return ClientAddress::kToa;
}

void add_sources(const profile::Section& profile, const profile::Service& service, ServiceSpec& spec) {
  const profile::SourcePool* pool =
      service.source_pool.value ? profile.source_pool(*service.source_pool.value) : nullptr;
  if (pool == nullptr) return;
  for (const auto& address : pool->addresses) spec.sources.push_back(*address);
  spec.source_ports = {.first = pool->ports->first, .last = pool->ports->last};
  spec.client_address = lower(*service.client_address);
}

BackendKey key_of(const std::string& service, const profile::Backend& backend) {
  return {.service = service, .address = *backend.address, .port = backend.port->value_or(0)};
}

// One service's backends, judged.
class Judge {
 public:
  Judge(const profile::Service& service, const LivePools& live, Clock::time_point now)
      : service_(service), live_(live), now_(now) {}

  std::vector<BackendSpec> run(const std::vector<BackendKey>& before) {
    std::vector<BackendSpec> specs;
    const auto wanted = wanted_backends(service_, live_);
    // At the very beginning nothing is known, and better a backend that may be down than none at all.
    const bool any_known = std::ranges::any_of(wanted, [&](const profile::Backend& backend) {
      return health(key_of(*service_.name, backend)) != LivePools::Health::kUnknown;
    });
    for (const profile::Backend& backend : wanted) {
      const BackendKey key = key_of(*service_.name, backend);
      specs.push_back({.address = key.address,
                       .port = key.port,
                       .weight = weight_of(backend, key),
                       .state = state_of(key, any_known),
                       .server_id = server_id_of(backend)});
    }
    add_last_resort(specs);
    add_leaving(specs, before);
    return specs;
  }

 private:
  [[nodiscard]] LivePools::Health health(const BackendKey& key) const {
    if (!service_.health) return LivePools::Health::kUp;
    const auto found = live_.health.find(key);
    return found == live_.health.end() ? LivePools::Health::kUnknown : found->second;
  }

  [[nodiscard]] Backend::State state_of(const BackendKey& key, bool any_known) const {
    const auto said = live_.overrides.find(key);
    if (said != live_.overrides.end() && said->second.draining) return Backend::State::kDraining;
    const auto ejected = live_.ejected.find(key);
    if (ejected != live_.ejected.end() && ejected->second > now_) return Backend::State::kDown;
    const LivePools::Health known = health(key);
    const bool up = known == LivePools::Health::kUp || (known == LivePools::Health::kUnknown && !any_known);
    return up ? Backend::State::kActive : Backend::State::kDown;
  }

  [[nodiscard]] std::uint32_t weight_of(const profile::Backend& backend, const BackendKey& key) const {
    const auto said = live_.overrides.find(key);
    const std::uint32_t whole =
        said != live_.overrides.end() && said->second.weight ? *said->second.weight : backend.weight;
    const auto up = live_.up_since.find(key);
    if (service_.slow_start.count() == 0 || up == live_.up_since.end() || whole == 0) return whole * kScale;
    const auto passed = std::chrono::duration_cast<milliseconds>(now_ - up->second);
    const auto step = std::clamp<std::int64_t>(
        passed.count() * kSlowStartSteps / service_.slow_start.count() + 1, 1, kSlowStartSteps);
    return static_cast<std::uint32_t>(step * whole * kScale / kSlowStartSteps);
  }

  void add_last_resort(std::vector<BackendSpec>& specs) const {
    if (!service_.last_resort) return;
    const bool any = std::ranges::any_of(specs, [](const BackendSpec& spec) {
      return spec.state == Backend::State::kActive && spec.weight != 0;
    });
    const profile::Backend& last = *service_.last_resort;
    if (find(specs, key_of(*service_.name, last))) return;
    specs.push_back({.address = *last.address,
                     .port = last.port->value_or(0),
                     .weight = kScale,
                     .state = any ? Backend::State::kDown : Backend::State::kActive});
  }

  void add_leaving(std::vector<BackendSpec>& specs, const std::vector<BackendKey>& before) const {
    const auto add = [&](const BackendKey& key) {
      if (key.service != *service_.name || find(specs, key)) return;
      specs.push_back(
          {.address = key.address, .port = key.port, .weight = 0, .state = Backend::State::kDraining});
    };
    for (const auto& [key, until] : live_.leaving) {
      if (until > now_) add(key);
    }
    for (const BackendKey& key : before) {
      if (!live_.leaving.contains(key) && service_.drain.count() != 0) add(key);
    }
  }

  static bool find(const std::vector<BackendSpec>& specs, const BackendKey& key) {
    return std::ranges::any_of(
        specs, [&](const BackendSpec& spec) { return spec.address == key.address && spec.port == key.port; });
  }

  // Weights of a slow start are tenths of whole ones.
  static constexpr std::uint32_t kScale = kSlowStartSteps;

  const profile::Service& service_;
  const LivePools& live_;
  Clock::time_point now_;
};

}  // namespace

std::vector<profile::Backend> wanted_backends(const profile::Service& service, const LivePools& live) {
  std::vector<profile::Backend> wanted;
  const auto add = [&](const profile::Backend& backend) {
    const bool known = std::ranges::any_of(wanted, [&](const profile::Backend& one) {
      return *one.address == *backend.address && *one.port == *backend.port;
    });
    const auto said = live.overrides.find(key_of(*service.name, backend));
    if (!known && (said == live.overrides.end() || !said->second.removed)) wanted.push_back(backend);
  };
  for (const profile::Backend& backend : service.backends) add(backend);
  if (const auto found = live.discovered.find(*service.name); found != live.discovered.end()) {
    for (const profile::Backend& backend : found->second) add(backend);
  }
  for (const auto& [key, said] : live.overrides) {
    if (key.service != *service.name || !said.added) continue;
    profile::Backend backend;
    backend.address.value = key.address;
    if (key.port != 0) backend.port.value = key.port;
    add(backend);
  }
  return wanted;
}

Result<std::vector<ServiceSpec>> services_now(const profile::Section& profile, const LivePools& live,
                                              const std::vector<BackendKey>& before,
                                              const core::Network& network, Clock::time_point now) {
  std::vector<ServiceSpec> specs;
  for (const profile::Service& service : profile.services) {
    const std::string_view domain = service.routing_domain();
    const auto found = std::ranges::find(network.domains, domain, &core::Domain::name);
    if (found == network.domains.end())
      return failure("make service " + *service.name, fmt::format("there is no routing domain {}", domain));
    specs.push_back(
        {.name = *service.name,
         .address = *service.address,
         .domain = static_cast<std::uint16_t>(found - network.domains.begin()),
         .ports = lower(service.ports),
         .scheduler = lower(*service.scheduler),
         .forwarding = lower(*service.forwarding),
         .by_client = service.affinity == profile::Affinity::kClient,
         .per_packet = *service.per == profile::Per::kPacket,
         .all_down = *service.all_down == profile::AllDown::kDrop ? AllDown::kDrop : AllDown::kReject,
         .quic = lower(service.quic),
         .mss = service.mss->value_or(0),
         .protection = lower(service.protect),
         .timeouts = lower(service.timeouts),
         .backends = Judge(service, live, now).run(before)});
    add_sources(profile, service, specs.back());
  }
  return specs;
}

std::optional<Clock::time_point> next_change(const profile::Section& profile, const LivePools& live,
                                             Clock::time_point now) {
  std::optional<Clock::time_point> next;
  const auto consider = [&](Clock::time_point at) {
    if (at > now && (!next || at < *next)) next = at;
  };
  for (const auto& [key, until] : live.leaving) consider(until);
  for (const auto& [key, until] : live.ejected) consider(until);
  for (const auto& [key, since] : live.up_since) {
    const profile::Service* service = profile.service(key.service);
    if (service == nullptr || service->slow_start.count() == 0) continue;
    for (int step = 1; step <= kSlowStartSteps; ++step)
      consider(since + service->slow_start * step / kSlowStartSteps);
  }
  return next;
}

}  // namespace millrace::load_balancer
