// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/compile_policy.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "vnfs/load_balancer/maglev.h"
#include "vnfs/load_balancer/slots.h"

namespace millrace::load_balancer {
namespace {

// Slots of schedulers that are not Maglev's, at most: enough for weights of 1 to 1000 among some dozens.
constexpr std::size_t kMostSlots = 65'536;

bool operator==(const Choice& a, const Choice& b) { return a.backend == b.backend && a.weight == b.weight; }

class Compiler {
 public:
  explicit Compiler(const PolicyContext& context) : context_(context) {}

  Result<std::shared_ptr<const Policy>> run(std::span<const ServiceSpec> services) {
    policy_->generation = static_cast<std::uint16_t>(context_.generation);
    policy_->draining = context_.draining;
    policy_->hash_seed = context_.hash_seed;
    context_.roster.begin();
    for (const ServiceSpec& spec : services) {
      if (auto done = add(spec); !done) return tl::unexpected(done.error());
    }
    context_.roster.end();
    add_answers();
    policy_->by_destination.settle();
    policy_->by_source.settle();
    policy_->by_tunnel.settle();
    if (!policy_->tunnels.empty()) {
      policy_->tunnels.resize(policy_->backends.size());
      take_path_mtus();
    }
    policy_->by_answer.settle();
    return policy_;
  }

 private:
  Result<void> add(const ServiceSpec& spec) {
    const auto id = context_.roster.service(spec.name);
    if (!id) return tl::unexpected(id.error());
    if (policy_->services.size() <= *id) policy_->services.resize(*id + std::size_t{1});
    Service service{.present = true,
                    .address = spec.address,
                    .domain = spec.domain,
                    .scheduler = spec.scheduler,
                    .forwarding = spec.forwarding,
                    .by_client = spec.by_client,
                    .per_packet = spec.per_packet,
                    .all_down = spec.all_down,
                    .mss = spec.mss,
                    .protection = spec.protection,
                    .timeouts = spec.timeouts,
                    .slots = nullptr,
                    .choices = {},
                    .sources = {},
                    .source_ports = spec.source_ports,
                    .client_address = spec.client_address,
                    .name = spec.name};
    for (const PortsSpec& ports : spec.ports) {
      policy_->by_destination.add(
          Place::of(spec.address, spec.domain),
          {.protocol = ports.protocol, .first = ports.first, .last = ports.last, .value = *id});
    }
    for (const BackendSpec& backend : spec.backends) {
      if (auto done = add(backend, spec, *id, service); !done) return done;
    }
    if (spec.forwarding == Forwarding::kFullNat) {
      if (auto done = add_sources(spec, service); !done) return done;
    }
    make_slots(service, *id);
    if (spec.quic) service.quic = quic_servers(spec, *id);
    policy_->services[*id] = std::move(service);
    return {};
  }

  Result<void> add(const BackendSpec& spec, const ServiceSpec& of, ServiceId service, Service& into) {
    const auto id = context_.roster.backend(service, spec.address, spec.port);
    if (!id) return tl::unexpected(id.error());
    if (policy_->backends.size() <= *id) policy_->backends.resize(*id + std::size_t{1});
    policy_->backends[*id] = {.address = spec.address,
                              .port = spec.port,
                              .service_port = spec.port == 0 ? std::uint16_t{0} : of.ports.front().first,
                              .state = spec.state,
                              .service = service};
    if (spec.state == Backend::State::kActive && spec.weight != 0)
      into.choices.push_back({.backend = *id, .weight = spec.weight});
    if (tunnel_of(of.forwarding) != net::Tunnel::kNone) add_tunnel(spec, of, *id);
    return of.forwarding == Forwarding::kNat ? add_source(spec, of, *id) : Result<void>{};
  }

  // Those that leave or are down too: their connections go on.
  [[nodiscard]] std::shared_ptr<const QuicServers> quic_servers(const ServiceSpec& spec,
                                                                ServiceId service) const {
    auto servers = std::make_shared<QuicServers>(spec.quic->config, spec.quic->id_bytes);
    for (const BackendSpec& backend : spec.backends) {
      if (!backend.server_id) continue;
      const auto id = context_.roster.backend(service, backend.address, backend.port);
      if (id) servers->add(*backend.server_id, *id);
    }
    servers->settle();
    return servers;
  }

