// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/overlay/overlay_bed.h"

#include <array>

#include "tests/support/networks.h"

namespace millrace::testing {
namespace {

constexpr std::string_view kOurs = "10.0.0.1";
constexpr std::string_view kOurs6 = "2001:db8:1::1";
constexpr std::string_view kOursOutside = "192.168.1.1";
constexpr std::uint16_t kAnyDynamicPort = 50000;

core::Overlay overlay(net::OverlayType type, std::uint32_t id, std::string_view local,
                      const std::vector<std::string_view>& peers) {
  core::Overlay made;
  made.end.type = type;
  made.end.id = id;
  made.end.udp_port = type == net::OverlayType::kGeneve ? 6081 : 4789;
  made.end.local = *net::IpAddress::parse(local);
  for (const std::string_view peer : peers) made.peers.push_back(*net::IpAddress::parse(peer));
  return made;
}

std::shared_ptr<const core::Network> make(bool resolved) {
  using net::OverlayType;
  const auto mac = [](unsigned n) { return neighbor_mac(n).to_string(); };
  NetworkBuilder builder;
  builder.interface(core::PortId(0), "trust", {"10.0.0.1/24", "2001:db8:1::1/64"})
      .interface(core::PortId(1), "untrust", {"192.168.1.1/24", "2001:db8:2::1/64"});
  builder.overlay(overlay(OverlayType::kVxlan, 7001, kOurs, {kFarEnd}), "vxlan",
                  {"10.20.0.1/24", "2001:db8:20::1/64"});
  builder.mtu(1450);
  builder.overlay(overlay(OverlayType::kVxlan, 7002, kOurs6, {kFarEnd6}), "vxlan6",
                  {"10.21.0.1/24", "2001:db8:21::1/64"});
  builder.mtu(1430);
  builder.overlay(overlay(OverlayType::kGeneve, 7003, kOursOutside, {kFirst, kSecond}), "geneve",
                  {"10.22.0.1/24", "2001:db8:22::1/64"});
  builder.mtu(1450).station(mac(kGeneve), kFirst);
  core::Overlay gre = overlay(OverlayType::kGre, 77, kOursOutside, {kFarGre});
  gre.end.keyed = true;
  gre.end.ethernet = false;
  gre.dscp = 46;
  builder.overlay(gre, "gre", {"10.23.0.1/24", "2001:db8:23::1/64"}).mtu(1468);
  builder.overlay(overlay(OverlayType::kVxlan, 7004, kOurs, {kFarEnd}), "apart", {"10.0.0.1/24"}, 1)
      .mtu(1450);
  builder.overlay(overlay(OverlayType::kVxlan, 7005, kOursOutside, {kUnresolved}), "waiting",
                  {"10.24.0.1/24"});
  builder.mtu(1450);
  builder.route("10.0.0.0/24", "trust", mac(0)).route("2001:db8:1::/64", "trust", mac(0));
  builder.route("192.168.1.0/24", "untrust", mac(1)).route("2001:db8:2::/64", "untrust", mac(1));
  for (const auto& [number, name, id] : {std::tuple(20, "vxlan", kVxlan), std::tuple(21, "vxlan6", kVxlan6),
                                         std::tuple(22, "geneve", kGeneve), std::tuple(23, "gre", kGre)}) {
    const std::string text = std::to_string(number);
    builder.route("10." + text + ".0.0/24", name, mac(id)).route("2001:db8:" + text + "::/64", name, mac(id));
  }
  builder.route("10.22.1.0/24", "geneve", mac(99));  // a station that nobody has learned of
  builder.route("10.0.0.0/24", "apart", mac(kApart));
  builder.route("10.24.0.0/24", "waiting", mac(7));
  if (resolved) {
    builder.route("203.0.113.0/24", "untrust", mac(1));
  } else {
    builder.unresolved("203.0.113.0/24", "untrust");
  }
  return builder.build();
}

bool is_outside(std::string_view far_end) {
  return far_end.starts_with("192.") || far_end.starts_with("203.");
}

PacketBuilder outer(std::string_view from, std::string_view to) {
  return from.find(':') == std::string_view::npos ? packet().ipv4(from, to) : packet().ipv6(from, to);
}

std::string_view our_end(std::string_view far_end) {
  if (far_end.find(':') != std::string_view::npos) return kOurs6;
  return is_outside(far_end) ? kOursOutside : kOurs;
}

}  // namespace

std::shared_ptr<const core::Network> overlay_network(bool resolved) {
  static const std::array<std::shared_ptr<const core::Network>, 2> kNetworks{make(false), make(true)};
  return kNetworks[resolved ? 1 : 0];
}

Scenario overlay_scenario(const std::string& name) { return scenario(name).on(overlay_network); }

PacketBuilder from_station(PacketBuilder packet, std::uint16_t interface) {
  return packet.ethernet(neighbor_mac(interface), interface_mac(interface));
}
PacketBuilder to_station(PacketBuilder packet, std::uint16_t interface) {
  return packet.ethernet(interface_mac(interface), neighbor_mac(interface));
}
PacketBuilder forwarded_to_station(PacketBuilder packet, std::uint16_t interface) {
  return to_station(std::move(packet.hop()), interface);
}

PacketBuilder outer_in(std::string_view far_end) {
  const std::uint16_t by = is_outside(far_end) ? kUntrust : kTrust;
  return received_on(outer(far_end, our_end(far_end)), by);
}
PacketBuilder outer_out(std::string_view far_end) {
  const std::uint16_t by = is_outside(far_end) ? kUntrust : kTrust;
  PacketBuilder sent = sent_by(outer(our_end(far_end), far_end), by).ttl(64);
  return far_end.find(':') == std::string_view::npos ? sent.df().id(0) : sent;
}

PacketBuilder in_vxlan(PacketBuilder outer, std::uint32_t vni, const PacketBuilder& inside) {
  return outer.udp(kAnyDynamicPort, 4789).payload(vxlan(vni, inside.bytes()));
}
PacketBuilder in_geneve(PacketBuilder outer, const PacketBuilder& inside) {
  return outer.udp(kAnyDynamicPort, 6081).payload(geneve(7003, 0x6558, inside.bytes()));
}
PacketBuilder in_gre(PacketBuilder outer, const PacketBuilder& inside) {
  const Frame datagram = inside.datagram();
  Frame gre = {0x20, 0, 0x08, 0, 0, 0, 0, 77};
  if (datagram[0] >> 4U == 6) gre[2] = 0x86, gre[3] = 0xdd;
  gre.insert(gre.end(), datagram.begin(), datagram.end());
  return outer.protocol(47).payload(gre);
}

}  // namespace millrace::testing
