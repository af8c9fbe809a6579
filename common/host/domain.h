// SPDX-License-Identifier: BSD-3-Clause
// Routing domains (VRFs) in the kernel: one route table each, with links that belong to it. One thread.
//
// With a VRF device the kernel keeps domains fully apart. A kernel without CONFIG_NET_VRF gets policy rules
// instead: what comes in by a link of the domain, and what a socket bound to such a link sends, is looked up
// in the domain's table. Two limits remain there: the local table is common to all domains, and what the
// kernel sends of itself from no bound socket (an echo reply to a tenant's host that no other domain routes)
// is looked up in main.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/host/netlink.h"
#include "common/host/types.h"

namespace millrace::host {

class Domains {
 public:
  enum class Method : std::uint8_t { kVrf, kRules };

  // Asks the kernel once which method it has.
  [[nodiscard]] static Result<Domains> open(Netlink& netlink);
  // Removes nothing: VRF devices and rules stay until close() or the end of the namespace.
  Domains(Domains&&) noexcept = default;
  Domains& operator=(Domains&&) noexcept = default;

  [[nodiscard]] Method method() const noexcept { return method_; }
  // Creates the domain. A VRF device is named after the table, vrf1001: a domain may well be called like an
  // interface. An earlier run's leftover is taken over.
  [[nodiscard]] Result<void> add(std::string_view name, RouteTable table);
  // Puts the link into a domain that add() made. Call it before the link's addresses are set.
  [[nodiscard]] Result<void> attach(const Link& link, std::string_view name);
  // Undoes attach(), for a link that is there no more, or is to be in another domain.
  [[nodiscard]] Result<void> detach(std::string_view link, std::string_view name);
  // Sets the addresses of an attached link, with the route to each subnet in the domain's table.
  [[nodiscard]] Result<void> set_addresses(LinkIndex link, std::string_view name,
                                           std::span<const net::InterfaceAddress> addresses);
  // Removes what add() and attach() made, as far as it is still there.
  [[nodiscard]] Result<void> close();

 private:
  struct Domain {
    RouteTable table;
    LinkIndex device;  // of the VRF; none with rules
    std::vector<std::string> links;
    std::map<LinkIndex, std::vector<Route>> subnets;  // with rules: the routes set_addresses() made
  };

  Domains(Netlink& netlink, Method method) : netlink_(&netlink), method_(method) {}
  [[nodiscard]] Result<Domain*> find(std::string_view name);
  [[nodiscard]] Result<void> remove_rules(std::string_view link, RouteTable table);

  Netlink* netlink_;
  Method method_;
  std::map<std::string, Domain, std::less<>> domains_;
};

}  // namespace millrace::host
