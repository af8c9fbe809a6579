// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/netlink.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "common/host/decode.h"
#include "common/host/netlink_request.h"

namespace millrace::host {
namespace {

int kernel_index(LinkIndex link) noexcept { return static_cast<int>(link.value()); }

std::uint8_t kernel_route_type(RouteKind kind) noexcept {
  switch (kind) {
    case RouteKind::kUnicast:
      return RTN_UNICAST;
    case RouteKind::kLocal:
      return RTN_LOCAL;
    case RouteKind::kBroadcast:
      return RTN_BROADCAST;
    case RouteKind::kMulticast:
      return RTN_MULTICAST;
    case RouteKind::kAnycast:
      return RTN_ANYCAST;
    case RouteKind::kBlackhole:
      return RTN_BLACKHOLE;
    case RouteKind::kUnreachable:
      return RTN_UNREACHABLE;
    case RouteKind::kProhibit:
      return RTN_PROHIBIT;
  }
  return RTN_UNSPEC;
}

std::uint8_t kernel_scope(const Route& route) noexcept {
  if (route.kind == RouteKind::kLocal) return RT_SCOPE_HOST;
  const bool on_link = route.next_hops.size() == 1 && !route.next_hops.front().gateway;
  return on_link && !is_discard(route.kind) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

void put_gateway(NetlinkRequest& request, const Route& route, const NextHop& hop) {
  if (!hop.gateway) return;
  if (hop.gateway->family() == route.prefix.address.family()) {
    request.put(RTA_GATEWAY, *hop.gateway);
    return;
  }
  std::array<std::uint8_t, sizeof(rtvia) + 16> via{};
  const std::uint16_t family = address_family(*hop.gateway);
  const Bytes address = address_bytes(*hop.gateway);
  std::memcpy(via.data(), &family, sizeof family);
  std::copy(address.begin(), address.end(), via.begin() + sizeof(rtvia));
  request.put(RTA_VIA, Bytes(via).first(sizeof(rtvia) + address.size()));
}

void put_next_hops(NetlinkRequest& request, const Route& route) {
  if (is_discard(route.kind) || route.next_hops.empty()) return;
  if (route.next_hops.size() == 1) {
    put_gateway(request, route, route.next_hops.front());
    request.put_u32(RTA_OIF, route.next_hops.front().link.value());
    return;
  }
  request.nest(RTA_MULTIPATH, [&] {
    for (const NextHop& hop : route.next_hops) {
      const std::uint32_t start = request.size();
      auto* entry = static_cast<rtnexthop*>(request.append(sizeof(rtnexthop)));
      if (entry == nullptr) return;
      entry->rtnh_ifindex = kernel_index(hop.link);
      entry->rtnh_hops = static_cast<std::uint8_t>(std::clamp<unsigned>(hop.weight, 1, 256) - 1);
      put_gateway(request, route, hop);
      entry->rtnh_len = static_cast<std::uint16_t>(request.size() - start);
    }
  });
}

void put_route(NetlinkRequest& request, const Route& route) {
  auto& header = request.header<rtmsg>();
  header.rtm_family = address_family(route.prefix.address);
  header.rtm_dst_len = route.prefix.length;
  header.rtm_table = RT_TABLE_UNSPEC;  // RTA_TABLE says it, without this field's limit of 255
  request.put(RTA_DST, route.prefix.address);
  request.put_u32(RTA_TABLE, route.table.value());
  if (route.metric != 0) request.put_u32(RTA_PRIORITY, route.metric);
}

void put_neighbor(NetlinkRequest& request, const NeighborKey& neighbor) {
  auto& header = request.header<ndmsg>();
  header.ndm_family = address_family(neighbor.address);
  header.ndm_ifindex = kernel_index(neighbor.link);
  request.put(NDA_DST, neighbor.address);
}

void put_address(NetlinkRequest& request, LinkIndex link, const net::InterfaceAddress& address) {
  auto& header = request.header<ifaddrmsg>();
  header.ifa_family = address_family(address.address);
  header.ifa_prefixlen = address.length;
  header.ifa_index = link.value();
  request.put(IFA_LOCAL, address.address);
  request.put(IFA_ADDRESS, address.address);
}

// RFC 919 section 7: all ones in the host part; a /31 or /32 has none (RFC 3021).
std::optional<net::IpAddress> broadcast_of(const net::InterfaceAddress& address) {
  if (!address.address.is_v4() || address.length > 30) return std::nullopt;
  const std::uint32_t host_bits = 0xffffffffU >> address.length;
  return net::Ipv4Address{be32(address.address.v4().value.host() | host_bits)};
}

ifinfomsg& link_header(NetlinkRequest& request, LinkIndex link) {
  auto& header = request.header<ifinfomsg>();
  header.ifi_index = kernel_index(link);
  return header;
}

std::string explain(int code, const std::string& text) {
  std::string reason = text.empty() ? errno_text(code) : text;
  if (code == EPERM) reason += " (it needs the capability CAP_NET_ADMIN)";
  return reason;
}

}  // namespace

std::vector<net::InterfaceAddress> with_link_local(std::vector<net::InterfaceAddress> wanted,
                                                   const net::MacAddress& mac) {
  bool any_v6 = false;
  for (const auto& address : wanted) {
    if (address.address.is_v4()) continue;
    if (address.address.v6().is_link_local()) return wanted;
    any_v6 = true;
  }
  if (!any_v6) return wanted;
  net::Ipv6Address local;
  const auto& m = mac.bytes;
  local.bytes = {0xfe, 0x80, 0,    0,    0,    0,    0,   0, static_cast<std::uint8_t>(m[0] ^ 2U),
                 m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
  wanted.push_back(net::InterfaceAddress{local, 64});
  return wanted;
}

Result<Netlink> Netlink::open() {
  auto socket = NetlinkSocket::open({});
  if (!socket) return tl::unexpected(socket.error());
  return Netlink(std::move(*socket));
}

Result<int> Netlink::ask_for_code(const std::string& attempt, nlmsghdr& message, std::string* text) {
  auto answer = socket_.request(message, [](const nlmsghdr&) {});
  if (!answer) return failure(attempt, answer.error().message());
  *text = explain(answer->code, answer->text);
  return answer->code;
}

Result<void> Netlink::ask(std::string attempt, nlmsghdr& message, std::initializer_list<int> harmless) {
  std::string text;
  const auto code = ask_for_code(attempt, message, &text);
  if (!code) return tl::unexpected(code.error());
  if (*code == 0 || std::find(harmless.begin(), harmless.end(), *code) != harmless.end()) return {};
  return failure(std::move(attempt), std::move(text));
}

Result<Link> Netlink::link(std::string_view name) {
  const std::string attempt = fmt::format("look up the link {}", name);
  NetlinkRequest request(RTM_GETLINK, 0);
  request.header<ifinfomsg>();
  request.put_text(IFLA_IFNAME, name);
  std::optional<Link> found;
  const auto answer = socket_.request(request.message(), [&](const nlmsghdr& message) {
    if (auto decoded = decode_link(message)) found = std::move(decoded->link);
  });
  if (!answer) return failure(attempt, answer.error().message());
  if (answer->code != 0) return failure(attempt, explain(answer->code, answer->text));
  if (!found) return failure(attempt, "the kernel's answer makes no sense");
  return *found;
}

Result<void> Netlink::set_up(LinkIndex link, bool up) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  auto& header = link_header(request, link);
  header.ifi_flags = up ? IFF_UP : 0;
  header.ifi_change = IFF_UP;
  return ask(fmt::format("set link {} {}", link.value(), up ? "up" : "down"), request.message());
}

Result<void> Netlink::set_mtu(LinkIndex link, std::uint32_t mtu) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  link_header(request, link);
  request.put_u32(IFLA_MTU, mtu);
  return ask(fmt::format("set the MTU of link {} to {}", link.value(), mtu), request.message());
}

Result<void> Netlink::set_mac(LinkIndex link, const net::MacAddress& mac) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  link_header(request, link);
  request.put(IFLA_ADDRESS, Bytes(mac.bytes));
  return ask(fmt::format("set the MAC address of link {} to {}", link.value(), mac.to_string()),
             request.message());
}

