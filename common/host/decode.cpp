// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/decode.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "common/base/reader.h"
#include "common/host/netlink_attributes.h"

namespace millrace::host {
namespace {

// The fixed header, or null when the message is too short for it.
template <class Header>
const Header* header_of(const nlmsghdr& message) noexcept {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(Header)) return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(&message));
}

template <std::size_t kCount, class Header>
Attributes<kCount> attributes_of(const nlmsghdr& message) noexcept {
  Attributes<kCount> all;
  const Bytes payload{static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload(&message)),
                      mnl_nlmsg_get_payload_len(&message)};
  all.add_all(payload.subspan(std::min<std::size_t>(MNL_ALIGN(sizeof(Header)), payload.size())));
  return all;
}

std::optional<net::IpAddress> to_address(unsigned family, Bytes raw) noexcept {
  if (family == AF_INET && raw.size() == 4) {
    std::uint32_t wire = 0;
    std::memcpy(&wire, raw.data(), sizeof wire);
    return net::Ipv4Address{be32::from_wire(wire)};
  }
  if (family == AF_INET6 && raw.size() == 16) {
    net::Ipv6Address address;
    std::copy(raw.begin(), raw.end(), address.bytes.begin());
    return address;
  }
  return std::nullopt;
}

// RTA_VIA: a gateway of the other family.
std::optional<net::IpAddress> to_via(Bytes raw) noexcept {
  std::uint16_t family = 0;
  if (raw.size() < sizeof family) return std::nullopt;
  std::memcpy(&family, raw.data(), sizeof family);
  return to_address(family, raw.subspan(sizeof family));
}

std::optional<net::MacAddress> to_mac(Bytes raw) noexcept {
  net::MacAddress mac;
  if (raw.size() != mac.bytes.size()) return std::nullopt;
  std::copy(raw.begin(), raw.end(), mac.bytes.begin());
  return mac;
}

std::optional<RouteKind> to_kind(unsigned type) noexcept {
  switch (type) {
    case RTN_UNICAST:
      return RouteKind::kUnicast;
    case RTN_LOCAL:
      return RouteKind::kLocal;
    case RTN_BROADCAST:
      return RouteKind::kBroadcast;
    case RTN_MULTICAST:
      return RouteKind::kMulticast;
    case RTN_ANYCAST:
      return RouteKind::kAnycast;
    case RTN_BLACKHOLE:
      return RouteKind::kBlackhole;
    case RTN_UNREACHABLE:
      return RouteKind::kUnreachable;
    case RTN_PROHIBIT:
      return RouteKind::kProhibit;
    // "Go on with the next rule": a table of ours is where the search ends.
    case RTN_THROW:
      return RouteKind::kUnreachable;
    default:
      return std::nullopt;
  }
}

// A gateway of :: or 0.0.0.0 means none.
using RouteAttributes = Attributes<RTA_MAX + 1>;
std::optional<net::IpAddress> gateway_of(unsigned family, const RouteAttributes& attributes) noexcept {
  auto gateway = to_address(family, attributes.bytes(RTA_GATEWAY));
  if (!gateway) gateway = to_via(attributes.bytes(RTA_VIA));
  if (gateway &&
      std::all_of(gateway->bytes().begin(), gateway->bytes().end(), [](auto b) { return b == 0; })) {
    return std::nullopt;
  }
  return gateway;
}

