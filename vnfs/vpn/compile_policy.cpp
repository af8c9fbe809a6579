// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/compile_policy.h"

#include <chrono>
#include <limits>

namespace millrace::vpn {
namespace {

// Exceptions go before what is protected, whoever told it.
constexpr std::uint32_t kExceptionPriority = 0;
constexpr std::uint32_t kTunnelPriority = 1;
// What a connection is to carry goes by no other way while there is no tunnel: behind all that charon tells.
constexpr std::uint32_t kClosedPriority = std::numeric_limits<std::uint32_t>::max();

const net::Prefix kAllIpv4{net::IpAddress(net::Ipv4Address{}), 0};
const net::Prefix kAllIpv6{net::IpAddress(net::Ipv6Address{}), 0};

Ports ports_of(const std::optional<profile::PortRange>& range) {
  return range ? Ports{range->first, range->last} : Ports{};
}

std::vector<Selector> selectors_of(const profile::Tunnel& tunnel) {
  std::vector<Selector> selectors;
  for (const profile::Networks& networks : tunnel.networks)
    selectors.push_back({.local = *networks.local,
                         .remote = *networks.remote,
                         .protocol = networks.protocol.value_or(0),
                         .local_ports = ports_of(networks.local_ports),
                         .remote_ports = ports_of(networks.remote_ports)});
  if (selectors.empty() && tunnel.interface != 0)
    return {{.local = kAllIpv4, .remote = kAllIpv4}, {.local = kAllIpv6, .remote = kAllIpv6}};
  if (selectors.empty())
    selectors.push_back({.local = net::Prefix::of(*tunnel.local, tunnel.local->bits()),
                         .remote = net::Prefix::of(*tunnel.remote, tunnel.remote->bits())});
  return selectors;
}

// The key of a file is used again after a restart, when numbers begin anew; packets are fewer than
// nanoseconds.
std::uint64_t nanoseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

Result<AssociationSpec> association_of(const profile::Tunnel& tunnel, const profile::Keys& keys,
                                       bool outbound, std::uint32_t number) {
  const crypto::SuiteSizes sizes = crypto::sizes_of(*keys.suite);
  auto key = profile::read_key(*keys.key, std::size_t{sizes.cipher_key} + sizes.salt);
  if (!key) return tl::unexpected(std::move(key.error()));
  crypto::Secret integrity_key;
  if (keys.integrity_key.value) {
    auto read = profile::read_key(*keys.integrity_key.value, sizes.integrity_key);
    if (!read) return tl::unexpected(std::move(read.error()));
    integrity_key = std::move(*read);
  }
  AssociationSpec spec{.key = {.outbound = outbound, .spi = *keys.spi, .remote = *tunnel.remote},
                       .local = *tunnel.local,
                       .mode = tunnel.mode,
                       .suite = *keys.suite,
                       .cipher_key = std::move(*key),
                       .integrity_key = std::move(integrity_key),
                       .extended = tunnel.extended_sequence_numbers,
                       .window = *tunnel.replay_window,
                       .udp = {},
                       .tunnel = number,
                       .interface = tunnel.interface,
                       .selectors = selectors_of(tunnel),
                       .iv_base = nanoseconds_now()};
  if (tunnel.nat_traversal) spec.udp = {tunnel.nat_traversal->local_port, tunnel.nat_traversal->remote_port};
  return spec;
}

}  // namespace

Result<Configured> read_tunnels(const profile::Section& profile) {
  Configured configured;
  std::uint32_t number = kFirstProfileTunnel;
  for (const profile::Tunnel& tunnel : profile.tunnels) {
    for (const bool outbound : {false, true}) {
      auto spec = association_of(tunnel, outbound ? tunnel.out : tunnel.in, outbound, number);
      if (!spec) return tl::unexpected(std::move(spec.error()));
      configured.associations.push_back(std::move(*spec));
    }
    const AssociationKey outbound{.outbound = true, .spi = *tunnel.out.spi, .remote = *tunnel.remote};
    for (const Selector& selector : selectors_of(tunnel))
      configured.policies.push_back({.selector = selector,
                                     .priority = kTunnelPriority,
                                     .tunnel = number,
                                     .outbound = outbound,
                                     .interface = tunnel.interface});
    ++number;
  }
  for (const profile::Connection& connection : profile.connections) {
    if (connection.interface != 0) continue;  // routes say what goes there
    for (const profile::Protected& one : connection.networks) {
      if (!one.local || !one.remote) continue;
      configured.policies.push_back({.selector = {.local = *one.local,
                                                  .remote = *one.remote,
                                                  .protocol = one.protocol.value_or(0),
                                                  .local_ports = ports_of(one.local_ports),
                                                  .remote_ports = ports_of(one.remote_ports)},
                                     .priority = kClosedPriority});
    }
  }
  for (const profile::Exception& one : profile.exceptions)
    configured.policies.push_back({.selector = {.local = *one.local, .remote = *one.remote},
                                   .action = one.action,
                                   .priority = kExceptionPriority});
  return configured;
}

}  // namespace millrace::vpn
