// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/ingress.h"

#include <algorithm>
#include <array>
#include <utility>

#include <rte_prefetch.h>

#include "common/core/address_checks.h"
#include "common/core/decapsulate.h"
#include "common/core/decapsulate_ordinary.h"
#include "common/core/owner.h"
#include "common/core/receive_marks.h"
#include "common/core/service_frame.h"
#include "common/core/steer.h"
#include "common/net/ecn.h"
#include "common/net/icmp.h"

namespace millrace::core {
namespace {

using net::Headers;
using net::Ipv4Header;
using net::Ipv6Header;

bool same_mac(const net::MacAddress& a, const net::MacAddress& b) noexcept {
  const auto differ = [&](auto word, std::size_t at) {
    auto other = word;
    std::memcpy(&word, a.bytes.data() + at, sizeof word);
    std::memcpy(&other, b.bytes.data() + at, sizeof other);
    return static_cast<std::uint32_t>(word ^ other);
  };
  return (differ(std::uint32_t{}, 0) | differ(std::uint16_t{}, 4)) == 0;
}

// A packet to a single address that is not ours. One that came by a broadcast or multicast frame is not for
// us to forward: RFC 1812 section 5.3.4.
bool is_for_another(const Packet& packet, const Network& network) noexcept {
  const net::IpAddress destination = packet.destination();
  const bool group = destination.is_v4()
                         ? destination.v4().value.host() >= 0xe0000000U
                         : destination.v6().is_multicast() || destination.v6().is_link_local();
  if (group) return false;
  const NextHopId hop = network.find_route(packet.domain, destination);
  return !hop.valid() || network.next_hops[hop.value()].kind != NextHop::Kind::kHost;
}

// Of what is for our own address: whether the function answers it, in place of the twin.
bool is_for_function(const Packet& packet, const NextHop& hop, const Network& network) noexcept {
  const Headers& headers = packet.headers;
  const Interface& arrival = network.interfaces[packet.ingress.value()];
  if (arrival.function_own) return true;
  if (arrival.function_errors && net::is_icmp_error(headers) && !headers.is_fragment) return true;
  const std::uint16_t port = arrival.function_port;
  return port != 0 && headers.protocol == net::protocol::kUdp && headers.has_ports && !headers.is_fragment &&
         headers.destination_port.host() == port && hop.interface.valid() &&
         network.interfaces[hop.interface.value()].has(packet.destination());
}

// Whether a frame that is neither ARP nor IP may pass between the two ports of a pair.
bool passes_unread(const Packet& packet, const Network& network) noexcept {
  const Bytes frame = packet.first_segment();
  be16 type;  // the last two bytes that were read
  std::memcpy(&type, frame.data() + packet.headers.l3_offset - sizeof type, sizeof type);
  return network.passed_frames.has(type.host(), frame.subspan(packet.headers.l3_offset));
}

}  // namespace

Ingress::Ingress(WorkerId self, std::vector<RingOutput> owners, RingOutput to_host, Originator& originator,
                 WorkerCounters& counters, Fragments& fragments)
    : self_(self),
      owners_(std::move(owners)),
      to_host_(to_host),
      originator_(originator),
      counters_(counters),
      fragments_(fragments) {}

void Ingress::process(Batch& batch) noexcept { run<Arrival::kPort>(batch); }
void Ingress::process_owned(Batch& batch) noexcept { run<Arrival::kOwner>(batch); }
void Ingress::process_resumed(Batch& batch) noexcept { run<Arrival::kTwin>(batch); }
void Ingress::process_released(Batch& batch) noexcept { run<Arrival::kReleased>(batch); }

void Ingress::to_host(Batch& batch, Packet& packet) noexcept {
  Note& to = note(packet.mbuf);
  to = Note{.kind = Note::Kind::kDeliver,
            .interface = packet.ingress,
            .port = packet.port,
            .outer_length = packet.outer_length};
  batch.take(packet);
  to_host_.push(packet.mbuf);
}

// Whether the frame is meant for us at all, by its link-layer destination. What comes back from the twin was
// when it came in, which may have been inside another.
template <Ingress::Arrival arrival>
[[gnu::always_inline]] inline bool Ingress::accept_link(Batch& batch, Packet& packet,
                                                        const Network& network) noexcept {
  const Interface& interface = network.interfaces[packet.ingress.value()];
  packet.domain = interface.domain;
  if (!interface.up) [[unlikely]] {
    batch.drop(packet, Drop::kInterfaceDown);
    return false;
  }
  const auto& ethernet = *reinterpret_cast<const net::EthernetHeader*>(packet.bytes());
  if (same_mac(ethernet.destination, interface.mac)) [[likely]]
    return true;
  if (arrival == Arrival::kTwin || interface.is_point_to_point()) return true;
  if (!ethernet.destination.is_group()) {
    batch.drop(packet, Drop::kNotForUs);
    return false;
  }
  packet.link_broadcast = true;
  if (packet.headers.family != Headers::kArp && is_for_another(packet, network)) {
    batch.drop(packet, Drop::kLinkBroadcast);
    return false;
  }
  return true;
}

// Whether the IP addresses can be, and whether the packet is for the twin by its kind of address alone.
bool Ingress::accept_addresses(Batch& batch, Packet& packet) noexcept {
  const AddressVerdict verdict = judge_addresses(packet);
  if (verdict.reason != Drop::kNone) {
    batch.drop(packet, verdict.reason);
    return false;
  }
  if (!verdict.to_host) [[likely]]
    return true;
  to_host(batch, packet);
  return false;
}

// Finds the way out. What has none, or ends here, leaves the batch.
template <Ingress::Arrival arrival>
[[gnu::always_inline]] inline void Ingress::route(Batch& batch, Packet& packet,
                                                  const Network& network) noexcept {
  if (arrival == Arrival::kTwin && packet.steered) [[unlikely]] {
    packet.next_hop = network.find_route(packet.domain, steered_to(*packet.mbuf));
  } else {
    const auto flow = [&] { return flow_hash(packet.headers, packet.first_segment()); };
    packet.next_hop = packet.headers.is_ipv4()
                          ? network.find_route(packet.domain, packet.l3_as<Ipv4Header>().destination, flow)
                          : network.find_route(packet.domain, packet.l3_as<Ipv6Header>().destination, flow);
  }
  if (!packet.next_hop.valid()) [[unlikely]] {
    if (network.interfaces[packet.ingress.value()].function_routes) return;
    originator_.no_route(packet, network);
    batch.drop(packet, Drop::kNoRoute);
    return;
  }
  const NextHop& hop = network.next_hops[packet.next_hop.value()];
  packet.egress = hop.interface;
  if (hop.kind == NextHop::Kind::kHost) [[unlikely]] {
    if (!is_for_function(packet, hop, network)) to_host(batch, packet);
  }
}

// A source that means something on its own link only goes to the twin or nowhere.
void Ingress::route_link_scope(Batch& batch, Packet& packet, const Network& network) noexcept {
  const NextHopId id = network.find_route(packet.domain, packet.l3_as<Ipv6Header>().destination);
  if (!id.valid() || network.next_hops[id.value()].kind != NextHop::Kind::kHost) {
    batch.drop(packet, Drop::kMartianSource);
    return;
  }
  packet.next_hop = id;
  packet.egress = network.next_hops[id.value()].interface;
  to_host(batch, packet);
}

// A fragment, after routing: what is for the twin is reassembled there, and what waited for its neighbour was
// judged before.
template <Ingress::Arrival arrival>
void Ingress::follow_first(Batch& batch, Packet& packet) noexcept {
  if constexpr (arrival == Arrival::kReleased) {
    Fragments::restore(packet);
  } else if constexpr (arrival != Arrival::kTwin) {
    if ((batch.live_mask() >> batch.lane(packet) & 1U) == 0) return;
    const bool owned = arrival == Arrival::kOwner && note(packet.mbuf).kind == Note::Kind::kFragment;
    fragments_.track(batch, packet, owned, owners_, workers_);
  }
}

// What its sender on another thread says of the packet.
void Ingress::take_note(Batch& batch, Packet& packet, const Network& network) noexcept {
  const Note& with = note(packet.mbuf);
  if (with.kind == Note::Kind::kResume || with.kind == Note::Kind::kUnresolved) {
    packet.rewritten = with.rewritten;
    packet.steered = with.steered;
    packet.cut_to = with.cut_to;
    packet.tunnel_length = with.tunnel_length;
    if (with.cut_to != 0 || with.tunnel_length != 0)
      batch.unfinished |= std::uint64_t{1} << batch.lane(packet);
    if (with.came_by.value() < network.interfaces.size()) packet.ingress = with.came_by;
    return;
  }
  if (with.interface.value() >= network.interfaces.size()) return;
  const Interface& interface = network.interfaces[with.interface.value()];
  // By port and tags, what was inside another packet belongs to no interface.
  if (with.kind == Note::Kind::kInside ||
      (with.kind == Note::Kind::kFragment && (interface.overlay || interface.service))) {
    packet.ingress = with.interface;
    packet.outer_length = with.outer_length;
  }
  if (with.kind != Note::Kind::kRestart) return;
  packet.restarted = true;
  packet.from_host = with.from_host;
  packet.ingress = with.interface;
  packet.domain = interface.domain;
}

// A packet that waited for its neighbour is routed where it was to leave, which may be another domain than it
// came from.
void Ingress::enter_domain(Packet& packet, const Network& network) noexcept {
  const InterfaceId leaves_by = note(packet.mbuf).interface;
  if (leaves_by.value() < network.interfaces.size())
    packet.domain = network.interfaces[leaves_by.value()].domain;
}

// What an overlay's packet says of the frame inside.
Drop Ingress::judge_inside(Packet& packet, const Network& network) noexcept {
  const Headers& headers = packet.headers;
  if (network.service_of(packet.ingress) != nullptr) return Drop::kNone;
  // RFC 7348 section 6.1: a frame with a tag is not for this network.
  if (headers.tagged && !network.interfaces[packet.ingress.value()].is_point_to_point())
    return Drop::kNoInterface;
  const bool ip = headers.is_ipv4() || headers.is_ipv6();
  const bool told = packet.outer_ecn == net::ecn::kNotCapable || !ip ||
                    net::leave_tunnel(packet.l3(), headers.is_ipv4(), packet.outer_ecn);
  return told ? Drop::kNone : Drop::kOverlayCongestion;
}

// Reads the headers and finds the interface. False when the packet was dropped.
template <Ingress::Arrival arrival, Forwarding forwarding>
[[gnu::always_inline]] inline bool Ingress::read(Batch& batch, Packet& packet, const Network& network,
                                                 bool inside) noexcept {
  const bool check = arrival == Arrival::kPort && !ipv4_checked(*packet.mbuf);
  const auto error = net::parse_frame(packet.first_segment(), packet.mbuf->pkt_len, packet.headers,
                                      {.check_ipv4_checksum = check || inside});
  packet.port = PortId(packet.mbuf->port);
  if (error != net::ParseError::kNone) [[unlikely]] {
    const bool passes = forwarding == Forwarding::kTransparent && error == net::ParseError::kUnknownType &&
                        passes_unread(packet, network);
    if (!passes) {
      batch.drop(packet, drop_of(error));
      return false;
    }
    packet.headers.family = Headers::kOther;
  }
  if (asks_for_heed(packet)) [[unlikely]] {
    if (const Drop reason = heed_marks(batch, packet); reason != Drop::kNone) {
      batch.drop(packet, reason);
      return false;
    }
  }
  const Headers& headers = packet.headers;
  if (inside) {
    if ((packet.outer_ecn | std::uint8_t{headers.tagged}) == 0) [[likely]]
      return true;
    const Drop reason = judge_inside(packet, network);
    if (reason != Drop::kNone) batch.drop(packet, reason);
    return reason == Drop::kNone;
  }
  packet.ingress =
      network.find_interface(packet.port, headers.outer_vlan, headers.inner_vlan, headers.tagged);
  if constexpr (arrival != Arrival::kPort) take_note(batch, packet, network);
  if (!packet.ingress.valid()) [[unlikely]] {
    batch.drop(packet, Drop::kNoInterface);
    return false;
  }
  return true;
}

// True when the packet was handed to the worker its flow belongs to.
[[gnu::always_inline]] inline bool Ingress::handed_over(Batch& batch, Packet& packet, bool inside) noexcept {
  const WorkerId owner = owners_by_bucket_[owner_bucket(packet, batch.ownership)];
  if (owner == self_) return false;
  if (inside) {
    note(packet.mbuf) =
        Note{.kind = Note::Kind::kInside, .interface = packet.ingress, .outer_length = packet.outer_length};
  } else {
    note(packet.mbuf).kind = Note::Kind::kNone;
  }
  batch.take(packet);
  owners_[owner.value()].push(packet.mbuf);
  return true;
}

// A packet of a service path: no addresses of ours, no routes, and what it is not for the function to say is
// not said.
template <Ingress::Arrival arrival>
void Ingress::admit_service(Batch& batch, Packet& packet, const Network& network, bool shared,
                            bool inside) noexcept {
  const Interface& interface = network.interfaces[packet.ingress.value()];
  packet.domain = interface.domain;
  if (!packet.headers.is_ipv4() && !packet.headers.is_ipv6())
    return batch.drop(packet, Drop::kServicePayload);
  if (shared && handed_over(batch, packet, inside)) return;
  packet.next_hop = interface.service->back;
  packet.egress = interface.service->partner;
  // What is for an address that the function answers for is told from the rest as everywhere.
  if (!network.function_prefixes.empty()) {
    const NextHopId own = network.find_route(packet.domain, packet.destination());
    if (own.valid() && network.next_hops[own.value()].kind == NextHop::Kind::kFunction) packet.next_hop = own;
  }
  if (packet.headers.is_fragment) [[unlikely]]
    follow_first<arrival>(batch, packet);
}

template <Ingress::Arrival arrival, bool unpacks>
[[gnu::always_inline]] inline bool Ingress::admit(Batch& batch, Packet& packet, const Network& network,
                                                  bool shared, bool inside) noexcept {
  if (!read<arrival, Forwarding::kRouted>(batch, packet, network, inside)) [[unlikely]]
    return false;
  if constexpr (unpacks) {
    if (network.service_of(packet.ingress) != nullptr) {
      admit_service<arrival>(batch, packet, network, shared, inside);
      return false;
    }
  }
  // What a function restarts was accepted before; its addresses may be equal now.
  const bool seen = arrival == Arrival::kOwner && packet.restarted;
  if (!seen && !accept_link<arrival>(batch, packet, network)) [[unlikely]]
    return false;
  if constexpr (arrival == Arrival::kTwin) enter_domain(packet, network);
  const Headers& headers = packet.headers;
  bool ordinary = false;
  if (headers.is_ipv4()) [[likely]] {
    ordinary = ordinary_addresses(packet.l3_as<Ipv4Header>(), kSpecialIpv4);
  } else if (headers.is_ipv6()) {
    ordinary = ordinary_addresses(packet.l3_as<Ipv6Header>(), kSpecialIpv6);
  } else {
    to_host(batch, packet);  // ARP
    return false;
  }
  if (!ordinary && !seen && !accept_addresses(batch, packet)) [[unlikely]]
    return false;
  if constexpr (unpacks && (arrival == Arrival::kPort || arrival == Arrival::kOwner)) {
    if (!inside) {
      const Decapsulated done = decapsulate(batch, packet, network);
      if (done != Decapsulated::kNo) return done == Decapsulated::kYes;
    }
  }
  if (shared && handed_over(batch, packet, inside)) return false;
  if (!ordinary && !seen && has_link_scope_source(packet)) [[unlikely]] {
    route_link_scope(batch, packet, network);
  } else {
    route<arrival>(batch, packet, network);
  }
  if (headers.is_fragment) [[unlikely]]
    follow_first<arrival>(batch, packet);
  return false;
}

template <Ingress::Arrival arrival>
void Ingress::run_routed(Batch& batch) noexcept {
  const Network& network = *batch.network;
  const bool shared = arrival == Arrival::kPort && workers_ > 1;
  for (Packet& packet : batch)
    static_cast<void>(admit<arrival, false>(batch, packet, network, shared, false));
}

// The same where packets come inside others.
template <Ingress::Arrival arrival>
void Ingress::run_unpacking(Batch& batch) noexcept {
  const Network& network = *batch.network;
  const bool shared = workers_ > 1;
  const bool services = !network.services.empty();
  for (Packet& packet : batch) {
    rte_prefetch0(packet.bytes() + RTE_CACHE_LINE_SIZE);
    if (services) __builtin_prefetch(packet.mbuf->buf_addr, 1);
  }
  std::uint64_t inside = 0;  // lanes
  for (Packet& packet : batch) {
    bool unpacked = false;
    if constexpr (arrival == Arrival::kPort) {
      unpacked = (services && leave_ordinary_service(packet, network)) ||
                 decapsulate_ordinary(packet, network.overlays);
      if (services && !unpacked) [[unlikely]] {
        const Decapsulated done = leave_service(batch, packet, network);
        if (done == Decapsulated::kDropped) continue;
        unpacked = done == Decapsulated::kYes;
      }
    }
    if (admit<arrival, true>(batch, packet, network, arrival == Arrival::kPort && shared, unpacked))
        [[unlikely]]
      inside |= std::uint64_t{1} << batch.lane(packet);
  }
  for (; inside != 0; inside &= inside - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(inside))];
    static_cast<void>(admit<arrival, true>(batch, packet, network, shared, true));
  }
}

