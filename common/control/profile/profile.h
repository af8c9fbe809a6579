// SPDX-License-Identifier: BSD-3-Clause
// The part of the profile that every appliance shares, as plain values. What each key means, its default and
// its bounds stand in the table in profile_schema.cpp and in the pages docs/profile.VNF.md, which are
// generated from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/profile/diagnostics.h"
#include "common/control/profile/service.h"
#include "common/control/profile/units.h"
#include "common/net/address.h"
#include "common/net/overlay_header.h"

namespace millrace::control {

enum class Idle : std::uint8_t { kPoll, kAdaptive };
enum class LogLevel : std::uint8_t { kTrace, kDebug, kInfo, kWarning, kError };
enum class Offloads : std::uint8_t { kAuto, kNoLro, kNone };
enum class ForwardingMode : std::uint8_t { kRouted, kTransparent };

struct Workers {
  std::uint16_t count = 1;
  std::vector<std::uint16_t> cpus;  // one per worker, or empty: any CPU the process may use

  bool operator==(const Workers&) const = default;
};

struct Dataplane {
  Located<Workers> workers;
  std::optional<std::uint64_t> memory_bytes;  // empty: auto
  std::uint16_t burst = 32;
  Idle idle = Idle::kAdaptive;
  std::uint64_t sessions = 250'000;  // of the whole appliance, shared out among the workers
};

struct Port {
  Located<std::string> name;
  Located<std::string> device;          // DPDK device arguments
  std::uint16_t mtu = 1500;             // largest IP packet, without Ethernet header and tags
  std::optional<std::uint16_t> queues;  // empty: one per worker, or as many as the device has
  Offloads offloads = Offloads::kAuto;
};

// An interface whose frames travel inside other packets.
struct Overlay {
  enum class Payload : std::uint8_t { kEthernet, kIp };

  Located<std::uint32_t> vni;                 // all but GRE
  Located<std::optional<std::uint32_t>> key;  // GRE
  Located<net::IpAddress> local;
  Located<std::optional<net::IpAddress>> remote;  // see far_ends()
  std::vector<Located<net::IpAddress>> peers;
  Located<bool> learn{.value = false, .at = {}};
  Located<std::optional<std::uint16_t>> udp_port;  // empty: the one IANA gives it
  Located<std::optional<Payload>> payload;         // empty: IP in GRE, Ethernet in the others
  bool zero_checksum = false;
  std::optional<std::uint8_t> dscp;  // empty: that of the packet inside
  std::uint8_t ttl = 64;

  // `remote` and `peers`.
  [[nodiscard]] std::vector<Located<net::IpAddress>> far_ends() const;
};

// An interface that is a service path: packets of a service function forwarder.
struct ServicePath {
  Located<std::uint32_t> path;  // service path identifier of NSH, or label of MPLS
  Located<std::optional<std::uint8_t>> index;
  std::optional<std::uint8_t> own_index;  // empty: one less than `index`, or 254
};

struct Interface {
  Located<std::string> name;
  Located<std::string> port;     // none where there is a tunnel
  std::optional<Overlay> vxlan;  // at most one of these
  std::optional<Overlay> vxlan_gpe;
  std::optional<Overlay> geneve;
  std::optional<Overlay> gre;
  std::optional<ServicePath> nsh;  // or one of these
  std::optional<ServicePath> mpls;
  Located<std::optional<std::string>> tunnel;
  Located<std::optional<std::uint16_t>> vlan;
  Located<std::optional<std::uint16_t>> outer_vlan;  // QinQ: the S-tag, `vlan` being the C-tag
  std::vector<Located<net::InterfaceAddress>> address;
  Located<std::string> domain{.value = "default", .at = {}};
  Located<std::optional<std::uint16_t>> mtu;  // empty: the port's

  struct OverlayOf {
    net::OverlayType type;
    const Overlay& given;

