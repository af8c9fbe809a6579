// SPDX-License-Identifier: BSD-3-Clause
// What the data path knows of the network around it: interfaces, routes, next hops. One immutable object; the
// control side makes a new one for each change and publishes it whole.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/reader.h"
#include "common/base/serial.h"
#include "common/core/conditioning.h"
#include "common/core/ids.h"
#include "common/core/overlay.h"
#include "common/core/service_path.h"
#include "common/core/spread.h"
#include "common/flow/segment.h"
#include "common/net/address.h"
#include "common/net/prefix_table.h"

namespace millrace::core {

enum class Forwarding : std::uint8_t { kRouted, kTransparent };

// A port with its tags, an overlay, or a tunnel that the function carries: what stages see is only the
// InterfaceId.
struct Interface {
  std::string name;
  PortId port;                   // none under a tunnel or an overlay
  std::uint32_t tunnel = 0;      // 0: none; else by which number the function knows it
  std::uint16_t outer_vlan = 0;  // 0 = untagged
  std::uint16_t inner_vlan = 0;
  bool outer_is_service_tag = false;  // 802.1ad instead of 802.1Q
  std::optional<Overlay> overlay;
  std::optional<ServicePath> service;
  DomainId domain{0};
  std::uint16_t mtu = 1500;  // of the IP datagram
  bool up = true;
  net::MacAddress mac;
  std::vector<net::InterfaceAddress> addresses;
  bool function_routes = false;  // what comes in without a route goes to the function, which may know one
  bool function_errors = false;  // ICMP errors to our own addresses are first the function's, then the twin's
  bool function_own = false;     // all that is for our own addresses is first the function's, then the twin's
  std::uint16_t function_port = 0;  // UDP to this port of our own addresses is the function's, not the twin's

  // At its other end is somebody, but nobody with a MAC address to be asked for.
  [[nodiscard]] bool is_point_to_point() const noexcept {
    return tunnel != 0 || (overlay && !overlay->end.ethernet);
  }
  [[nodiscard]] bool has(const net::IpAddress& address) const noexcept {
    return std::ranges::any_of(addresses,
                               [&](const net::InterfaceAddress& own) { return own.address == address; });
  }

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
    kFunction,     // an address that the function answers for; what it leaves as it is goes to the twin
    kBlackhole,    // drop without a word
    kProhibited,   // drop and say so by ICMP
    kUnreachable,  // drop and say by ICMP that there is no way
    kTunnel,       // by an interface that is a tunnel: the function makes other packets of it
    kWire,         // transparent mode: the other port of the pair, nothing rewritten
    kService,      // back to the service function forwarder that the packet came from
  };
  static constexpr std::uint32_t kNoOverlay = 0xffffffff;
  static constexpr std::uint32_t kEveryone =
      0xfffffffe;  // all far ends: which has the neighbour is not known

  Kind kind = Kind::kProhibited;
  std::uint8_t rewrite_length = 0;  // 14, 18 or 22 bytes of `rewrite`
  std::uint16_t mtu = 1500;
  InterfaceId interface;
  PortId port;
  std::uint32_t spread = 0;                // kSpread: index into Network::spreads
  std::uint32_t overlay_way = kNoOverlay;  // else index into Network::overlay_ways: headers before `rewrite`
  std::array<std::uint8_t, 22> rewrite{};  // Ethernet header, tags; the last two bytes (type) are per packet
};
static_assert(sizeof(NextHop) == 64);

struct Domain {
  std::string name;
  net::PrefixTable
      routes;  // of both families, to NextHopId, or with kSpread to an index into Network::spreads

  static constexpr std::uint32_t kSpread = 0x80000000;
};

static_assert(kMaxPorts - 1 <= flow::Segment::kMostWires);  // the lower port of a pair is never the last

// Addresses that the function answers for: the twin says on the link of the interface that they are here.
struct FunctionPrefix {
  DomainId domain{0};
  net::Prefix prefix;
  InterfaceId interface;  // one entry for each that they may be asked for on

  bool operator==(const FunctionPrefix&) const = default;
};

// Where the frames of an overlay's interface go.
struct OverlayReach {
  struct Station {
    net::MacAddress mac;
    std::uint32_t way;
  };
  std::vector<std::uint32_t> everyone;  // ways, one to each of Overlay::peers
  std::vector<Station> stations;        // by address

  // The way to a station, or nothing when it is not known.
  [[nodiscard]] std::optional<std::uint32_t> find(const net::MacAddress& mac) const noexcept {
    const auto at = std::ranges::lower_bound(stations, mac, {}, &Station::mac);
    return at != stations.end() && at->mac == mac ? std::optional(at->way) : std::nullopt;
  }
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

// Transparent mode: frames that carry neither ARP nor IP and pass nevertheless, by what follows their tags.
struct PassedFrames {
  bool all = false;
  bool llc = false;                       // a length instead of a type: IEEE 802.2 LLC
  bool spanning_tree = false;             // of these, IEEE 802.1D
  std::vector<std::uint16_t> types = {};  // Ethernet types, ascending