template <Ingress::Arrival arrival>
void Ingress::run_transparent(Batch& batch) noexcept {
  const Network& network = *batch.network;
  const bool shared = arrival == Arrival::kPort && workers_ > 1;
  for (Packet& packet : batch) {
    if (!read<arrival, Forwarding::kTransparent>(batch, packet, network, false)) [[unlikely]]
      continue;
    packet.domain = DomainId(0);  // nothing is routed here; core/packet_segment.h tells what is apart
    packet.next_hop = network.wire[packet.port.value()];
    packet.egress = network.next_hops[packet.next_hop.value()].interface;
    packet.link_broadcast =
        reinterpret_cast<const net::EthernetHeader*>(packet.bytes())->destination.is_group();
    const Headers& headers = packet.headers;
    if (!headers.is_ipv4() && !headers.is_ipv6()) [[unlikely]] {
      if (headers.family == Headers::kOther) counters_.passed_unread.add(1);
      continue;
    }
    if (shared && handed_over(batch, packet, false)) continue;
    if (headers.is_fragment) [[unlikely]]
      follow_first<arrival>(batch, packet);
  }
}

template <Ingress::Arrival arrival>
void Ingress::run(Batch& batch) noexcept {
  for (Packet& packet : batch) rte_prefetch0(packet.bytes());
  if (batch.network->forwarding == Forwarding::kRouted) {
    if (!batch.network->unpacks()) [[likely]] {
      run_routed<arrival>(batch);
    } else {
      run_unpacking<arrival>(batch);
    }
  } else {
    run_transparent<arrival>(batch);
  }
}

void Ingress::set_workers(unsigned workers) noexcept {
  workers_ = workers;
  for (unsigned bucket = 0; bucket < kOwnerBuckets; ++bucket)
    owners_by_bucket_[bucket] = WorkerId(static_cast<std::uint16_t>(owner_of(bucket, workers)));
}

void Ingress::flush() noexcept {
  for (RingOutput& owner : owners_) counters_.handed_over.add(owner.flush());
  counters_.to_host.add(to_host_.flush());
}

}  // namespace millrace::core
