// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/translate_prefix.h"

#include <algorithm>
#include <cstddef>

#include "common/core/answer_first.h"
#include "common/net/icmp.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/way_out.h"

namespace millrace::nat {
namespace {

using core::Batch;
using core::Packet;
using net::Ipv6Header;

// The header of the packet inside an ICMP error; null when it is not there as a whole.
Ipv6Header* quoted_header(const Packet& packet) noexcept {
  const std::size_t at = packet.headers.payload_offset;
  const std::size_t present = std::min<std::size_t>(packet.mbuf->data_len, packet.headers.end_offset);
  if (present < at + sizeof(Ipv6Header)) return nullptr;
  auto* header = reinterpret_cast<Ipv6Header*>(packet.bytes() + at);
  return header->version() == 6 ? header : nullptr;
}

bool is_own(const core::Network& network, const core::NextHop& hop,
            const net::Ipv6Address& address) noexcept {
  return hop.interface.valid() && network.interfaces[hop.interface.value()].has(address);
}

}  // namespace

// What the packet's addresses will be, and those of the packet inside it, and where it is routed by them.
struct TranslatePrefix::Ends {
  net::Ipv6Address source;
  net::Ipv6Address destination;
  core::DomainId domain{0};
  bool routed = false;  // Packet::next_hop is the way already
  Ipv6Header* quoted = nullptr;
  net::Ipv6Address quoted_source{};
  net::Ipv6Address quoted_destination{};

