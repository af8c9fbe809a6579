// SPDX-License-Identifier: BSD-3-Clause
// Kernel messages to values. Every decoder checks lengths and types itself and gives nothing for a message
// that is cut short, malformed or about something this appliance does not model; it never reads past the
// message.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/host/types.h"

struct nlmsghdr;

namespace millrace::host {

struct LinkEvent {
  Link link;
};

struct AddressEvent {
  LinkIndex link;
  net::InterfaceAddress address;
  bool usable = true;  // not tentative and not found to be a duplicate
};

struct NeighborEvent {
  Neighbor neighbor;
};

struct RouteEvent {
  Route route;                   // next hops in kernel order, all links, dead ones left out
  std::uint32_t nexthop_id = 0;  // of a nexthop object, or 0
  bool gives_next_hops = false;  // false: the kernel named the nexthop object only
  bool selective = false;        // for one TOS or source prefix only
  bool encapsulated = false;     // through a lightweight tunnel or a translated destination
};

// RTM_NEWNEXTHOP: one way out, or a weighted group of others.
struct NexthopEvent {
  struct Member {
    std::uint32_t id = 0;
    std::uint16_t weight = 1;
    bool operator==(const Member&) const = default;
  };
  std::uint32_t id = 0;
  bool blackhole = false;
  std::optional<NextHop> hop;
  std::vector<Member> group;

  bool operator==(const NexthopEvent&) const = default;
};

// For RTM_NEW* and RTM_DEL* of the kind alike; the type is not looked at.
[[nodiscard]] std::optional<LinkEvent> decode_link(const nlmsghdr& message);
[[nodiscard]] std::optional<AddressEvent> decode_address(const nlmsghdr& message);
[[nodiscard]] std::optional<NeighborEvent> decode_neighbor(const nlmsghdr& message);
// Also nothing for a route the kernel cloned from another.
[[nodiscard]] std::optional<RouteEvent> decode_route(const nlmsghdr& message);
[[nodiscard]] std::optional<NexthopEvent> decode_nexthop(const nlmsghdr& message);

}  // namespace millrace::host
