// SPDX-License-Identifier: BSD-3-Clause
// The services as they are to be right now: the profile's, with what the health of their backends, discovery
// and the operator made of them. Plain values, from which the policy is compiled.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vnfs/load_balancer/policy.h"

namespace millrace::load_balancer {

struct BackendSpec {
  net::IpAddress address;
  std::uint16_t port = 0;  // 0: that of the service
  std::uint32_t weight = 1;
  Backend::State state = Backend::State::kActive;  // not kAbsent
  std::optional<QuicServers::Id> server_id{};      // of QUIC connection ids
};

// Ports of one protocol, both ends included.
struct PortsSpec {
  std::uint8_t protocol = 0;  // 0: all, and all ports
  std::uint16_t first = 0;
  std::uint16_t last = 65'535;
};

struct ServiceSpec {
  std::string name;
  net::IpAddress address;
  std::uint16_t domain = 0;
  std::vector<PortsSpec> ports;  // at least one
  Scheduler scheduler = Scheduler::kMaglev;
  Forwarding forwarding = Forwarding::kNat;
  bool by_client = false;
  bool per_packet = false;
  AllDown all_down = AllDown::kReject;
  struct Quic {
    unsigned config = 0;
    std::size_t id_bytes = 4;
  };
  std::optional<Quic> quic{};
  std::uint16_t mss = 0;  // what SYNs into a tunnel are held to; 0: what fits
  Protection protection{};
  Timeouts timeouts;
  std::vector<BackendSpec> backends;
  std::vector<net::IpAddress> sources{};  // of full_nat
  core::PortSpan source_ports{};
  ClientAddress client_address = ClientAddress::kNone;
};

}  // namespace millrace::load_balancer
