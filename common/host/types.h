// SPDX-License-Identifier: BSD-3-Clause
// What the kernel calls links, routes and neighbours, as values. Shared by the requests we make of it
// (netlink.h) and the copy we keep of it (model.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/strong_id.h"
#include "common/net/address.h"

namespace millrace::host {

using LinkIndex = StrongId<struct LinkIndexTag, std::uint32_t>;    // the kernel's ifindex
using RouteTable = StrongId<struct RouteTableTag, std::uint32_t>;  // the kernel's table number

inline constexpr RouteTable kMainTable{254};
inline constexpr RouteTable kLocalTable{255};

// What we write as the origin of the routes we install; `ip route` shows it as "proto 77".
inline constexpr std::uint8_t kRouteProtocol = 77;

enum class RouteKind : std::uint8_t {
  kUnicast,
  kLocal,      // an address of this appliance
  kBroadcast,  // IPv4 subnet broadcast, delivered locally
  kMulticast,
  kAnycast,      // IPv6 subnet-router anycast, delivered locally (RFC 4291 section 2.6.1)
  kBlackhole,    // drop silently
  kUnreachable,  // drop, ICMP host unreachable
  kProhibit,     // drop, ICMP administratively prohibited
};

// Whether a route of this kind says by itself what becomes of the packet, with no next hop.
[[nodiscard]] constexpr bool is_discard(RouteKind kind) noexcept {
  return kind == RouteKind::kBlackhole || kind == RouteKind::kUnreachable || kind == RouteKind::kProhibit;
}

struct NextHop {
  // Absent: the destination is on the link. May be IPv6 for IPv4 (RFC 8950).
  std::optional<net::IpAddress> gateway;
  LinkIndex link;
  std::uint16_t weight = 1;  // 1 to 256, relative to the other next hops

  auto operator<=>(const NextHop&) const = default;
};

struct Route {
  net::Prefix prefix;
  RouteTable table = kMainTable;
  RouteKind kind = RouteKind::kUnicast;
  std::uint32_t metric = 0;  // the lowest wins
  std::vector<NextHop> next_hops;

  bool operator==(const Route&) const = default;
};

// RFC 4861 section 7.3.2, plus the kernel's own PERMANENT and NOARP.
enum class NeighborState : std::uint8_t {
  kIncomplete,
  kReachable,
  kStale,
  kDelay,
  kProbe,
  kFailed,
  kNoArp,
  kPermanent,
};

struct NeighborKey {
  LinkIndex link;
  net::IpAddress address;

  constexpr auto operator<=>(const NeighborKey&) const noexcept = default;  // NOLINT(modernize-use-nullptr)
};

struct Neighbor {
  NeighborKey key;
  net::MacAddress mac;
  NeighborState state = NeighborState::kIncomplete;

  bool operator==(const Neighbor&) const noexcept = default;
  // Whether `mac` may be put on a packet now.
  [[nodiscard]] constexpr bool usable() const noexcept {
    return state != NeighborState::kIncomplete && state != NeighborState::kFailed;
  }
};

struct Link {
  LinkIndex index;
  std::string name;
  net::MacAddress mac;
  std::uint32_t mtu = 0;
  bool up = false;       // administratively
  bool running = false;  // carrier

  bool operator==(const Link&) const = default;
};

}  // namespace millrace::host