  explicit Ends(const Packet& packet) noexcept
      : source(packet.l3_as<Ipv6Header>().source),
        destination(packet.l3_as<Ipv6Header>().destination),
        domain(packet.domain) {
    if (!net::is_icmp_error(packet.headers)) return;
    quoted = quoted_header(packet);
    if (quoted == nullptr) return;
    quoted_source = quoted->source;
    quoted_destination = quoted->destination;
  }
};

// `place` of the address in its header. False when it has no counterpart: the packet is dropped then, and its
// sender told.
bool TranslatePrefix::map(Batch& batch, Packet& packet, const MappedNetwork* network, bool outward,
                          net::Ipv6Address& address, std::size_t place) noexcept {
  if (network == nullptr) return true;
  if (outward ? network->map.to_outside(address) : network->map.to_inside(address)) [[likely]]
    return true;
  // RFC 6296 section 3.2, and section 3.7 with erratum 8757.
  core::Originator::Error error{net::icmpv6::kUnreachable, outward ? net::icmpv6::kCodeSourcePolicy
                                                                   : net::icmpv6::kCodeAddressUnreachable};
  if (!network->map.adjusts_subnet()) {
    error = {net::icmpv6::kParameterProblem, net::icmpv6::kCodeErroneousField,
             static_cast<std::uint32_t>(place)};
  }
  state.services.originator.icmp_error(packet, *batch.network, {}, error);
  batch.drop(packet, Drop::kNoCounterpart);
  return false;
}

// No checksum changes with the addresses, not even that of an error over the packet inside it.
void TranslatePrefix::send(Batch& batch, Packet& packet, const Ends& ends) noexcept {
  core::Originator& originator = state.services.originator;
  if (!ends.routed && !find_way_out(batch, packet, ends.destination, ends.domain, originator)) return;
  const core::NextHop& hop = batch.network->next_hops[packet.next_hop.value()];
  // The gateway has its own addresses on both sides, and would answer from the one asked for.
  if (hop.kind == core::NextHop::Kind::kHost) return batch.drop(packet, Drop::kNotTranslated);
  if (!core::goes_on(batch, packet, hop, originator)) return;
  auto& ip = packet.l3_as<Ipv6Header>();
  ip.source = ends.source;
  ip.destination = ends.destination;
  if (ends.quoted != nullptr) {
    ends.quoted->source = ends.quoted_source;
    ends.quoted->destination = ends.quoted_destination;
  }
  packet.domain = ends.domain;
  packet.rewritten = true;
}

void TranslatePrefix::outward(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const MappedNetworks& networks = policy.mapped_networks;
  const core::Network& network = *batch.network;
  Ends ends(packet);
  const MappedNetwork* own = networks.of_inside(packet.domain, ends.source);
  // An error may come from a router inside whose own address is none of these.
  const MappedNetwork* told =
      ends.quoted == nullptr ? nullptr : networks.of_inside(packet.domain, ends.quoted_destination);
  ends.domain = networks.outside_domain();
  core::NextHopId way = packet.next_hop;
  if (way.valid()) {
    const core::NextHop& hop = network.next_hops[way.value()];
    const bool turns = hop.kind == core::NextHop::Kind::kFunction;
    if (!turns && policy.role(packet.egress) != Role::kOutside) return;
    if (turns && (networks.of_outside(ends.destination) == nullptr || is_own(network, hop, ends.destination)))
      return;
  }
  if (packet.domain != ends.domain) way = network.find_route(ends.domain, ends.destination);
  const bool turns = way.valid() && network.next_hops[way.value()].kind == core::NextHop::Kind::kFunction;
  const MappedNetwork* other = turns ? networks.of_outside(ends.destination) : nullptr;
  if (own == nullptr && told == nullptr && other == nullptr) return;
  if (net::is_icmp_error(packet.headers) && ends.quoted == nullptr)
    return batch.drop(packet, Drop::kIcmpBadEmbedded);
  if (other != nullptr && !policy.hairpin) return batch.drop(packet, Drop::kHairpinOff);
  if (!map(batch, packet, own, true, ends.source, offsetof(Ipv6Header, source)) ||
      !map(batch, packet, told, true, ends.quoted_destination, offsetof(Ipv6Header, source)))
    return;
  // RFC 6296 section 4.3: as if it had left and come back.
  if (other != nullptr) return enter(batch, packet, *other, ends, policy);
  ends.routed = packet.domain == ends.domain && packet.next_hop.valid();
  send(batch, packet, ends);
}

// To a host that is known outside by another address.
void TranslatePrefix::enter(Batch& batch, Packet& packet, const MappedNetwork& network, Ends& ends,
                            const Policy& policy) noexcept {
  const MappedNetwork* told =
      ends.quoted == nullptr ? nullptr : policy.mapped_networks.of_outside(ends.quoted_source);
  if (!map(batch, packet, &network, false, ends.destination, offsetof(Ipv6Header, destination)) ||
      !map(batch, packet, told, false, ends.quoted_source, offsetof(Ipv6Header, destination)))
    return;
  ends.domain = network.domain;
  send(batch, packet, ends);
}

void TranslatePrefix::inward(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  if (!packet.next_hop.valid()) return;
  const MappedNetworks& networks = policy.mapped_networks;
  const core::NextHop& hop = batch.network->next_hops[packet.next_hop.value()];
  Ends ends(packet);
  if (hop.kind != core::NextHop::Kind::kFunction) {
    // To an inside address as it is: the answer would not come from there.
    if (policy.role(packet.egress) == Role::kInside &&
        networks.of_inside(packet.domain, ends.destination) != nullptr)
      batch.drop(packet, Drop::kNotTranslated);
    return;
  }
  const MappedNetwork* network =
      packet.domain == networks.outside_domain() ? networks.of_outside(ends.destination) : nullptr;
  if (network == nullptr || is_own(*batch.network, hop, ends.destination)) return;
  if (net::is_icmp_error(packet.headers) && ends.quoted == nullptr)
    return batch.drop(packet, Drop::kIcmpBadEmbedded);
  enter(batch, packet, *network, ends, policy);
}

void TranslatePrefix::process(Batch& batch, const Policy& policy) noexcept {
  for (Packet& packet : batch) {
    if (!packet.headers.is_ipv6()) continue;
    const Role side = policy.side(packet);
    if (side == Role::kInside) {
      outward(batch, packet, policy);
    } else if (side == Role::kOutside) {
      inward(batch, packet, policy);
    }
  }
}

}  // namespace millrace::nat