  // `type`: the type or length field. `payload`: what follows it, as far as it is at hand.
  [[nodiscard]] bool has(std::uint16_t type, Bytes payload) const noexcept {
    constexpr std::uint16_t kLongestLength = 1500;  // IEEE 802.3 section 3.2.6
    constexpr std::uint8_t kSpanningTree = 0x42;    // destination LSAP, IEEE 802.1D section 7.12.3
    if (all) return true;
    if (type <= kLongestLength)
      return llc || (spanning_tree && !payload.empty() && payload[0] == kSpanningTree);
    return std::binary_search(types.begin(), types.end(), type);
  }
};

class Network {
 public:
  Serial serial;
  Forwarding forwarding = Forwarding::kRouted;
  std::vector<Interface> interfaces;  // by InterfaceId; numbers stay the same from one snapshot to the next
  std::vector<Domain> domains;        // by DomainId
  std::vector<NextHop> next_hops;     // by NextHopId
  std::vector<Spread> spreads;
  std::uint64_t spread_seed = 0;
  OverlayTable overlays;
  ServiceTable services;
  std::vector<OverlayWay> overlay_ways;
  std::vector<OverlayReach> overlay_reach;           // by InterfaceId, as far as there are overlays
  std::shared_ptr<const Conditioning> conditioning;  // null: nothing is done
  NextHopId to_host;  // for the twin whatever its destination; none when there is no twin
  std::array<PortTags, kMaxPorts> ports;
  std::array<NextHopId, kMaxPorts> wire;       // transparent mode: where what comes in by a port goes
  std::array<NextHopId, kMaxPorts> wire_back;  // and the hop that sends by the port itself, for answers
  PassedFrames passed_frames;
  std::vector<FunctionPrefix> function_prefixes;
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

  // Transparent mode: the segment of frames with these tags at a port of a pair. The pair has the number of
  // its lower port.
  [[nodiscard]] flow::Segment segment(PortId port, flow::VlanTags tags) const noexcept {
    const PortId other = next_hops[wire[port.value()].value()].port;
    return flow::Segment::wire(std::min(port.value(), other.value()), tags);
  }

  // Whether packets may come inside others.
  [[nodiscard]] bool unpacks() const noexcept { return !overlays.empty() || !services.empty(); }

  // `flow` gives a hash that all packets of a flow share; it is asked for where there are several ways.
  template <class Address, class Flow>
  [[nodiscard]] NextHopId find_route(DomainId domain, const Address& destination, Flow flow) const noexcept {
    const std::uint32_t found = domains[domain.value()].routes.lookup(destination);
    if (found < Domain::kSpread) [[likely]]
      return NextHopId(found);
    if (found == net::PrefixTable::kNoMatch) return NextHopId::none();
    return spreads[found - Domain::kSpread].way(flow(), spread_seed);
  }
  // Where there are several ways, one for all flows to the destination.
  template <class Address>
  [[nodiscard]] NextHopId find_route(DomainId domain, const Address& destination) const noexcept {
    return find_route(domain, destination, [&] { return hash_of(destination); });
  }
  // Whether a route, or one of its ways, leads to the address by the interface to somewhere: a neighbour,
  // known or not.
  [[nodiscard]] bool leads_by(DomainId domain, const net::IpAddress& address,
                              InterfaceId interface) const noexcept;

  // The path that an interface is; null when it is none.
  [[nodiscard]] const ServicePath* service_of(InterfaceId interface) const noexcept {
    if (services.empty() || interface.value() >= interfaces.size()) [[likely]]
      return nullptr;
    const auto& service = interfaces[interface.value()].service;
    return service ? &*service : nullptr;
  }

  // Where a packet that came in by an interface goes on to: by the routes of a domain, or back to its
  // forwarder.
  template <class Address>
  [[nodiscard]] NextHopId find_way(InterfaceId ingress, DomainId domain,
                                   const Address& destination) const noexcept {
    const ServicePath* path = service_of(ingress);
    return path != nullptr ? path->back : find_route(domain, destination);
  }

 private:
  [[nodiscard]] static std::uint32_t hash_of(net::Ipv4Address address) noexcept {
    return address.value.wire();
  }
  [[nodiscard]] static std::uint32_t hash_of(const net::Ipv6Address& address) noexcept {
    return static_cast<std::uint32_t>(_mm_crc32_u64(address.high(), address.low()));
  }
  [[nodiscard]] static std::uint32_t hash_of(const net::IpAddress& address) noexcept {
    return address.is_v4() ? hash_of(address.v4()) : hash_of(address.v6());
  }
};

}  // namespace millrace::core