  // What its packets are put into, and how errors about those are known again.
  void add_tunnel(const BackendSpec& spec, const ServiceSpec& of, BackendId id) {
    const net::TunnelHeader tunnel(tunnel_of(of.forwarding), of.address.family(), spec.address);
    policy_->tunnels.resize(std::max(policy_->tunnels.size(), id + std::size_t{1}));
    policy_->tunnels[id] = tunnel;
    // The same host behind several services is one far end.
    if (!far_ends_.insert({spec.address, of.domain, tunnel.protocol()}).second) return;
    const bool udp = tunnel.tunnel() == net::Tunnel::kGue;
    policy_->by_tunnel.add(Place::of(spec.address, of.domain),
                           {.protocol = tunnel.protocol(),
                            .first = udp ? net::kGuePort : std::uint16_t{0},
                            .last = udp ? net::kGuePort : std::uint16_t{65'535},
                            .value = id});
  }

  // What routers said holds for hosts that keep their numbers.
  void take_path_mtus() {
    const Policy* before = context_.before;
    if (before == nullptr || before->path_mtus == nullptr) {
      policy_->path_mtus = std::make_shared<core::PathMtus>(kMostBackends);
      return;
    }
    policy_->path_mtus = before->path_mtus;
    for (std::size_t id = 0; id < policy_->backends.size(); ++id) {
      const bool same =
          id < before->backends.size() && before->backends[id].address == policy_->backends[id].address;
      if (!same) policy_->path_mtus->forget(static_cast<BackendId>(id));
    }
  }

  Result<void> add_sources(const ServiceSpec& spec, Service& into) {
    if (context_.sources == nullptr || spec.sources.empty())
      return failure("forward service " + spec.name + " by full_nat", "it has no addresses to come from");
    for (const net::IpAddress& address : spec.sources) {
      const auto source = context_.sources->get(address, spec.domain);
      if (!source) return tl::unexpected(source.error());
      into.sources.push_back(*source);
    }
    return {};
  }

  // Addresses in use, and those whose ports workers take until they have this policy.
  void add_answers() {
    std::set<SourceAddress*> wanted;
    const auto add_of = [&](const Policy& policy) {
      for (const Service& service : policy.services)
        wanted.insert(service.sources.begin(), service.sources.end());
    };
    add_of(*policy_);
    if (context_.before != nullptr) add_of(*context_.before);
    const std::size_t known = context_.sources == nullptr ? 0 : context_.sources->size();
    for (std::size_t id = 0; id < known; ++id) {
      SourceAddress& address = (*context_.sources)[static_cast<core::AddressId>(id)];
      if (!wanted.contains(&address) && address.free_runs() == SourceAddress::kRuns) continue;
      for (const std::uint8_t protocol : {net::protocol::kTcp, net::protocol::kUdp, net::protocol::kSctp}) {
        policy_->by_answer.add(Place::of(address.address(), address.domain()),
                               {.protocol = protocol, .value = &address});
      }
    }
  }

  // What its answers come from.
  Result<void> add_source(const BackendSpec& spec, const ServiceSpec& of, BackendId id) {
    const Place place = Place::of(spec.address, of.domain);
    for (const PortsSpec& ports : of.ports) {
      const std::uint16_t first = spec.port == 0 ? ports.first : spec.port;
      const std::uint16_t last = spec.port == 0 ? ports.last : spec.port;
      for (const auto& taken : sources_[{spec.address, of.domain}]) {
        const bool protocol = taken.protocol == ports.protocol || taken.protocol == 0 || ports.protocol == 0;
        if (!protocol || first > taken.last || taken.first > last) continue;
        return failure(fmt::format("forward service {} by nat to {}", of.name, spec.address.to_string()),
                       fmt::format("service {} has the same ports of it, so nobody could tell what an answer "
                                   "belongs to; give one of them full_nat, or another port",
                                   taken.service));
      }
      sources_[{spec.address, of.domain}].push_back({ports.protocol, first, last, of.name});
      policy_->by_source.add(place, {.protocol = ports.protocol, .first = first, .last = last, .value = id});
    }
    return {};
  }

  void make_slots(Service& service, ServiceId id) const {
    const Service* before = context_.before == nullptr ? nullptr : context_.before->service(id);
    const bool same =
        before != nullptr && before->scheduler == service.scheduler &&
        before->by_client == service.by_client && before->slots != nullptr &&
        before->slots->size() == size_of_table(service, before->slots->size()) &&
        context_.before->hash_seed == context_.hash_seed &&
        std::equal(before->choices.begin(), before->choices.end(), service.choices.begin(),
                   service.choices.end(), [](const Choice& a, const Choice& b) { return a == b; }) &&
        same_backends(service);
    if (same) {
      service.slots = before->slots;
      return;
    }
    service.slots = std::make_shared<const std::vector<BackendId>>(slots_of(service));
  }

  // A number may be another backend's by now.
  [[nodiscard]] bool same_backends(const Service& service) const {
    return std::ranges::all_of(service.choices, [&](const Choice& choice) {
      const Backend* before = context_.before->backend(choice.backend);
      const Backend& now = policy_->backends[choice.backend];
      return before != nullptr && before->address == now.address && before->port == now.port;
    });
  }

  [[nodiscard]] bool hashes(const Service& service) const {
    return service.scheduler == Scheduler::kMaglev || service.by_client;
  }
  [[nodiscard]] std::size_t size_of_table(const Service& service, std::size_t otherwise) const {
    return hashes(service) && !service.choices.empty() ? context_.table_size : otherwise;
  }

  [[nodiscard]] std::vector<BackendId> slots_of(const Service& service) const {
    if (service.choices.empty()) return {};
    if (hashes(service)) {
      std::vector<MaglevBackend> backends;
      for (const Choice& choice : service.choices) {
        const Backend& backend = policy_->backends[choice.backend];
        backends.push_back({.address = backend.address, .port = backend.port, .weight = choice.weight});
      }
      std::vector<BackendId> slots = maglev_table(backends, context_.table_size, context_.hash_seed);
      for (BackendId& slot : slots) slot = service.choices[slot].backend;
      return slots;
    }
    if (service.scheduler == Scheduler::kSourceHash) return shares(service.choices, kMostSlots);
    // Packets by themselves leave nothing open to count.
    if (service.scheduler == Scheduler::kWeightedRoundRobin || service.per_packet)
      return turns(service.choices, kMostSlots);
    return {};
  }

  struct Taken {
    std::uint8_t protocol;
    std::uint16_t first;
    std::uint16_t last;
    std::string service;
  };

  const PolicyContext& context_;
  std::shared_ptr<Policy> policy_ = std::make_shared<Policy>();
  std::map<std::pair<net::IpAddress, std::uint16_t>, std::vector<Taken>> sources_;
  std::set<std::tuple<net::IpAddress, std::uint16_t, std::uint8_t>> far_ends_;
};

}  // namespace

Result<std::shared_ptr<const Policy>> compile_policy(std::span<const ServiceSpec> services,
                                                     const PolicyContext& context) {
  return Compiler(context).run(services);
}

}  // namespace millrace::load_balancer
