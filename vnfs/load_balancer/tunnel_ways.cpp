// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/tunnel_ways.h"

#include <algorithm>

namespace millrace::load_balancer {
namespace {

// So that offsets of a frame fit in 16 bits, link header included.
constexpr unsigned kMostDatagram = 0xffff - 64;

// Bytes that need nothing but the headers.
std::uint16_t plain_room(const core::NextHop& hop, unsigned mtu, const net::TunnelHeader& header,
                         const core::Network& network) noexcept {
  if (hop.kind != core::NextHop::Kind::kForward || !network.port_up[hop.port.value()]) return 0;
  const unsigned most = std::min(mtu, kMostDatagram);
  return static_cast<std::uint16_t>(most - std::min(most, header.length()));
}

}  // namespace

void TunnelWays::find(BackendId id, core::DomainId domain, const core::Network& network,
                      const Policy& policy) noexcept {
  TunnelWay& way = (*ways_)[id];
  net::TunnelHeader& header = (*headers_)[id];
  way = {};
  way.found_in = turn_;
  header = policy.tunnels[id];
  if (header.is_none()) return;
  way.hop = network.find_route(domain, policy.backends[id].address);
  if (!way.hop.valid()) return;
  const core::NextHop& hop = network.next_hops[way.hop.value()];
  way.egress = hop.interface;
  way.mtu = hop.mtu;
  if (const auto path = policy.path_mtus->find(policy.far_end(id), now_); path.mtu != 0) {
    way.mtu = std::min(way.mtu, path.mtu);
    first_end_ = some_end_ ? std::min(first_end_, path.left) : path.left;
    some_end_ = true;
  }
  if (hop.kind != core::NextHop::Kind::kForward && hop.kind != core::NextHop::Kind::kResolve) return;
  const net::IpAddress* source = network.interfaces[hop.interface.value()].address(header.family());
  if (source == nullptr) return;
  header.set_source(*source);
  way.room = plain_room(hop, way.mtu, header, network);
}

}  // namespace millrace::load_balancer
