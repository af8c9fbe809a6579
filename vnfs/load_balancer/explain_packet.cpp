// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/explain_packet.h"

#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/appliance/described_packet.h"
#include "common/appliance/packet_path.h"
#include "common/control/protocol.h"
#include "common/core/owner.h"
#include "common/net/icmp.h"
#include "vnfs/load_balancer/connection_ends.h"
#include "vnfs/load_balancer/connection_json.h"
#include "vnfs/load_balancer/connections_of.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/explain_choice.h"
#include "vnfs/load_balancer/names.h"
#include "vnfs/load_balancer/schedule.h"

namespace millrace::load_balancer {
namespace {

using boost::json::object;
using Kind = core::NextHop::Kind;

class Explanation {
 public:
  Explanation(appliance::Workers workers, const core::Snapshot& snapshot, const PoolKeeper& pools,
              const control::PacketDescription& described)
      : workers_(workers),
        network_(*snapshot.network),
        policy_(policy_of(snapshot)),
        pools_(pools),
        described_(described),
        built_(described),
        packet_(built_.packet()) {}

  Result<object> run() {
    auto path = appliance::find_path(network_, described_.interface, packet_);
    if (!path) return tl::unexpected(std::move(path.error()));
    path_ = std::move(*path);
    out_["packet"] = appliance::describe(described_);
    describe_path();
    out_["checks"] = appliance::describe(path_.checks, drop_reasons());
    judge();
    return std::move(out_);
  }

 private:
  // What the worker that has the flow knows of it.
  struct Seen {
    std::optional<Connection> connection;
    Direction direction = Direction::kForward;
    Tick now = 0;
    bool overflowed = false;
    bool full = false;
    std::optional<Chosen> chosen;  // for a connection that is new
  };

  [[nodiscard]] object describe_way(const core::NextHop& hop, core::InterfaceId egress) const {
    const bool out = egress.valid() && egress.value() < network_.interfaces.size();
    return {{"egress", out ? boost::json::value(network_.interfaces[egress.value()].name) : nullptr},
            {"next_hop", appliance::kind_name(hop.kind)}};
  }

  void describe_path() {
    const std::uint16_t domain = packet_.domain.value();
    out_["ingress"] =
        object{{"interface", network_.interfaces[packet_.ingress.value()].name},
               {"domain", domain < network_.domains.size() ? network_.domains[domain].name : ""},
               {"found_by", path_.ingress_found_by}};
    out_["route"] = nullptr;
    if (path_.hop != nullptr) out_["route"] = describe_way(*path_.hop, packet_.egress);
  }

  void verdict(std::string_view action, std::string_view summary) {
    out_["verdict"] = object{{"action", action}};
    out_["summary"] = summary;
  }
  template <class Reason>
  void drop(Reason reason) {
    const core::DropReason& why = appliance::reason_of(static_cast<std::uint8_t>(reason), drop_reasons());
    out_["verdict"] = object{{"action", "drop"}, {"reason", why.name}, {"sentence", why.sentence}};
    out_["summary"] = fmt::format("dropped ({}): {}", why.name, why.sentence);
  }
  // What egress makes of a packet that leaves by `hop`.
  void leave(const core::NextHop& hop, std::string_view action, std::string_view summary) {
    switch (hop.kind) {
      case Kind::kBlackhole:
        return drop(core::Drop::kBlackhole);
      case Kind::kProhibited:
      case Kind::kUnreachable:
        return drop(core::Drop::kProhibited);
      case Kind::kHost:
      case Kind::kFunction:
        return verdict("to_host", fmt::format("given to the Linux twin: {}", summary));
      case Kind::kForward:
        if (!network_.port_up[hop.port.value()]) return drop(core::Drop::kPortDown);
        break;
      case Kind::kResolve:
      case Kind::kWire:
        break;
    }
    verdict(action, summary);
  }
  void pass(std::string_view summary) { leave(*path_.hop, "pass", summary); }

