// SPDX-License-Identifier: BSD-3-Clause
// What we ask of the kernel's network stack, in the network namespace the thread was in at open(). One
// thread; each call returns when the kernel has done it or refused. Changing anything needs CAP_NET_ADMIN,
// and the Error says so.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/host/netlink_socket.h"
#include "common/host/types.h"
#include "common/net/address.h"

namespace millrace::host {

// Whether the kernel adds the route to the address's subnet. A routing domain without a VRF device keeps its
// subnets in a table of its own, so the kernel must not put them in main.
enum class SubnetRoute : bool { kByKernel, kNone };

// The wanted addresses of a link, plus the link-local one that its MAC gives (RFC 4291 appendix A) when there
// is an IPv6 address among them and no link-local one. Without it the kernel resolves no IPv6 neighbour: it
// has no source address for its solicitations (ndisc.c, ndisc_send_ns).
[[nodiscard]] std::vector<net::InterfaceAddress> with_link_local(std::vector<net::InterfaceAddress> wanted,
                                                                 const net::MacAddress& mac);

// Packets that came in by the link, or sockets bound to it.
enum class RuleMatch : bool { kInput, kOutput };

class Netlink {
 public:
  [[nodiscard]] static Result<Netlink> open();

  [[nodiscard]] Result<Link> link(std::string_view name);
  [[nodiscard]] Result<void> set_up(LinkIndex link, bool up);
  [[nodiscard]] Result<void> set_mtu(LinkIndex link, std::uint32_t mtu);
  [[nodiscard]] Result<void> set_mac(LinkIndex link, const net::MacAddress& mac);
  // No IPv6 address but those added by hand: not even a link-local one (see with_link_local).
  [[nodiscard]] Result<void> stop_address_generation(LinkIndex link);
  [[nodiscard]] Result<void> remove_link(LinkIndex link);

  // IPv6 addresses are usable at once: the owner of the profile vouches for them, so there is no duplicate
  // detection.
  [[nodiscard]] Result<void> set_address(LinkIndex link, const net::InterfaceAddress& address,
                                         SubnetRoute subnet = SubnetRoute::kByKernel);
  // Success also when there was none.
  [[nodiscard]] Result<void> remove_address(LinkIndex link, const net::InterfaceAddress& address);
  [[nodiscard]] Result<std::vector<net::InterfaceAddress>> addresses(LinkIndex link);
  // Adds what is missing and removes what is too many, touching nothing else: a running connection stays.
  [[nodiscard]] Result<void> set_addresses(LinkIndex link, std::span<const net::InterfaceAddress> wanted,
                                           SubnetRoute subnet = SubnetRoute::kByKernel);

  // Adds the route, or replaces the one of the same prefix, table and metric. An IPv6 metric of 0 becomes the
  // kernel's default, 1024.
  [[nodiscard]] Result<void> set_route(const Route& route);
  // The route of this prefix, table and metric, whatever its next hops. Success also when there was none.
  [[nodiscard]] Result<void> remove_route(const Route& route);

  [[nodiscard]] Result<void> set_permanent_neighbor(const NeighborKey& neighbor, const net::MacAddress& mac);
  // Success also when there was none.
  [[nodiscard]] Result<void> remove_neighbor(const NeighborKey& neighbor);
  // As if the kernel itself had a packet for it (NTF_USE): an unknown or failed neighbour is asked for at
  // once, a stale one is verified, any other left alone. The mirror shows the neighbour when it is found or,
  // after three requests a second apart, given up (failed); until then the kernel announces nothing.
  [[nodiscard]] Result<void> probe_neighbor(const NeighborKey& neighbor);

  // A VRF device over `table`. The error of a kernel without VRF is told apart by has_vrf().
  [[nodiscard]] Result<LinkIndex> create_vrf(std::string_view name, RouteTable table);
  // Whether create_vrf() works here; the answer is found by asking, once, with a device that is removed
  // again.
  [[nodiscard]] Result<bool> has_vrf();
  [[nodiscard]] Result<void> set_master(LinkIndex link, LinkIndex master);
  // "ip rule PRIORITY iif|oif NAME table TABLE" for both families; adding it twice is success.
  [[nodiscard]] Result<void> add_rule(RuleMatch match, std::string_view link_name, RouteTable table,
                                      std::uint32_t priority);
  [[nodiscard]] Result<void> remove_rule(RuleMatch match, std::string_view link_name, RouteTable table,
                                         std::uint32_t priority);

 private:
  explicit Netlink(NetlinkSocket socket) : socket_(std::move(socket)) {}

  Result<void> ask(std::string attempt, nlmsghdr& message, std::initializer_list<int> harmless = {});
  Result<int> ask_for_code(const std::string& attempt, nlmsghdr& message, std::string* text);
  Result<void> change_rules(std::string_view verb, std::uint16_t type, RuleMatch match,
                            std::string_view link_name, RouteTable table, std::uint32_t priority,
                            int harmless);

  NetlinkSocket socket_;
};

}  // namespace millrace::host
