// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/policy.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "common/core/embedded.h"
#include "common/net/icmp.h"
#include "vnfs/nat/pptp_alg.h"

namespace millrace::nat {
namespace {

bool any_contains(const std::vector<net::Prefix>& prefixes, const net::IpAddress& address) noexcept {
  return prefixes.empty() ||
         std::ranges::any_of(prefixes, [&](const net::Prefix& prefix) { return prefix.contains(address); });
}

constexpr auto kByAddress = [](const Policy::Place& place) {
  return std::pair(place.address->domain(), place.address->address().value.host());
};

}  // namespace

bool Rule::matches(core::InterfaceId interface, const net::IpAddress& source,
                   const net::IpAddress& destination) const noexcept {
  const bool arrival = interfaces.empty() || std::ranges::find(interfaces, interface) != interfaces.end();
  return arrival && any_contains(sources, source) && any_contains(destinations, destination);
}

unsigned bucket_of_inside(const net::IpAddress& address) noexcept {
  return core::symmetric_hash(core::folded_words(address)) % core::kOwnerBuckets;
}

void Policy::settle() {
  places_.clear();
  for (std::size_t pool = 0; pool < pools.size(); ++pool) {
    std::ranges::sort(pools[pool].addresses, {}, &OutsideAddress::address);
    for (OutsideAddress* address : pools[pool].addresses)
      places_.push_back({address, static_cast<std::uint16_t>(pool)});
  }
  std::ranges::sort(places_, {}, kByAddress);
}

bool Policy::is_ours(const net::IpAddress& address, core::DomainId domain,
                     const core::Network& network) const noexcept {
  using Kind = core::NextHop::Kind;
  const core::NextHopId back = network.find_route(domain, address);
  if (!back.valid()) return false;
  const core::NextHop& hop = network.next_hops[back.value()];
  return hop.kind == Kind::kFunction || hop.kind == Kind::kHost || role(hop.interface) == Role::kInside;
}

const Rule* Policy::match(core::InterfaceId interface, const net::IpAddress& source,
                          const net::IpAddress& destination) const noexcept {
  const auto found = std::ranges::find_if(
      rules, [&](const Rule& rule) { return rule.matches(interface, source, destination); });
  return found == rules.end() ? nullptr : &*found;
}

const Policy::Place* Policy::find(net::Ipv4Address address, std::uint16_t domain) const noexcept {
  const std::pair wanted(domain, address.value.host());
  const auto found = std::ranges::lower_bound(places_, wanted, {}, kByAddress);
  return found != places_.end() && kByAddress(*found) == wanted ? &*found : nullptr;
}

bool Policy::gives(const net::IpAddress& subscriber, std::uint16_t pool) const noexcept {
  return std::ranges::any_of(
      rules, [&](const Rule& rule) { return rule.pool == pool && any_contains(rule.sources, subscriber); });
}

bool Policy::keeps(const net::IpAddress& subscriber, const Lease& lease,
                   const Mapping& mapping) const noexcept {
  const Place* place = find(mapping.outside().ipv4(), mapping.domain);
  if (place == nullptr || !pools[place->pool].has_port(mapping.outside_port_host())) return false;
  if (!port_control && !lease.pinhole) return false;
  return subscriber.is_v4() ? gives(subscriber, place->pool) : nat64 && nat64->rule.pool == place->pool;
}

std::optional<unsigned> Policy::owner_of_outside(Endpoint outside, std::uint8_t protocol,
                                                 std::uint16_t domain) const noexcept {
  if (!statics.empty()) {
    if (const auto inside = statics.inside_of(outside, protocol, domain))
      return bucket_of_inside(inside->end.ipv4());
  }
  const Place* place = find(outside.ipv4(), domain);
  if (place == nullptr) return std::nullopt;
  return place->address->bucket_of(outside.wire_port().host());
}

// The outside id of a call is its control connection's port, or a server's behind a forwarded port.
std::optional<unsigned> Policy::owner_of_call(net::Ipv4Address outside, be16 call,
                                              std::uint16_t domain) const noexcept {
  const auto server =
      statics.inside_of(Endpoint::of(outside, be16(pptp::kControlPort)), net::protocol::kTcp, domain);
  if (server) return bucket_of_inside(server->end.ipv4());
  return owner_of_outside(Endpoint::of(outside, call), net::protocol::kTcp, domain);
}

// Both directions of a session go to the bucket of the inside address. A packet from outside is led there by
// the port's owner; what shows none, or nobody's, is dropped in the end and may be dropped anywhere.
unsigned Policy::bucket_of(const core::Packet& packet, bool with_ports) const noexcept {
  const Role from = side(packet);
  const net::Headers& headers = packet.headers;
  net::Headers embedded;
  const bool error =
      net::is_icmp_error(headers) && !headers.is_fragment && core::read_embedded(packet, embedded);
  const std::uint8_t* l3 = packet.bytes() + embedded.l3_offset;
  const auto& inner = *reinterpret_cast<const net::Ipv4Header*>(l3);
  if (from == Role::kInside) {
    // An error may come from a router behind which the host is: the host's own packet tells.
    if (!error) return bucket_of_inside(packet.source());
    return bucket_of_inside(headers.is_ipv4()
                                ? net::IpAddress(inner.destination)
                                : net::IpAddress(reinterpret_cast<const net::Ipv6Header*>(l3)->destination));
  }
  if (from == Role::kOutside && headers.is_ipv4()) {
    std::optional<unsigned> owner;
    const net::Ipv4Address destination = packet.l3_as<net::Ipv4Header>().destination;
    if (error) {
      owner = owner_of_outside(Endpoint::of(inner.source, embedded.source_port), embedded.protocol,
                               packet.domain.value());
    } else if (with_ports) {
      owner = owner_of_outside(Endpoint::of(destination, headers.destination_port), headers.protocol,
                               packet.domain.value());
    } else if (const auto inside = statics.inside_of_whole(destination, packet.domain.value())) {
      owner = bucket_of_inside(*inside);
    } else if (const pptp::TunnelHeader* tunnel = tunnel_header(packet);
               tunnel != nullptr && algs.has(AlgKind::kPptp)) {
      owner = owner_of_call(destination, tunnel->call_id, packet.domain.value());
    }
    if (owner) return *owner;
  }
  return core::owner_hash(headers, packet.l3(), with_ports) % core::kOwnerBuckets;
}

}  // namespace millrace::nat
