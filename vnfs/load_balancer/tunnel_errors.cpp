// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/tunnel_errors.h"

#include <algorithm>

#include "common/core/embedded.h"
#include "common/core/icmp_message.h"
#include "vnfs/load_balancer/drops.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::Packet;

Place destination_in(const Packet& packet, const net::Headers& headers) noexcept {
  const std::uint8_t* l3 = packet.bytes() + headers.l3_offset;
  return headers.is_ipv4()
             ? Place::of(reinterpret_cast<const net::Ipv4Header*>(l3)->destination, packet.domain.value())
             : Place::of(reinterpret_cast<const net::Ipv6Header*>(l3)->destination, packet.domain.value());
}

// The far end of the tunnel that the packet was in which it is about; null when it is not to us, or about
// none.
const BackendId* find_far_end(const Packet& error, const net::Headers& outer, const Policy& policy,
                              const core::Network& network) noexcept {
  const bool to_us =
      error.next_hop.valid() && network.next_hops[error.next_hop.value()].kind == core::NextHop::Kind::kHost;
  if (!to_us) return nullptr;
  return policy.by_tunnel.find(destination_in(error, outer), outer.protocol,
                               outer.has_ports ? outer.destination_port.host() : 0);
}

unsigned mtu_believed(unsigned told, const net::Headers& outer) noexcept {
  return std::max(told, outer.is_ipv4() ? core::PathMtus::kLeastIpv4 : core::PathMtus::kLeastIpv6);
}

bool is_of_service(const Packet& about, const Policy& policy) noexcept {
  const net::Headers& headers = about.headers;
  const Place place = destination_in(about, headers);
  if (headers.later_fragment()) return policy.by_destination.knows(place);
  return policy.by_destination.find(place, headers.protocol, headers.destination_port.host()) != nullptr;
}

// Reads the client's packet inside the outer one. False when there is too little of it.
bool read_inside(const Packet& error, const net::Headers& outer, Packet& about) noexcept {
  const std::size_t present = std::min<std::size_t>(error.mbuf->data_len, error.headers.end_offset);
  const Bytes bytes = error.first_segment().first(present);
  about.mbuf = error.mbuf;
  about.port = error.port;
  about.domain = error.domain;
  return net::find_inside(bytes, outer, about.headers) &&
         net::parse_ip(bytes, present, about.headers, {.check_ipv4_checksum = false, .truncated = true}) ==
             net::ParseError::kNone;
}

// Bytes of a datagram, by its own word.
unsigned claimed_length(const std::uint8_t* l3, bool ipv4) noexcept {
  return ipv4 ? reinterpret_cast<const net::Ipv4Header*>(l3)->total_length.host()
              : unsigned{reinterpret_cast<const net::Ipv6Header*>(l3)->payload_length.host()} +
                    static_cast<unsigned>(sizeof(net::Ipv6Header));
}

// Of the client's datagrams, where a router can carry no more than `outer_mtu` with the tunnel's headers; 0
// when the client can make them no smaller.
unsigned mtu_for(const Packet& about, unsigned outer_mtu, unsigned tunnel_length) noexcept {
  constexpr unsigned kLeastIpv4 = 68;    // RFC 791 section 3.2
  constexpr unsigned kLeastIpv6 = 1280;  // RFC 8200 section 5
  const unsigned room = outer_mtu - std::min(outer_mtu, tunnel_length);
  const bool ipv4 = about.headers.is_ipv4();
  if (ipv4 && (room < kLeastIpv4 || net::may_be_cut(about.l3(), ipv4, 0))) return 0;
  const unsigned fits = ipv4 ? room : std::max(room, kLeastIpv6);
  return fits < claimed_length(about.l3(), ipv4) ? fits : 0;
}

}  // namespace

bool answer_tunnel_error(Batch& batch, Packet& error, const Policy& policy, WorkerState& state) noexcept {
  if (policy.by_tunnel.empty()) return false;
  const core::Network& network = *batch.network;
  net::Headers outer;
  if (!core::read_embedded(error, outer)) return false;
  const BackendId* far_end = find_far_end(error, outer, policy, network);
  if (far_end == nullptr) return false;
  const MutableBytes message = message_of(error);
  if (message.empty() || !icmp_checksum_ok(error, message)) {
    batch.drop(error, Drop::kIcmpBadChecksum);
    return true;
  }
  const unsigned mtu = mtu_told(error);
  Packet about;
  const bool readable = read_inside(error, outer, about);
  const bool fitted = claimed_length(error.bytes() + outer.l3_offset, outer.is_ipv4()) <= mtu;
  if (mtu == 0 || fitted || (readable && !is_of_service(about, policy))) {
    batch.drop(error, Drop::kTunnelError);
    return true;
  }
  policy.path_mtus->lower(*far_end, mtu_believed(mtu, outer), batch.now);
  if (!readable) {
    batch.drop(error, Drop::kTunnelPathMtu);
    return true;
  }
  const unsigned fits = mtu_for(about, mtu, about.headers.l3_offset - unsigned{outer.l3_offset});
  const core::NextHopId back = network.find_route(about.domain, about.source());
  if (fits == 0 || !back.valid() || !network.next_hops[back.value()].interface.valid()) {
    batch.drop(error, Drop::kTunnelPathMtu);
    return true;
  }
  // Said by the interface that the client knows us by.
  about.ingress = network.next_hops[back.value()].interface;
  state.services.originator.too_big(about, network, static_cast<std::uint16_t>(fits));
  batch.drop(error, Drop::kTunnelTooBig);
  return true;
}

}  // namespace millrace::load_balancer
