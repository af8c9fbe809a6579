// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/ways.h"

#include <algorithm>
#include <limits>

namespace millrace::vpn {
namespace {

// So that offsets of a frame fit in 16 bits, link header included.
constexpr unsigned kMostDatagram = 0xffff - 64;

// The routing domain of the interface with the address; that of the first interface when none has it.
core::DomainId domain_of(const net::IpAddress& local, const core::Network& network) noexcept {
  for (const core::Interface& interface : network.interfaces) {
    if (interface.has(local)) return interface.domain;
  }
  return core::DomainId(0);
}

// The largest datagram that the tunnel's own interface takes.
std::uint16_t interface_mtu(const Outbound& association, const core::Network& network) noexcept {
  if (association.interface != 0) {
    for (const core::Interface& interface : network.interfaces) {
      if (interface.tunnel == association.interface) return interface.mtu;
    }
  }
  return std::numeric_limits<std::uint16_t>::max();
}

// Bytes of the largest payload whose datagram, padded and sealed, has `mtu` bytes at most.
unsigned largest_payload(const Outbound& association, unsigned mtu) noexcept {
  const unsigned around = association.header.length() + association.esp_overhead;
  if (around >= mtu) return 0;
  const unsigned align = association.state->esp.layout.align;
  const unsigned text = (mtu - around) / align * align;
  return text - std::min(text, EspLayout::kTrailer);
}

}  // namespace

void Ways::find(const Outbound& association, const core::Network& network, const core::PathMtus& mtus,
                Way& way) noexcept {
  way = {};
  way.found_in = turn_;
  way.hop = network.find_route(domain_of(association.local, network), association.key.remote);
  if (!way.hop.valid()) return;
  const core::NextHop& hop = network.next_hops[way.hop.value()];
  way.egress = hop.interface;
  way.mtu = hop.mtu;
  if (const auto path = mtus.find(association.slot, now_); path.mtu != 0) {
    way.mtu = std::min(way.mtu, path.mtu);
    first_end_ = some_end_ ? std::min(first_end_, path.left) : path.left;
    some_end_ = true;
  }
  if (hop.kind != core::NextHop::Kind::kForward && hop.kind != core::NextHop::Kind::kResolve) return;
  way.room =
      static_cast<std::uint16_t>(largest_payload(association, std::min<unsigned>(way.mtu, kMostDatagram)));
  way.room = std::min(way.room, interface_mtu(association, network));
}

}  // namespace millrace::vpn