    [[nodiscard]] const Overlay* operator->() const noexcept { return &given; }
    [[nodiscard]] bool ethernet() const noexcept;
    [[nodiscard]] std::uint16_t udp_port() const noexcept;
    [[nodiscard]] std::uint32_t id() const noexcept;
  };
  // Nothing when it is none; the first one when several were given.
  [[nodiscard]] std::optional<OverlayOf> overlay() const noexcept;
  [[nodiscard]] const ServicePath* service() const noexcept { return nsh ? &*nsh : mpls ? &*mpls : nullptr; }
};

// Bytes that an overlay puts in front of an IP datagram inside, the outer link header not counted.
[[nodiscard]] std::uint16_t overlay_overhead(const Interface::OverlayOf& overlay) noexcept;

// The number by which the function knows an interface's tunnel of this name: the same on every machine, and
// never 0.
[[nodiscard]] std::uint32_t tunnel_number(std::string_view name) noexcept;

struct Pair {  // of names
  Located<std::string> first;
  Located<std::string> second;
};

// Frames that carry neither ARP nor IP and pass nevertheless.
struct OtherFrames {
  bool all = false;
  bool llc = false;                  // those with a length in place of a type (IEEE 802.2 LLC)
  bool spanning_tree = false;        // of these, IEEE 802.1D
  std::vector<std::uint16_t> types;  // Ethernet types, ascending, each once
};

struct Forwarding {
  ForwardingMode mode = ForwardingMode::kRouted;
  // kTransparent only.
  std::vector<Pair> pairs;  // of ports
  OtherFrames other;
  // kRouted only.
  std::vector<Pair> chains;  // of interfaces that are service paths; of one alone both names are its own
};

struct Route {
  Located<net::Prefix> to;
  Located<std::optional<net::IpAddress>> via;     // by a tunnel it needs none
  Located<std::optional<std::string>> interface;  // needed only when `via` alone does not tell
  Located<std::optional<std::string>> domain;     // see domain_of()
  std::uint32_t metric = 0;
};

// What becomes of packets of one color (RFC 2697 section 3, RFC 2698 section 3).
struct ColorAction {
  bool drop = false;
  std::optional<std::uint8_t> mark;  // code point; empty: left as it is
};

// A meter with two or three colors.
struct Policer {
  Located<std::string> name;
  Located<std::uint64_t> rate;                 // bits a second
  std::optional<std::uint64_t> burst;          // bytes; empty: what comes in 100 ms, but not less than 16 KiB
  Located<std::optional<std::uint64_t>> peak;  // bits a second; empty: one rate
  Located<std::optional<std::uint64_t>> excess_burst;  // bytes, beside `peak` that of the peak rate
  bool color_aware = false;
  ColorAction conform;
  ColorAction exceed;
  ColorAction violate{.drop = true, .mark = {}};

  [[nodiscard]] std::uint64_t committed_burst() const noexcept;
  // Of the peak rate; without one, what exceeds.
  [[nodiscard]] std::uint64_t second_burst() const noexcept;
};

// Packets that come in by an interface, and what is done to them. All that is given must hold; of a list,
// one.
struct TrafficRule {
  Position at;
  std::optional<std::string> name;
  std::vector<Located<std::string>> interface;
  std::vector<std::uint8_t> dscp;
  std::vector<Located<Service>> service;
  std::vector<PortRange> source_port;
  std::vector<net::Prefix> from;
  std::vector<net::Prefix> to;
  Located<std::optional<std::string>> police;
  std::optional<std::uint8_t> mark;
};

struct Qos {
  std::vector<Policer> policers;
  std::vector<TrafficRule> rules;  // the first that fits holds
};

struct Neighbor {
  Located<std::string> interface;
  Located<net::IpAddress> address;
  Located<net::MacAddress> mac;
};

struct Endpoint {
  std::string host;  // a name or an address, without the brackets of IPv6
  std::uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

struct Ipfix {
  Located<Endpoint> collector;
};

struct FlowLog {
  std::string file;
  Located<bool> updates{.value = false, .at = {}};
};

struct Telemetry {
  LogLevel log = LogLevel::kInfo;
  std::optional<Ipfix> ipfix;
  std::optional<FlowLog> flow_log;
  std::optional<Milliseconds> active_timeout{60'000};  // empty: off

  // How often those who read of sessions want to hear of one that goes on; nothing when nobody does.
  [[nodiscard]] std::optional<Milliseconds> updates() const noexcept {
    return ipfix || (flow_log && *flow_log->updates) ? active_timeout : std::nullopt;
  }
};

struct Profile {
  Located<std::string> vnf;
  std::string name;
  Dataplane dataplane;
  std::vector<Port> ports;  // in the order of the file, as are all lists here
  std::vector<Interface> interfaces;
  Located<Forwarding> forwarding;
  std::vector<Route> routes;
  std::vector<Neighbor> neighbors;
  Qos qos;
  Telemetry telemetry;

  [[nodiscard]] bool transparent() const noexcept {
    return forwarding.value.mode == ForwardingMode::kTransparent;
  }
  // Null when there is none of that name.
  [[nodiscard]] const Port* port(std::string_view wanted) const noexcept;
  [[nodiscard]] const Interface* interface(std::string_view wanted) const noexcept;
  // The routing domain of a route: as written, else its interface's, else "default".
  [[nodiscard]] std::string_view domain_of(const Route& route) const noexcept;
  // The largest IP packet on an interface: its own MTU, else its port's, or what fits a tunnel anywhere.
  [[nodiscard]] std::uint16_t mtu_of(const Interface& interface) const noexcept;
};

}  // namespace millrace::control
