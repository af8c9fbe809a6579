// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/packet_path.h"

#include <algorithm>

#include "common/control/profile/text.h"
#include "common/net/icmp.h"
#include "vnfs/firewall/check_source.h"
#include "vnfs/firewall/drops.h"

namespace millrace::firewall {
namespace {

using Kind = core::NextHop::Kind;

template <class Reason>
std::uint8_t number(Reason reason) noexcept {
  return static_cast<std::uint8_t>(reason);
}

// What ingress says of the addresses alone (core/ingress.cpp): a reason to drop, or that they are of this
// link's and go to the twin. tests/packet compares the two.
struct AddressVerdict {
  core::Drop reason = core::Drop::kNone;
  bool to_host = false;
};

AddressVerdict judge_addresses(std::uint32_t source, std::uint32_t destination) noexcept {
  const auto impossible = [](std::uint32_t a) { return a >= 0xe0000000U || a >> 24 == 127 || a >> 24 == 0; };
  if (source == destination) return {core::Drop::kLand};
  if (impossible(source) && (source != 0 || destination != 0xffffffffU)) return {core::Drop::kMartianSource};
  if (destination >> 24 == 127 || destination >> 24 == 0) return {core::Drop::kMartianDestination};
  if (destination >> 8 == 0xe00000 || destination == 0xffffffffU) return {.to_host = true};
  if (destination >= 0xe0000000U) return {core::Drop::kMulticast};
  return {};
}

AddressVerdict judge_addresses(const net::Ipv6Address& source, const net::Ipv6Address& destination) noexcept {
  constexpr net::Ipv6Address kUnspecified{};
  constexpr net::Ipv6Address kLoopback{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  if (source.is_multicast() || source == kLoopback) return {core::Drop::kMartianSource};
  if (destination == kUnspecified || destination == kLoopback) return {core::Drop::kMartianDestination};
  if (source == destination) return {core::Drop::kLand};
  const bool near_group = destination.is_multicast() && (destination.bytes[1] & 0x0fU) <= 2;
  if (near_group || destination.is_link_local()) return {.to_host = true};
  if (destination.is_multicast()) return {core::Drop::kMulticast};
  return {};
}

AddressVerdict judge_addresses(const core::Packet& packet) noexcept {
  const net::IpAddress source = packet.source();
  const net::IpAddress destination = packet.destination();
  return source.is_v4() ? judge_addresses(source.v4().value.host(), destination.v4().value.host())
                        : judge_addresses(source.v6(), destination.v6());
}

Result<core::InterfaceId> find_ingress(const core::Network& network,
                                       const std::optional<std::string>& interface,
                                       const core::Packet& packet) {
  const auto wrong = [](std::string reason) {
    return failure("explain the packet", std::move(reason), "interface");
  };
  if (interface) {
    const auto found = std::ranges::find(network.interfaces, *interface, &core::Interface::name);
    if (found == network.interfaces.end())
      return wrong("no interface is named " + control::quote(*interface));
    return core::InterfaceId(static_cast<std::uint16_t>(found - network.interfaces.begin()));
  }
  if (network.forwarding == core::Forwarding::kTransparent) {
    return wrong("is missing; in transparent forwarding no route tells where the packet comes in");
  }
  if (!network.domains.empty()) {
    const core::NextHopId back = network.find_route(core::DomainId(0), packet.source());
    if (back.valid() && network.next_hops[back.value()].interface.valid()) {
      return network.next_hops[back.value()].interface;
    }
  }
  return wrong("is missing, and no route to the source tells where the packet comes in");
}

void find_route(const core::Network& network, core::Packet& packet, PacketPath& path) {
  if (network.forwarding == core::Forwarding::kTransparent) {
    packet.next_hop = network.wire[packet.port.value()];
  } else {
    packet.next_hop = network.find_route(packet.domain, packet.destination());
  }
  path.checks.push_back({"route", packet.next_hop.valid() ? std::uint8_t{0} : number(core::Drop::kNoRoute)});
  if (!packet.next_hop.valid()) return;
  path.hop = &network.next_hops[packet.next_hop.value()];
  packet.egress = path.hop->interface;
  path.to_host = path.hop->kind == Kind::kHost;
}

}  // namespace

Result<PacketPath> find_path(const core::Network& network, const std::optional<std::string>& interface,
                             core::Packet& packet) {
  if (network.forwarding == core::Forwarding::kRouted && packet.headers.outer_vlan != 0) {
    return failure("explain the packet",
                   "has no meaning in routed forwarding, where each VLAN has its interface; name that one",
                   "vlan");
  }
  const auto ingress = find_ingress(network, interface, packet);
  if (!ingress) return tl::unexpected(ingress.error());
  const core::Interface& arrival = network.interfaces[ingress->value()];
  packet.ingress = *ingress;
  packet.port = arrival.port;
  packet.domain = network.forwarding == core::Forwarding::kRouted ? arrival.domain : core::DomainId(0);

  PacketPath path;
  path.ingress_found_by = interface ? "description" : "route to the source";
  if (network.forwarding == core::Forwarding::kRouted) {
    path.checks.push_back({"interface", arrival.up ? std::uint8_t{0} : number(core::Drop::kInterfaceDown)});
    if (path.refused()) return path;
    const AddressVerdict addresses = judge_addresses(packet);
    path.checks.push_back({"addresses", number(addresses.reason)});
    path.to_host = addresses.to_host;
    if (path.refused() || path.to_host) return path;
  }
  find_route(network, packet, path);
  return path;
}

void check_opening(const core::Packet& packet, const core::Network& network, const Policy& policy,
                   PacketPath& path) {
  const net::Headers& headers = packet.headers;
  const auto add = [&](std::string_view name, std::uint8_t reason) {
    path.checks.push_back({name, reason});
    return reason == 0;
  };
  if (net::is_icmp_error(headers) && !add("icmp_error", number(Drop::kIcmpUnrelated))) return;
  const auto source = refuse_source(packet, network, policy.protection.reverse_path);
  if (!add("source", source ? number(*source) : std::uint8_t{0})) return;
  if (headers.protocol == net::protocol::kTcp) {
    using namespace net::tcp_flag;
    const bool valid = flow::tcp_flags_valid(headers.tcp_flags);
    if (!add("tcp_flags", valid ? std::uint8_t{0} : number(Drop::kTcpInvalidFlags))) return;
    const bool first = (headers.tcp_flags & (kSyn | kAck | kRst | kFin)) == kSyn;
    add("tcp_opening", first || policy.tcp.midstream_pickup ? std::uint8_t{0} : number(Drop::kTcpNotSyn));
  } else if (headers.protocol == net::protocol::kIcmp || headers.protocol == net::protocol::kIcmpv6) {
    add("icmp_query", net::is_icmp_reply(headers) ? number(Drop::kIcmpUnsolicited) : std::uint8_t{0});
  }
}

}  // namespace millrace::firewall