  void judge() {
    out_["service"] = nullptr;
    out_["connection"] = nullptr;
    if (path_.refused()) return drop(path_.checks.back().reason);
    if (path_.to_host)
      return verdict("to_host", "given to the Linux twin, because it is for the appliance itself");
    if (net::is_icmp_error(packet_.headers)) {
      drop(Drop::kIcmpBadEmbedded);
      out_["summary"] = "an ICMP error goes the way of the packet inside it, and one without is dropped";
      return;
    }
    const std::uint16_t domain = packet_.domain.value();
    const BackendId* from = policy_.by_source.find(Place::of(described_.source, domain), described_.protocol,
                                                   described_.source_port);
    ConnectionEnds ends{.client = described_.source,
                        .service = described_.destination,
                        .client_port = be16(described_.source_port),
                        .service_port = be16(described_.destination_port),
                        .protocol = described_.protocol,
                        .domain = domain};
    if (from != nullptr) {
      // An answer is looked up as what it answers.
      const Backend& backend = policy_.backends[*from];
      ends.client = described_.destination;
      ends.service = policy_.services[backend.service].address;
      ends.client_port = be16(described_.destination_port);
      ends.service_port = backend.outward(be16(described_.source_port));
    }
    const ServiceId* to = from != nullptr || net::protocol::is_icmp(described_.protocol)
                              ? nullptr
                              : policy_.by_destination.find(Place::of(described_.destination, domain),
                                                            described_.protocol, described_.destination_port);
    judge(ends, from, to);
  }

  void judge(const ConnectionEnds& ends, const BackendId* from, const ServiceId* to) {
    const Client client{.address = ends.client,
                        .port = ends.client_port,
                        .service_port = ends.service_port,
                        .protocol = ends.protocol};
    Seen seen = look(ends, client, from != nullptr, to);
    // Another backend's word.
    if (from != nullptr && seen.connection && seen.connection->backend != *from) seen.connection.reset();
    if (seen.connection) {
      const Connection& connection = *seen.connection;
      out_["connection"] = to_json(connection, seen.now, worker_, policy_, network_);
      if (policy_.allows(connection)) return judge_known(connection, seen.direction, from != nullptr);
      if (!begins(packet_.headers)) {
        return drop(policy_.service(connection.service) == nullptr ? Drop::kServiceGone : Drop::kBackendGone);
      }
    }
    if (from != nullptr) return judge_unknown_answer(*from, client, seen);
    if (to == nullptr) return judge_nobodys();
    judge_new(*to, seen);
  }

  // Looks at what the flow's worker has, on its thread.
  Seen look(const ConnectionEnds& ends, const Client& client, bool is_answer, const ServiceId* service) {
    Seen seen;
    if (workers_.empty()) return seen;
    const unsigned bucket = policy_.bucket_of(packet_, packet_.headers.has_ports);
    worker_ = core::owner_of(bucket, static_cast<unsigned>(workers_.size()));
    core::Worker& worker = *workers_[worker_];
    worker.execute([&] {
      const WorkerState& state = state_of(worker);
      const flow::FlowTable<Connection>& flows = state.connections.flows();
      const flow::FlowLookup lookup = lookup_of(ends, flows.seed());
      const ConnectionIndex known = flows.find(lookup);
      if (known != kNoConnection) {
        seen.connection = flows[known];
        const bool by_client = flows[known].direction(lookup.sender) == Direction::kForward;
        seen.direction = by_client != is_answer ? Direction::kForward : Direction::kReverse;
      }
      seen.now = state.connections.now();
      seen.overflowed = state.overflowed(seen.now);
      seen.full = flows.size() == flows.capacity();
      if (service != nullptr) seen.chosen = choose_without_taking(policy_, *service, client, state.tallies);
    });
    return seen;
  }

  void judge_known(const Connection& connection, Direction direction, bool is_answer) {
    const Backend& backend = policy_.backends[connection.backend];
    describe_service(backend.service);
    describe_backend(connection.backend, "its connection has it");
    if (direction == Direction::kForward) {
      return balance(connection.backend, "its connection has that backend");
    }
    if (policy_.services[backend.service].forwarding != Forwarding::kNat)
      return pass("routed as it is: an answer that has the service's address already");
    if (!is_answer) return drop(Drop::kSpoofed);
    answer(backend, "it belongs to a connection that is known");
  }

  void judge_unknown_answer(BackendId from, const Client& client, const Seen& seen) {
    const Backend& backend = policy_.backends[from];
    const Service& service = policy_.services[backend.service];
    describe_service(backend.service);
    const bool by_hash = seen.overflowed && service.is_consistent() &&
                         choose_by_hash(service, hash_of(client, service, policy_.hash_seed)) == from;
    if (!by_hash)
      return pass("routed as it is: it comes from a backend's port, but belongs to no connection");
    describe_backend(from, "the client's hash falls on it");
    answer(backend, "the client's hash falls on this backend, and there was no room to remember connections");
  }

