// SPDX-License-Identifier: BSD-3-Clause
// From the kernel's routes and neighbours to the data path's next hops.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "common/core/network.h"
#include "common/core/overlay_hops.h"
#include "common/host/model.h"

namespace millrace::host {

// How kernel numbers and the data path's correspond.
struct LinkMap {
  std::map<LinkIndex, core::InterfaceId> interfaces;
  std::map<RouteTable, std::vector<core::DomainId>> domains;  // the local table may serve several
};

struct ForwardingState {
  std::shared_ptr<const core::Network> network;
  // By NextHopId: whom to ask ARP or neighbour discovery for. Empty: the packet's own destination.
  std::vector<std::optional<net::IpAddress>> gateways;
  // Of those that lead through an overlay, and wait for the way to its far end: on which interface to ask.
  std::map<std::uint32_t, core::InterfaceId> asked_below;
  std::set<NeighborKey> neighbors_in_use;
};

// `skeleton` has everything but next hops and routes (wires excepted). Flows are spread over
// the usable ways of a multipath route by their weights. Neighbours that a route without a gateway leads to
// become host routes, so that one look-up gives the final rewrite; through an overlay, with the outer
// headers. An overlay's station that is not among `stations` is sent to through all far ends.
[[nodiscard]] ForwardingState build_forwarding(const core::Network& skeleton, const Model& model,
                                               const LinkMap& links, const core::Stations& stations = {});

}  // namespace millrace::host
