// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/balancer_services.h"

namespace millrace::fuzz {
namespace {

using load_balancer::BackendSpec;
using load_balancer::ClientAddress;
using load_balancer::Forwarding;
using load_balancer::PortsSpec;
using load_balancer::QuicServers;
using load_balancer::Scheduler;
using load_balancer::ServiceSpec;
using testing::backend_at;

constexpr std::string_view kWholeAddress = "203.0.113.81";
constexpr std::string_view kWholeAddress6 = "2001:db8:80::81";

constexpr load_balancer::Timeouts kTimeouts{
    .tcp_established = 100'000, .tcp_opening = 6'000, .tcp_closing = 10'000, .udp = 20'000, .sctp = 30'000};

std::string host(bool ipv6, unsigned number) {
  return (ipv6 ? "2001:db8:10::" : "10.0.0.") + std::to_string(number);
}

bool is_tunnel(ServiceKind kind) {
  return kind == ServiceKind::kIpip || kind == ServiceKind::kGre || kind == ServiceKind::kGue;
}
bool is_full_nat(ServiceKind kind) {
  return kind == ServiceKind::kProxyProtocol || kind == ServiceKind::kToa || kind == ServiceKind::kFullNat ||
         kind == ServiceKind::kAcross;
}

std::vector<BackendSpec> backends_of(ServiceKind kind, bool ipv6) {
  if (kind == ServiceKind::kWhole) return {backend_at(host(ipv6, 19))};
  if (is_tunnel(kind)) {
    // Behind a narrow link, of the other family, and where we have no address to come from.
    return {backend_at(host(ipv6, 17)), backend_at(ipv6 ? "2001:db8:19::11" : "10.9.0.11"),
            backend_at(host(!ipv6, 18)), backend_at("2001:db8:18::11")};
  }
  if (kind == ServiceKind::kDirect || is_full_nat(kind)) {
    const std::uint16_t port = kind == ServiceKind::kToa ? 8085 : 0;
    const bool as_ipv6 = ipv6 != (kind == ServiceKind::kAcross);
    return {backend_at(host(as_ipv6, 14), 1, port), backend_at(host(as_ipv6, 15), 1, port),
            backend_at(host(as_ipv6, 16), 1, port)};
  }
  std::vector<BackendSpec> backends;
  for (std::uint8_t place = 1; place <= 3; ++place) {
    const std::uint16_t port = kind == ServiceKind::kCookies ? 8081 : 0;
    backends.push_back(backend_at(host(ipv6, 10U + place), place, port));
    if (kind == ServiceKind::kQuic) backends.back().server_id = QuicServers::Id{0xab, place};
  }
  return backends;
}

std::vector<PortsSpec> ports_of(ServiceKind kind, std::uint16_t port) {
  const PortsSpec tcp{net::protocol::kTcp, port, port};
  const PortsSpec udp{net::protocol::kUdp, port, port};
  switch (kind) {
    case ServiceKind::kWhole:
      return {PortsSpec{}};
    case ServiceKind::kQuic:
    case ServiceKind::kPackets:
      return {udp};
    case ServiceKind::kCookies:
    case ServiceKind::kProxyProtocol:
    case ServiceKind::kToa:
    case ServiceKind::kLimited:
      return {tcp};
    case ServiceKind::kFullNat:
      return {tcp, udp, {net::protocol::kSctp, port, port}};
    default:
      return {tcp, udp};
  }
}

ServiceSpec service_of(ServiceKind kind, bool ipv6) {
  const ServiceEnd end = end_of(kind, ipv6);
  ServiceSpec service{.name = std::to_string(static_cast<unsigned>(kind)) + (ipv6 ? "-6" : "-4"),
                      .address = *net::IpAddress::parse(end.address),
                      .ports = ports_of(kind, end.port),
                      .timeouts = kTimeouts,
                      .backends = backends_of(kind, ipv6)};
  if (is_full_nat(kind)) {
    service.forwarding = Forwarding::kFullNat;
    const bool from_ipv6 = ipv6 != (kind == ServiceKind::kAcross);
    service.sources = {*net::IpAddress::parse(from_ipv6 ? testing::kSource6 : testing::kSource)};
  }
  switch (kind) {
    case ServiceKind::kCookies:
      service.protection.syn_proxy = true;
      break;
    case ServiceKind::kQuic:
      service.quic = ServiceSpec::Quic{.config = kQuicConfig, .id_bytes = 2};
      break;
    case ServiceKind::kPackets:
      service.per_packet = true;
      service.scheduler = Scheduler::kWeightedRoundRobin;
      break;
    case ServiceKind::kProxyProtocol:
      service.client_address = ClientAddress::kProxyProtocol;
      break;
    case ServiceKind::kToa:
      service.client_address = ClientAddress::kToa;
      break;
    case ServiceKind::kDirect:
      service.forwarding = Forwarding::kDirect;
      break;
    case ServiceKind::kIpip:
      service.forwarding = Forwarding::kIpip;
      break;
    case ServiceKind::kGre:
      service.forwarding = Forwarding::kGre;
      break;
    case ServiceKind::kGue:
      service.forwarding = Forwarding::kGue;
      service.mss = 536;
      break;
    case ServiceKind::kLimited:
      service.scheduler = Scheduler::kLeastConnections;
      service.protection = {.connections = 12, .connections_per_client = 4, .new_per_client = 3};
      break;
    default:
      break;
  }
  return service;
}

// The same services otherwise. Their backends stay, and so may the connections.
void vary(ServiceSpec& service, ServiceKind kind, bool ipv6, unsigned variant) {
  service.all_down = variant == 1 ? load_balancer::AllDown::kDrop : load_balancer::AllDown::kReject;
  if (variant == 2) {
    service.source_ports = {1024, 1024 + 64 * 12 - 1};
    service.protection = {};
    if (kind == ServiceKind::kFullNat) service.forwarding = Forwarding::kNat;
  } else if (variant == 1) {
    service.timeouts.udp = 5'000;
    if (kind == ServiceKind::kNat) service.scheduler = Scheduler::kLeastConnections;
    if (kind == ServiceKind::kDirect) service.scheduler = Scheduler::kSourceHash;
    if (kind == ServiceKind::kFullNat) service.by_client = true;
    if (kind == ServiceKind::kCookies) service.protection.syn_proxy_above = 2;
    if (kind == ServiceKind::kAcross) {
      service.ports.resize(1);
      service.client_address = ipv6 ? ClientAddress::kToa : ClientAddress::kProxyProtocol;
    }
    if (kind == ServiceKind::kIpip) service.forwarding = Forwarding::kGre;
    if (kind == ServiceKind::kGre) service.forwarding = Forwarding::kGue;
    if (kind == ServiceKind::kProxyProtocol) service.client_address = ClientAddress::kToa;
    if (kind == ServiceKind::kToa) service.client_address = ClientAddress::kNone;
    if (kind == ServiceKind::kWhole) service.scheduler = Scheduler::kWeightedRoundRobin;
  }
}

}  // namespace

ServiceEnd end_of(ServiceKind kind, bool ipv6) {
  const auto port = static_cast<std::uint16_t>(kFirstPort + static_cast<unsigned>(kind));
  if (kind == ServiceKind::kWhole) return {ipv6 ? kWholeAddress6 : kWholeAddress, port};
  return {ipv6 ? testing::kService6 : testing::kService, port};
}

testing::BalancerSpec balancer_spec(unsigned variant) {
  testing::BalancerSpec spec{.services = {}, .table_size = 31};
  for (unsigned number = 0; number < 2 * kServiceKinds; ++number) {
    const auto kind = static_cast<ServiceKind>(number / 2);
    spec.services.push_back(service_of(kind, number % 2 != 0));
    vary(spec.services.back(), kind, number % 2 != 0, variant);
  }
  return spec;
}

}  // namespace millrace::fuzz
