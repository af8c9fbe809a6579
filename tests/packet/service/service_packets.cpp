// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/service/service_packets.h"

#include "tests/support/networks.h"

namespace millrace::testing {
namespace {

constexpr std::string_view kForwarderMac = "02:00:00:00:0f:0f";
constexpr std::string_view kUserMac = "02:00:00:00:0a:01";
constexpr std::string_view kNetMac = "02:00:00:00:0a:02";

Frame join(Frame front, const Frame& header, const Frame& inside) {
  front.insert(front.end(), header.begin(), header.end());
  front.insert(front.end(), inside.begin(), inside.end());
  return front;
}

Frame link(std::string_view from, std::string_view to, std::uint16_t type) {
  Frame bytes = packet().ethernet(from, to).ether_type(type).bytes();
  bytes.resize(14);
  return bytes;
}

}  // namespace

std::shared_ptr<const core::Network> service_network(bool /*resolved*/) {
  static const std::shared_ptr<const core::Network> kNetwork = [] {
    using core::ServicePath;
    using net::ServiceType;
    NetworkBuilder builder;
    const core::PortId port(0);
    builder.service(port, "users", ServicePath{.path = 42})
        .service(port, "net", ServicePath{.path = 43, .own_index = 200})
        .service(port, "apart", ServicePath{.path = 44}, 1)
        .service(port, "indexed", ServicePath{.path = 45, .index = 7})
        .service(port, "label", ServicePath{.type = ServiceType::kMpls, .path = 511})
        .service(port, "back", ServicePath{.type = ServiceType::kMpls, .path = 1023})
        .interface(core::PortId(1), "plain", {"192.168.1.1/24"})
        .chain("users", "net")
        .chain("apart", "apart")
        .chain("indexed", "indexed")
        .chain("label", "back");
    return builder.build();
  }();
  return kNetwork;
}

Scenario service_scenario(const std::string& name) {
  return scenario(name).on(service_network).set([](PolicySpec& policy) {
    policy.zone_of = {0, 1, 0, 0, 0, 1, 1};
    policy.otherwise = firewall::Action::kDrop;
    policy.protection.reverse_path = firewall::ReversePath::kStrict;  // as profiles have it by default
    policy.rules = {reject("no-ssh").service("tcp/22"), accept("out").from(0)};
  });
}

Frame Nsh::header() const {
  const std::size_t words = 2 + metadata.size() / 4;
  const auto base = static_cast<std::uint16_t>(flags | words);
  Frame bytes = {static_cast<std::uint8_t>(base >> 8),
                 static_cast<std::uint8_t>(base),
                 static_cast<std::uint8_t>(unassigned << 4 | md_type),
                 next_protocol,
                 static_cast<std::uint8_t>(path >> 16),
                 static_cast<std::uint8_t>(path >> 8),
                 static_cast<std::uint8_t>(path),
                 index};
  bytes.insert(bytes.end(), metadata.begin(), metadata.end());
  return bytes;
}

Frame from_forwarder(std::uint16_t type, const Frame& header, const Frame& inside) {
  return join(link(kForwarderMac, interface_mac(0).to_string(), type), header, inside);
}
Frame to_forwarder(std::uint16_t type, const Frame& header, const Frame& inside) {
  return join(link(interface_mac(0).to_string(), kForwarderMac, type), header, inside);
}
Frame nsh_in(const Nsh& nsh, const Frame& inside) { return from_forwarder(0x894f, nsh.header(), inside); }
Frame nsh_out(Nsh nsh, const Frame& inside) {
  --nsh.index;
  return to_forwarder(0x894f, nsh.header(), inside);
}
Frame label(std::uint32_t number, std::uint8_t traffic_class, std::uint8_t ttl, bool last) {
  const std::uint32_t word = number << 12 | std::uint32_t{traffic_class} << 9 | (last ? 0x100U : 0U) | ttl;
  return {static_cast<std::uint8_t>(word >> 24), static_cast<std::uint8_t>(word >> 16),
          static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)};
}

PacketBuilder user() { return packet().ethernet(kUserMac, kNetMac).ipv4("10.1.0.10", "203.0.113.80"); }
PacketBuilder user6() {
  return packet().ethernet(kUserMac, kNetMac).ipv6("2001:db8:1::10", "2001:db8:2::80");
}
PacketBuilder net() { return packet().ethernet(kNetMac, kUserMac).ipv4("203.0.113.80", "10.1.0.10"); }
PacketBuilder net6() { return packet().ethernet(kNetMac, kUserMac).ipv6("2001:db8:2::80", "2001:db8:1::10"); }

}  // namespace millrace::testing