// RTA_MULTIPATH: rtnexthop headers, each with attributes of its own. False when they do not fit together.
bool read_multipath(unsigned family, Bytes raw, RouteEvent& event) {
  while (raw.size() >= sizeof(rtnexthop)) {
    rtnexthop entry{};
    std::memcpy(&entry, raw.data(), sizeof entry);
    if (entry.rtnh_len < sizeof entry || entry.rtnh_len > raw.size()) return false;
    RouteAttributes attributes;
    attributes.add_all(raw.first(entry.rtnh_len).subspan(sizeof entry));
    if (attributes.has(RTA_ENCAP_TYPE) || attributes.has(RTA_NEWDST)) event.encapsulated = true;
    if ((entry.rtnh_flags & RTNH_F_DEAD) == 0) {
      event.route.next_hops.push_back(NextHop{gateway_of(family, attributes),
                                              LinkIndex(static_cast<std::uint32_t>(entry.rtnh_ifindex)),
                                              static_cast<std::uint16_t>(entry.rtnh_hops + 1)});
    }
    raw = raw.subspan(std::min<std::size_t>(RTNH_ALIGN(entry.rtnh_len), raw.size()));
  }
  return true;
}

std::optional<NeighborState> to_state(unsigned state) noexcept {
  switch (state) {
    case NUD_INCOMPLETE:
      return NeighborState::kIncomplete;
    case NUD_REACHABLE:
      return NeighborState::kReachable;
    case NUD_STALE:
      return NeighborState::kStale;
    case NUD_DELAY:
      return NeighborState::kDelay;
    case NUD_PROBE:
      return NeighborState::kProbe;
    case NUD_FAILED:
      return NeighborState::kFailed;
    case NUD_NOARP:
      return NeighborState::kNoArp;
    case NUD_PERMANENT:
      return NeighborState::kPermanent;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<LinkEvent> decode_link(const nlmsghdr& message) {
  const auto* header = header_of<ifinfomsg>(message);
  // The bridge sends messages of the same type with its own family.
  if (header == nullptr || header->ifi_family != AF_UNSPEC || header->ifi_index <= 0) return std::nullopt;
  const auto attributes = attributes_of<IFLA_MTU + 1, ifinfomsg>(message);
  LinkEvent event;
  event.link.index = LinkIndex(static_cast<std::uint32_t>(header->ifi_index));
  event.link.up = (header->ifi_flags & IFF_UP) != 0;
  event.link.running = (header->ifi_flags & IFF_RUNNING) != 0;
  event.link.mtu = attributes.integer<std::uint32_t>(IFLA_MTU).value_or(0);
  event.link.mac = to_mac(attributes.bytes(IFLA_ADDRESS)).value_or(net::MacAddress{});
  const Bytes name = attributes.bytes(IFLA_IFNAME);
  event.link.name.assign(name.begin(), std::find(name.begin(), name.end(), 0));
  return event;
}

std::optional<AddressEvent> decode_address(const nlmsghdr& message) {
  const auto* header = header_of<ifaddrmsg>(message);
  if (header == nullptr) return std::nullopt;
  const auto attributes = attributes_of<IFA_MAX + 1, ifaddrmsg>(message);
  // On a point-to-point link IFA_ADDRESS is the peer's, so IFA_LOCAL goes first.
  auto address = to_address(header->ifa_family, attributes.bytes(IFA_LOCAL));
  if (!address) address = to_address(header->ifa_family, attributes.bytes(IFA_ADDRESS));
  if (!address || header->ifa_prefixlen > address->bits()) return std::nullopt;
  const std::uint32_t flags = attributes.integer<std::uint32_t>(IFA_FLAGS).value_or(header->ifa_flags);
  const bool waiting = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
  return AddressEvent{LinkIndex(header->ifa_index), net::InterfaceAddress{*address, header->ifa_prefixlen},
                      !waiting && (flags & IFA_F_DADFAILED) == 0};
}

std::optional<NeighborEvent> decode_neighbor(const nlmsghdr& message) {
  const auto* header = header_of<ndmsg>(message);
  if (header == nullptr || (header->ndm_flags & NTF_PROXY) != 0 || header->ndm_ifindex <= 0)
    return std::nullopt;
  const auto attributes = attributes_of<NDA_MAX + 1, ndmsg>(message);
  const auto address = to_address(header->ndm_family, attributes.bytes(NDA_DST));
  const auto state = to_state(header->ndm_state);
  if (!address || !state) return std::nullopt;
  Neighbor neighbor{
      NeighborKey{LinkIndex(static_cast<std::uint32_t>(header->ndm_ifindex)), *address}, {}, *state};
  const auto mac = to_mac(attributes.bytes(NDA_LLADDR));
  if (mac) neighbor.mac = *mac;
  // The kernel's notes of where multicast goes, made and dropped all the time.
  if (neighbor.state == NeighborState::kNoArp && neighbor.mac.is_group()) return std::nullopt;
  if (!mac && neighbor.usable()) return std::nullopt;
  return NeighborEvent{neighbor};
}

std::optional<RouteEvent> decode_route(const nlmsghdr& message) {
  const auto* header = header_of<rtmsg>(message);
  if (header == nullptr || (header->rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
  const unsigned family = header->rtm_family;
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  const auto kind = to_kind(header->rtm_type);
  if (!kind) return std::nullopt;
  const auto attributes = attributes_of<RTA_MAX + 1, rtmsg>(message);

  // A default route carries no destination.
  net::IpAddress destination = family == AF_INET ? net::IpAddress(net::Ipv4Address{}) : net::Ipv6Address{};
  if (attributes.has(RTA_DST)) {
    const auto given = to_address(family, attributes.bytes(RTA_DST));
    if (!given) return std::nullopt;
    destination = *given;
  }
  if (header->rtm_dst_len > destination.bits()) return std::nullopt;

  RouteEvent event;
  event.route.prefix = net::Prefix::of(destination, header->rtm_dst_len);
  event.route.table = RouteTable(attributes.integer<std::uint32_t>(RTA_TABLE).value_or(header->rtm_table));
  event.route.kind = *kind;
  event.route.metric = attributes.integer<std::uint32_t>(RTA_PRIORITY).value_or(0);
  event.nexthop_id = attributes.integer<std::uint32_t>(RTA_NH_ID).value_or(0);
  event.selective = header->rtm_tos != 0 || header->rtm_src_len != 0;
  event.encapsulated = attributes.has(RTA_ENCAP_TYPE) || attributes.has(RTA_NEWDST);
  if (is_discard(*kind)) return event;  // IPv6 names lo as the link of these
  if (attributes.has(RTA_MULTIPATH)) {
    event.gives_next_hops = true;
    if (!read_multipath(family, attributes.bytes(RTA_MULTIPATH), event)) return std::nullopt;
  } else if (const auto link = attributes.integer<std::uint32_t>(RTA_OIF)) {
    event.gives_next_hops = true;
    if ((header->rtm_flags & RTNH_F_DEAD) == 0) {
      event.route.next_hops.push_back(NextHop{gateway_of(family, attributes), LinkIndex(*link), 1});
    }
  }
  return event;
}

std::optional<NexthopEvent> decode_nexthop(const nlmsghdr& message) {
  const auto* header = header_of<nhmsg>(message);
  if (header == nullptr) return std::nullopt;
  const auto attributes = attributes_of<NHA_MAX + 1, nhmsg>(message);
  NexthopEvent event;
  event.id = attributes.integer<std::uint32_t>(NHA_ID).value_or(0);
  if (event.id == 0 || attributes.has(NHA_FDB) || attributes.has(NHA_ENCAP_TYPE)) return std::nullopt;
  event.blackhole = attributes.has(NHA_BLACKHOLE);
  for (Bytes group = attributes.bytes(NHA_GROUP); group.size() >= sizeof(nexthop_grp);
       group = group.subspan(sizeof(nexthop_grp))) {
    nexthop_grp member{};
    std::memcpy(&member, group.data(), sizeof member);
    event.group.push_back({member.id, static_cast<std::uint16_t>(member.weight + 1)});
  }
  if (const auto link = attributes.integer<std::uint32_t>(NHA_OIF)) {
    event.hop = NextHop{to_address(header->nh_family, attributes.bytes(NHA_GATEWAY)), LinkIndex(*link), 1};
  }
  return event;
}

}  // namespace millrace::host
