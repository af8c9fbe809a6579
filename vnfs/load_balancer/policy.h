// SPDX-License-Identifier: BSD-3-Clause
// What the profile, the health of backends and the operator's changes come to, as the workers use it.
// Immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/serial.h"
#include "common/core/function.h"
#include "common/core/ownership.h"
#include "common/core/path_mtus.h"
#include "common/core/port_runs.h"
#include "common/net/tunnel_header.h"
#include "vnfs/load_balancer/endpoint_map.h"
#include "vnfs/load_balancer/quic_ids.h"
#include "vnfs/load_balancer/records.h"

namespace millrace::load_balancer {

enum class Scheduler : std::uint8_t { kMaglev, kWeightedRoundRobin, kLeastConnections, kSourceHash };
enum class Forwarding : std::uint8_t { kNat, kFullNat, kDirect, kIpip, kGue, kGre };
[[nodiscard]] constexpr net::Tunnel tunnel_of(Forwarding forwarding) noexcept {
  switch (forwarding) {
    case Forwarding::kIpip:
      return net::Tunnel::kIpIp;
    case Forwarding::kGre:
      return net::Tunnel::kGre;
    case Forwarding::kGue:
      return net::Tunnel::kGue;
    case Forwarding::kNat:
    case Forwarding::kFullNat:
    case Forwarding::kDirect:
      break;
  }
  return net::Tunnel::kNone;
}

// How a backend of full_nat learns the client's address.
enum class ClientAddress : std::uint8_t { kNone, kProxyProtocol, kToa };
enum class AllDown : std::uint8_t { kDrop, kReject };

struct Timeouts {  // milliseconds
  Tick tcp_established = 3'600'000;
  Tick tcp_opening = 60'000;
  Tick tcp_closing = 60'000;
  Tick udp = 120'000;
  Tick sctp = 3'600'000;
};

// What clients may take of a service's TCP, all workers together; 0: no limit (connection_limits.h).
struct Protection {
  std::uint32_t connections = 0;             // at a time
  std::uint32_t connections_per_client = 0;  // at a time
  std::uint32_t new_per_client = 0;          // per second
  bool syn_proxy = false;                    // SYNs are answered with cookies (syn_guard.h):
  std::uint32_t syn_proxy_above = 0;         // those above this rate per second; 0: all

  [[nodiscard]] bool limits_clients() const noexcept {
    return (connections_per_client | new_per_client) != 0;
  }
  [[nodiscard]] bool limits() const noexcept { return limits_clients() || connections != 0; }
};

// A backend of one service; the same host behind two services is two.
struct Backend {
  enum class State : std::uint8_t {
    kAbsent,    // not in this policy
    kActive,    // gets new connections
    kDown,      // fails its checks: keeps the connections it has
    kDraining,  // is taken away: the same, for some time
  };
  net::IpAddress address;
  std::uint16_t port = 0;          // 0: the one the client sends to
  std::uint16_t service_port = 0;  // that one, where `port` is another
  State state = State::kAbsent;
  ServiceId service = kNoId;

  [[nodiscard]] bool keeps() const noexcept { return state != State::kAbsent; }
  // Where a packet to this port of the service goes, and back.
  [[nodiscard]] be16 inward(be16 to) const noexcept { return port == 0 ? to : be16(port); }
  [[nodiscard]] be16 outward(be16 from) const noexcept { return port == 0 ? from : be16(service_port); }
};

struct Choice {
  BackendId backend = kNoId;
  std::uint32_t weight = 0;
};

struct Service {
  bool present = false;
  net::IpAddress address;
  std::uint16_t domain = 0;
  Scheduler scheduler = Scheduler::kMaglev;
  Forwarding forwarding = Forwarding::kNat;
  bool by_client = false;   // all connections of a client go to one backend
  bool per_packet = false;  // each packet of UDP goes by itself, and has no connection
  AllDown all_down = AllDown::kReject;
  std::uint16_t mss = 0;  // what SYNs into a tunnel are held to; 0: what fits
  Protection protection;
  Timeouts timeouts;
  // By hash or in turn; empty when no backend is active, or with kLeastConnections, which goes through
  // `choices`.
  std::shared_ptr<const std::vector<BackendId>> slots;
  std::vector<Choice> choices;                // active ones of a weight
  std::shared_ptr<const QuicServers> quic{};  // null: connection ids mean nothing
  // Of full_nat: what backends see its connections come from.
  std::vector<SourceAddress*> sources;
  core::PortSpan source_ports;
  ClientAddress client_address = ClientAddress::kNone;
  std::string name;  // for people

  // Whether any balancer with this policy would give a client the same backend, whenever it is asked.
  [[nodiscard]] bool is_consistent() const noexcept {
    return by_client || scheduler == Scheduler::kMaglev || scheduler == Scheduler::kSourceHash;
  }
};

class Policy final : public core::Policy, public core::Ownership {
 public:
  Serial serial;
  std::uint16_t generation = 0;
  bool draining = false;
  std::uint64_t hash_seed = 0;
  std::vector<Service> services;           // by ServiceId
  std::vector<Backend> backends;           // by BackendId
  EndpointMap<ServiceId> by_destination;   // services by what clients send to
  EndpointMap<BackendId> by_source;        // backends of `nat` services by what they answer from
  std::vector<net::TunnelHeader> tunnels;  // by BackendId; empty when no service has any
  EndpointMap<BackendId> by_tunnel;        // far ends, by protocol and port of the outer packet
  // Of far ends, by the number that by_tunnel has; null without tunnels.
  std::shared_ptr<core::PathMtus> path_mtus;
  // Source addresses by what answers go to, also those that some connection has from an earlier policy.
  EndpointMap<SourceAddress*> by_answer;

  [[nodiscard]] const Service* service(ServiceId id) const noexcept {
    return id < services.size() && services[id].present ? &services[id] : nullptr;
  }
  // Null when the policy does not have it any more.
  [[nodiscard]] const Backend* backend(BackendId id) const noexcept {
    return id < backends.size() && backends[id].keeps() ? &backends[id] : nullptr;
  }

  // Null when packets to the backend are in no tunnel.
  [[nodiscard]] const net::TunnelHeader* tunnel(BackendId id) const noexcept {
    return tunnels.empty() || tunnels[id].is_none() ? nullptr : &tunnels[id];
  }

  // The number of what stands at the other end of the backend's tunnel; of a backend that has one.
  [[nodiscard]] BackendId far_end(BackendId id) const noexcept {
    const Backend& backend = backends[id];
    const net::TunnelHeader& tunnel = tunnels[id];
    const std::uint16_t port = tunnel.tunnel() == net::Tunnel::kGue ? net::kGuePort : std::uint16_t{0};
    const BackendId* found =
        by_tunnel.find(Place::of(backend.address, services[backend.service].domain), tunnel.protocol(), port);
    return found == nullptr ? id : *found;
  }

  // Whether a connection that another policy allowed may go on.
  [[nodiscard]] bool allows(const Connection& connection) const noexcept {
    const Backend* has = backend(connection.backend);
    if (has == nullptr || has->service != connection.service) return false;
    const Service* its = service(connection.service);
    return its != nullptr && (its->forwarding == Forwarding::kFullNat) == (connection.source != nullptr);
  }

  [[nodiscard]] const core::Ownership* ownership() const noexcept override {
    return by_source.empty() && by_answer.empty() ? nullptr : this;
  }
  // That of the client's packets, as RSS spreads them; answers are led there.
  [[nodiscard]] unsigned bucket_of(const core::Packet& packet, bool with_ports) const noexcept override;
};

}  // namespace millrace::load_balancer
