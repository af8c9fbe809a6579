// SPDX-License-Identifier: BSD-3-Clause
// Puts the pieces of a Network together. Control side only.
#pragma once

#include "common/core/network.h"

namespace millrace::core {

// Adds an interface and makes its port and tags lead to it; its id is its place in the list.
void add_interface(Network& network, Interface interface);

// Finds the interface under each overlay, by its local address, and makes what arrives from the far ends lead
// to the overlay's interface. Once, when all interfaces are there. One that nothing is under stays
// unreachable.
void connect_overlays(Network& network);

// Two paths that are the two directions of a chain, or one alone (`a` == `b`): each packet goes back by the
// port it came by. Both are interfaces of the network already.
void connect_services(Network& network, InterfaceId a, InterfaceId b);

[[nodiscard]] InterfaceId interface_id(const Network& network, const Interface& interface);

// The hop that sends by an interface to a neighbour with this MAC address.
[[nodiscard]] NextHop forward_hop(const Network& network, InterfaceId interface,
                                  const net::MacAddress& neighbor);

// Transparent mode: what comes in by one port leaves by the other. Both have an untagged interface already;
// frames with any tags belong to it.
void connect_wire(Network& network, PortId a, PortId b);

}  // namespace millrace::core
