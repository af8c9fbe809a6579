// SPDX-License-Identifier: BSD-3-Clause
// What the data path knows of the network around it: interfaces, routes, next hops. One immutable object; the
// control side makes a new one for each change and publishes it whole.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/core/ids.h"
#include "common/net/address.h"
#include "common/net/prefix_table.h"

namespace millrace::core {

enum class Forwarding : std::uint8_t { kRouted, kTransparent };

// A port with its tags. Tunnels come in as further kinds of this: what stages see is only the InterfaceId.
struct Interface {
  std::string name;
  PortId port;
  std::uint16_t outer_vlan = 0;  // 0 = untagged
  std::uint16_t inner_vlan = 0;
  bool outer_is_service_tag = false;  // 802.1ad instead of 802.1Q
  DomainId domain{0};
  std::uint16_t mtu = 1500;  // of the IP datagram
  bool up = true;
  net::MacAddress mac;
  std::vector<net::InterfaceAddress> addresses;

  // The address that speaks for the interface in ICMP errors; nothing when it has none of that family.
  [[nodiscard]] const net::IpAddress* address(net::Family family) const noexcept {
    for (const auto& own : addresses) {
      if (own.address.family() == family) return &own.address;
    }
    return nullptr;
  }
};

// Where a packet goes and what to write in front of it: decided once, applied per packet.
struct alignas(64) NextHop {
  enum class Kind : std::uint8_t {
    kForward,      // rewrite and send
    kResolve,      // the neighbour's MAC address is not known yet: the twin asks while the packet waits
    kHost,         // our own address: to the twin
    kBlackhole,    // drop without a word
    kProhibited,   // drop and say so by ICMP
    kUnreachable,  // drop and say by ICMP that there is no way
    kWire,         // transparent mode: the other port of the pair, nothing rewritten
  };
  Kind kind = Kind::kProhibited;
  std::uint8_t rewrite_length = 0;  // 14, 18 or 22 bytes of `rewrite`
  std::uint16_t mtu = 1500;
  InterfaceId interface;
  PortId port;
  std::array<std::uint8_t, 22> rewrite{};  // Ethernet header, tags; the last two bytes (type) are per packet
};
static_assert(sizeof(NextHop) == 64);

struct Domain {
  std::string name;
  net::PrefixTable routes;  // of both families, to NextHopId
};

struct PortTags {
  InterfaceId untagged;
  std::vector<InterfaceId> by_vlan;  // 4096 entries when the port has single-tagged interfaces
  struct Double {
    std::uint16_t outer;
    std::uint16_t inner;
    InterfaceId interface;
  };
  std::vector<Double> by_two_tags;
  InterfaceId any_two_tags;  // for those not in the list
};

class Network {
 public:
  Forwarding forwarding = Forwarding::kRouted;
  std::vector<Interface> interfaces;  // by InterfaceId; numbers stay the same from one snapshot to the next
  std::vector<Domain> domains;        // by DomainId
  std::vector<NextHop> next_hops;     // by NextHopId
  std::array<PortTags, kMaxPorts> ports;
  std::array<NextHopId, kMaxPorts> wire;       // transparent mode: where what comes in by a port goes
  std::array<NextHopId, kMaxPorts> wire_back;  // and the hop that sends by the port itself, for answers
  std::array<bool, kMaxPorts> port_up{};

  [[nodiscard]] InterfaceId find_interface(PortId port, std::uint16_t outer, std::uint16_t inner,
                                           bool tagged) const noexcept {
    const PortTags& tags = ports[port.value()];
    if (!tagged) [[likely]]
      return tags.untagged;
    if (inner == 0) {
      // Priority tags (id 0) carry no VLAN: IEEE 802.1Q section 6.9.
      if (outer == 0) return tags.untagged;
      return tags.by_vlan.empty() ? InterfaceId::none() : tags.by_vlan[outer];
    }
    for (const auto& entry : tags.by_two_tags) {
      if (entry.outer == outer && entry.inner == inner) return entry.interface;
    }
    return tags.any_two_tags;
  }

  template <class Address>
  [[nodiscard]] NextHopId find_route(DomainId domain, const Address& destination) const noexcept {
    return NextHopId(domains[domain.value()].routes.lookup(destination));
  }
};

}  // namespace millrace::core
