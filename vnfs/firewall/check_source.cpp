// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/check_source.h"

namespace millrace::firewall {

std::optional<Drop> refuse_source(const core::Packet& packet, const core::Network& network,
                                  ReversePath reverse_path) noexcept {
  using Kind = core::NextHop::Kind;
  const bool routed =
      network.forwarding == core::Forwarding::kRouted && network.service_of(packet.ingress) == nullptr;
  if (!routed) return std::nullopt;  // no route says where a source is
  const core::NextHopId back =
      packet.headers.is_ipv4() ? network.find_route(packet.domain, packet.l3_as<net::Ipv4Header>().source)
                               : network.find_route(packet.domain, packet.l3_as<net::Ipv6Header>().source);
  const core::NextHop* hop = back.valid() ? &network.next_hops[back.value()] : nullptr;
  if (hop != nullptr && hop->kind == Kind::kHost) return Drop::kSpoofedLocal;
  if (reverse_path == ReversePath::kOff) return std::nullopt;
  // A route that discards leads nowhere: so a black hole for a prefix also stops what claims to come from it
  // (RFC 5635).
  const bool reachable = hop != nullptr && (hop->kind == Kind::kForward || hop->kind == Kind::kResolve);
  if (!reachable) return Drop::kReversePath;
  const bool strict = reverse_path == ReversePath::kStrict;
  if (strict && hop->interface != packet.ingress &&
      !network.leads_by(packet.domain, packet.source(), packet.ingress))
    return Drop::kReversePath;
  return std::nullopt;
}

}  // namespace millrace::firewall