Result<void> Netlink::stop_address_generation(LinkIndex link) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  link_header(request, link);
  request.nest(IFLA_AF_SPEC, [&] {
    request.nest(AF_INET6, [&] { request.put_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
  });
  // A kernel without IPv6 on this link generates none anyway.
  return ask(fmt::format("stop IPv6 address generation on link {}", link.value()), request.message(),
             {EAFNOSUPPORT});
}

Result<void> Netlink::remove_link(LinkIndex link) {
  NetlinkRequest request(RTM_DELLINK, 0);
  link_header(request, link);
  return ask(fmt::format("remove link {}", link.value()), request.message(), {ENODEV});
}

Result<void> Netlink::set_address(LinkIndex link, const net::InterfaceAddress& address, SubnetRoute subnet) {
  NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  put_address(request, link, address);
  if (const auto broadcast = broadcast_of(address)) request.put(IFA_BROADCAST, *broadcast);
  std::uint32_t flags = IFA_F_PERMANENT;
  if (!address.address.is_v4()) flags |= IFA_F_NODAD;
  if (subnet == SubnetRoute::kNone) flags |= IFA_F_NOPREFIXROUTE;
  request.put_u32(IFA_FLAGS, flags);
  return ask(fmt::format("set address {} on link {}", address.to_string(), link.value()), request.message());
}

Result<void> Netlink::remove_address(LinkIndex link, const net::InterfaceAddress& address) {
  NetlinkRequest request(RTM_DELADDR, 0);
  put_address(request, link, address);
  return ask(fmt::format("remove address {} from link {}", address.to_string(), link.value()),
             request.message(), {EADDRNOTAVAIL, ENODEV});
}

Result<std::vector<net::InterfaceAddress>> Netlink::addresses(LinkIndex link) {
  NetlinkRequest request(RTM_GETADDR, NLM_F_DUMP);
  request.header<ifaddrmsg>();
  std::vector<net::InterfaceAddress> found;
  const auto answer = socket_.request(request.message(), [&](const nlmsghdr& message) {
    const auto decoded = decode_address(message);
    if (decoded && decoded->link == link) found.push_back(decoded->address);
  });
  const std::string attempt = fmt::format("list the addresses of link {}", link.value());
  if (!answer) return failure(attempt, answer.error().message());
  if (answer->code != 0) return failure(attempt, explain(answer->code, answer->text));
  return found;
}

Result<void> Netlink::set_addresses(LinkIndex link, std::span<const net::InterfaceAddress> wanted,
                                    SubnetRoute subnet) {
  const auto present = addresses(link);
  if (!present) return tl::unexpected(present.error());
  // Removal first: removing a primary IPv4 address takes its secondaries along, so the wanted ones come
  // after.
  for (const auto& address : *present) {
    if (std::find(wanted.begin(), wanted.end(), address) != wanted.end()) continue;
    if (auto removed = remove_address(link, address); !removed) return removed;
  }
  for (const auto& address : wanted) {
    if (auto set = set_address(link, address, subnet); !set) return set;
  }
  return {};
}

Result<void> Netlink::set_route(const Route& route) {
  const std::string attempt =
      fmt::format("set route {} in table {}", route.prefix.to_string(), route.table.value());
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  put_route(request, route);
  auto& header = *static_cast<rtmsg*>(mnl_nlmsg_get_payload(&request.message()));
  header.rtm_type = kernel_route_type(route.kind);
  header.rtm_scope = kernel_scope(route);
  header.rtm_protocol = kRouteProtocol;
  put_next_hops(request, route);
  if (request.overflow())
    return failure(attempt, fmt::format("{} next hops are too many", route.next_hops.size()));
  return ask(attempt, request.message());
}

Result<void> Netlink::remove_route(const Route& route) {
  NetlinkRequest request(RTM_DELROUTE, 0);
  put_route(request, route);
  auto& header = *static_cast<rtmsg*>(mnl_nlmsg_get_payload(&request.message()));
  header.rtm_type = kernel_route_type(route.kind);
  header.rtm_scope = RT_SCOPE_NOWHERE;
  return ask(fmt::format("remove route {} from table {}", route.prefix.to_string(), route.table.value()),
             request.message(), {ESRCH, ENOENT});
}

Result<void> Netlink::set_permanent_neighbor(const NeighborKey& neighbor, const net::MacAddress& mac) {
  NetlinkRequest request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  put_neighbor(request, neighbor);
  static_cast<ndmsg*>(mnl_nlmsg_get_payload(&request.message()))->ndm_state = NUD_PERMANENT;
  request.put(NDA_LLADDR, Bytes(mac.bytes));
  return ask(fmt::format("set neighbour {} on link {}", neighbor.address.to_string(), neighbor.link.value()),
             request.message());
}

Result<void> Netlink::remove_neighbor(const NeighborKey& neighbor) {
  NetlinkRequest request(RTM_DELNEIGH, 0);
  put_neighbor(request, neighbor);
  return ask(
      fmt::format("remove neighbour {} from link {}", neighbor.address.to_string(), neighbor.link.value()),
      request.message(), {ENOENT, ENODEV});
}

Result<void> Netlink::probe_neighbor(const NeighborKey& neighbor) {
  NetlinkRequest request(RTM_NEWNEIGH, NLM_F_CREATE);
  put_neighbor(request, neighbor);
  static_cast<ndmsg*>(mnl_nlmsg_get_payload(&request.message()))->ndm_flags = NTF_USE;
  return ask(
      fmt::format("ask for neighbour {} on link {}", neighbor.address.to_string(), neighbor.link.value()),
      request.message());
}

Result<LinkIndex> Netlink::create_vrf(std::string_view name, RouteTable table) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.header<ifinfomsg>();
  request.put_text(IFLA_IFNAME, name);
  request.nest(IFLA_LINKINFO, [&] {
    request.put_text(IFLA_INFO_KIND, "vrf");
    request.nest(IFLA_INFO_DATA, [&] { request.put_u32(IFLA_VRF_TABLE, table.value()); });
  });
  auto created = ask(fmt::format("create the VRF device {}", name), request.message());
  if (!created) return tl::unexpected(created.error());
  auto found = link(name);
  if (!found) return tl::unexpected(found.error());
  return found->index;
}

