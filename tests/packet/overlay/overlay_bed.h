// SPDX-License-Identifier: BSD-3-Clause
// Two ports and the overlays on them.
#pragma once

#include "tests/support/overlay_packets.h"
#include "tests/support/scenario.h"

namespace millrace::testing {

// Interfaces of overlay_network(), by number. Trust and untrust are those of routed_network().
inline constexpr std::uint16_t kVxlan = 2;   // on trust over IPv4, VNI 7001: 10.20.0.1/24, 2001:db8:20::1/64
inline constexpr std::uint16_t kVxlan6 = 3;  // on trust over IPv6, VNI 7002: 10.21.0.1/24, 2001:db8:21::1/64
inline constexpr std::uint16_t kGeneve =
    4;  // on untrust, VNI 7003, two far ends: 10.22.0.1/24, 2001:db8:22::1/64
inline constexpr std::uint16_t kGre = 5;    // on untrust, key 77, datagrams: 10.23.0.1/24, 2001:db8:23::1/64
inline constexpr std::uint16_t kApart = 6;  // on trust, VNI 7004, in domain 1: 10.0.0.1/24 again

inline constexpr std::string_view kFarEnd = "10.0.0.10";        // of kVxlan and kApart
inline constexpr std::string_view kFarEnd6 = "2001:db8:1::10";  // of kVxlan6
inline constexpr std::string_view kFirst = "192.168.1.80";      // of kGeneve: has the station 10.22.0.10
inline constexpr std::string_view kSecond = "192.168.1.81";     // of kGeneve
inline constexpr std::string_view kFarGre = "192.168.1.90";     // of kGre
inline constexpr std::string_view kUnresolved =
    "203.0.113.9";  // behind it VNI 7005: 10.24.0.0/24, interface 7

// Not resolved: the way to kUnresolved.
[[nodiscard]] std::shared_ptr<const core::Network> overlay_network(bool resolved);
[[nodiscard]] Scenario overlay_scenario(const std::string& name);

// A frame inside an overlay, from a station and to one, up to its IP header.
[[nodiscard]] PacketBuilder from_station(PacketBuilder packet, std::uint16_t interface);
[[nodiscard]] PacketBuilder to_station(PacketBuilder packet, std::uint16_t interface);
// The same one hop later.
[[nodiscard]] PacketBuilder forwarded_to_station(PacketBuilder packet, std::uint16_t interface);

// The outer packet, as it comes in and as it is sent: up to what is inside.
[[nodiscard]] PacketBuilder outer_in(std::string_view far_end);
[[nodiscard]] PacketBuilder outer_out(std::string_view far_end);
// With what is inside.
[[nodiscard]] PacketBuilder in_vxlan(PacketBuilder outer, std::uint32_t vni, const PacketBuilder& inside);
[[nodiscard]] PacketBuilder in_geneve(PacketBuilder outer, const PacketBuilder& inside);
// As UDP over IPv4 is sent: without a checksum.
[[nodiscard]] inline PacketBuilder plain(PacketBuilder packet) { return packet.no_udp_checksum(); }
[[nodiscard]] PacketBuilder in_gre(PacketBuilder outer, const PacketBuilder& inside);

}  // namespace millrace::testing
