// SPDX-License-Identifier: BSD-3-Clause
// The second half of next hops that lead through overlays: from the neighbour inside to a far end, and from
// there to the neighbour below. Control side only.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/core/network.h"

namespace millrace::core {

// Behind which far end of an overlay a station is.
using Stations = std::map<InterfaceId, std::map<net::MacAddress, net::IpAddress>>;

struct UnfinishedOverlays {
  // A far end whose next hop below waits for its neighbour.
  struct Below {
    NextHopId hop;
    net::IpAddress far_end;
  };
  std::vector<Below> far_ends;
  std::map<std::uint32_t, Below> hops;  // by NextHopId: those that wait with it
};

// Makes the ways to all far ends and stations, and completes the forwarding hops of overlays: routes and
// neighbours are all there. A station that is not among `stations` is sent to through all far ends. Returns
// what has to wait; what no route below leads to becomes unreachable.
[[nodiscard]] UnfinishedOverlays finish_overlay_hops(Network& network, const Stations& stations);

}  // namespace millrace::core