Result<bool> Netlink::has_vrf() {
  constexpr const char* kProbe = "mr-vrf-probe";
  NetlinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.header<ifinfomsg>();
  request.put_text(IFLA_IFNAME, kProbe);
  request.nest(IFLA_LINKINFO, [&] {
    request.put_text(IFLA_INFO_KIND, "vrf");
    request.nest(IFLA_INFO_DATA, [&] { request.put_u32(IFLA_VRF_TABLE, 0x7fff0000); });
  });
  std::string text;
  const auto code = ask_for_code("ask for VRF devices", request.message(), &text);
  if (!code) return tl::unexpected(code.error());
  if (*code == EOPNOTSUPP) return false;
  if (*code != 0) return failure("ask for VRF devices", text);
  const auto probe = link(kProbe);
  if (!probe) return tl::unexpected(probe.error());
  if (auto removed = remove_link(probe->index); !removed) return tl::unexpected(removed.error());
  return true;
}

Result<void> Netlink::set_master(LinkIndex link, LinkIndex master) {
  NetlinkRequest request(RTM_NEWLINK, 0);
  link_header(request, link);
  request.put_u32(IFLA_MASTER, master.value());
  return ask(fmt::format("put link {} under link {}", link.value(), master.value()), request.message());
}

Result<void> Netlink::change_rules(std::string_view verb, std::uint16_t type, RuleMatch match,
                                   std::string_view link_name, RouteTable table, std::uint32_t priority,
                                   int harmless) {
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    NetlinkRequest request(type, type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0);
    auto& header = request.header<fib_rule_hdr>();
    header.family = family;
    header.action = FR_ACT_TO_TBL;
    request.put_u32(FRA_TABLE, table.value());
    request.put_u32(FRA_PRIORITY, priority);
    request.put_text(match == RuleMatch::kInput ? FRA_IIFNAME : FRA_OIFNAME, link_name);
    auto done = ask(fmt::format("{} the rule that sends {} to table {}", verb, link_name, table.value()),
                    request.message(), {harmless});
    if (!done) return done;
  }
  return {};
}

Result<void> Netlink::add_rule(RuleMatch match, std::string_view link_name, RouteTable table,
                               std::uint32_t priority) {
  return change_rules("add", RTM_NEWRULE, match, link_name, table, priority, EEXIST);
}

Result<void> Netlink::remove_rule(RuleMatch match, std::string_view link_name, RouteTable table,
                                  std::uint32_t priority) {
  return change_rules("remove", RTM_DELRULE, match, link_name, table, priority, ENOENT);
}

}  // namespace millrace::host