  void judge_nobodys() {
    const std::string address = described_.destination.to_string();
    std::string why = fmt::format("no service has the address {}", address);
    const bool known =
        policy_.by_destination.knows(Place::of(described_.destination, packet_.domain.value()));
    if (known && net::protocol::is_icmp(described_.protocol)) {
      why = fmt::format("{} is a service's address, and nobody balances ICMP messages", address);
    } else if (known) {
      why = fmt::format("{} is a service's address, but no service has its {}{}", address,
                        control::protocol_name(described_.protocol),
                        control::has_ports(described_.protocol)
                            ? fmt::format(" port {}", described_.destination_port)
                            : std::string());
    }
    out_["no_service"] = why;
    pass(path_.hop->kind == Kind::kFunction ? why : "routed as it is: " + why);
  }

  void judge_new(ServiceId id, const Seen& seen) {
    const Service& service = policy_.services[id];
    describe_service(id);
    out_["not_eligible"] = describe_not_eligible(policy_, id, pools_);
    const bool fresh = begins(packet_.headers);
    if (policy_.draining && fresh) return drop(Drop::kDraining);
    if (!service.is_consistent() && !fresh) return drop(Drop::kUnknownConnection);
    if (!seen.chosen || seen.chosen->backend == kNoId) {
      drop(Drop::kNoBackend);
      if (service.all_down == AllDown::kReject)
        out_["summary"] = std::string(out_["summary"].as_string()) + " The client is told.";
      return;
    }
    const std::string why = describe_choice(policy_, id, *seen.chosen, worker_);
    describe_backend(seen.chosen->backend, why);
    std::string tail =
        fresh ? "; it opens a connection" : "; it is in the middle of a connection that is not known here";
    if (seen.full) tail = "; it goes by its hash alone, because there is no room for another connection";
    balance(seen.chosen->backend, why + tail);
  }

  void describe_service(ServiceId id) {
    const Service& service = policy_.services[id];
    out_["service"] = object{{"name", service.name},
                             {"address", service.address.to_string()},
                             {"scheduler", name_of(service.scheduler)},
                             {"forwarding", name_of(service.forwarding)}};
  }

  void describe_backend(BackendId id, std::string_view why) {
    const Backend& backend = policy_.backends[id];
    out_["backend"] = object{
        {"address", name_of(backend)}, {"state", name_of(backend.state)}, {"worker", worker_}, {"why", why}};
  }

  // Forward::to_backend().
  void balance(BackendId id, std::string_view because) {
    const Backend& backend = policy_.backends[id];
    const Service& service = policy_.services[backend.service];
    const core::NextHopId way = network_.find_route(packet_.domain, backend.address);
    if (!way.valid()) return drop(core::Drop::kNoRoute);
    const core::NextHop& hop = network_.next_hops[way.value()];
    out_["way"] = describe_way(hop, hop.interface);
    const std::string to = text_of(backend.address, backend.inward(be16(described_.destination_port)));
    if (service.forwarding == Forwarding::kNat)
      becomes(text_of(described_.source, be16(described_.source_port)), to);
    leave(hop, "balance", fmt::format("balanced to {} of service {}, because {}", to, service.name, because));
  }

  // Forward::to_client().
  void answer(const Backend& backend, std::string_view because) {
    const Service& service = policy_.services[backend.service];
    becomes(text_of(service.address, backend.outward(be16(described_.source_port))),
            text_of(described_.destination, be16(described_.destination_port)));
    leave(*path_.hop, "answer",
          fmt::format("given to the client as an answer of service {}, because {}", service.name, because));
  }

  void becomes(std::string from, std::string to) {
    out_["becomes"] = object{{"source", std::move(from)}, {"destination", std::move(to)}};
  }

  appliance::Workers workers_;
  const core::Network& network_;
  const Policy& policy_;
  const PoolKeeper& pools_;
  const control::PacketDescription& described_;
  appliance::DescribedPacket built_;
  core::Packet& packet_;
  appliance::PacketPath path_;
  unsigned worker_ = 0;  // the flow's
  object out_;
};

}  // namespace

Result<object> explain_packet(appliance::Workers workers, const core::Snapshot& snapshot,
                              const PoolKeeper& pools, const object& description) {
  const auto packet = control::read_packet(description);
  if (!packet) return tl::unexpected(packet.error());
  return Explanation(workers, snapshot, pools, *packet).run();
}

}  // namespace millrace::load_balancer
