// SPDX-License-Identifier: BSD-3-Clause
// Overlay packets that are against their RFC, or nobody's here, each dropped under its reason; and those that
// look like an overlay's and are not ours.
#include "tests/packet/overlay/overlay_bed.h"

namespace millrace::testing {
namespace {

using core::Drop;

constexpr std::size_t kShim = 8;

PacketBuilder inside(std::uint16_t interface) {
  return from_station(packet().ipv4("10.20.0.10", "10.22.0.10").udp(1024, 53).payload(32), interface);
}
PacketBuilder vxlan_with(std::vector<std::uint8_t> payload) {
  return outer_in(kFarEnd).udp(50000, 4789).payload(std::move(payload)).no_udp_checksum();
}
PacketBuilder geneve_with(std::vector<std::uint8_t> payload) {
  return outer_in(kFirst).udp(50000, 6081).payload(std::move(payload)).no_udp_checksum();
}
PacketBuilder geneve_out(const PacketBuilder& inner) {
  return in_geneve(outer_out(kFirst), inner).no_udp_checksum();
}
PacketBuilder leaves() { return geneve_out(forwarded_to_station(inside(kVxlan), kGeneve)); }

std::vector<Scenario> faults() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name) -> Scenario& {
    return list.emplace_back(overlay_scenario(name));
  };
  const auto good = vxlan(7001, inside(kVxlan).bytes());
  const auto changed = [&](std::size_t at, std::uint8_t value) {
    auto bytes = good;
    bytes[at] = value;
    return vxlan_with(bytes);
  };
  // RFC 7348 section 5.
  add("VXLAN without a valid VNI").refused(kInside, changed(0, 0), Drop::kOverlayHeader);
  add("VXLAN's reserved bits are ignored").in(kInside, changed(1, 0xff)).out(kOutside, leaves());
  add("VXLAN of another network").refused(kInside, changed(6, 0), Drop::kOverlayUnknown);
  add("VXLAN cut off").refused(kInside, vxlan_with({8, 0, 0, 0, 0, 27, 89}), Drop::kOverlayHeader);
  add("VXLAN with nothing inside")
      .refused(kInside, vxlan_with(std::vector(good.begin(), good.begin() + kShim)), Drop::kOverlayPayload);
  add("VXLAN with half a frame inside")
      .refused(kInside, vxlan_with(std::vector(good.begin(), good.begin() + kShim + 10)), Drop::kShortFrame);
  add("VXLAN with half a datagram inside")
      .refused(kInside, vxlan_with(std::vector(good.begin(), good.end() - 4)), Drop::kBadIpv4Length);
  add("VXLAN from somebody else")
      .refused(kInside, in_vxlan(outer_in("10.0.0.11"), 7001, inside(kVxlan)).no_udp_checksum(),
               Drop::kOverlayUnknown);
  // RFC 7348 section 6.1.
  add("a tag inside VXLAN")
      .refused(kInside, in_vxlan(outer_in(kFarEnd), 7001, inside(kVxlan).vlan(5)).no_udp_checksum(),
               Drop::kNoInterface);
  add("a frame for another station")
      .refused(kInside, in_vxlan(outer_in(kFarEnd), 7001, inside(kGeneve)).no_udp_checksum(),
               Drop::kNotForUs);
  // RFC 7348 section 5: a checksum that is there is right.
  add("VXLAN with a UDP checksum")
      .in(kInside, in_vxlan(outer_in(kFarEnd), 7001, inside(kVxlan)))
      .out(kOutside, leaves());
  add("VXLAN with a wrong UDP checksum")
      .refused(kInside, in_vxlan(outer_in(kFarEnd), 7001, inside(kVxlan)).bad_transport_checksum(),
               Drop::kOverlayChecksum);
  // RFC 6935 section 5.
  add("VXLAN over IPv6 without a checksum")
      .refused(kInside,
               in_vxlan(outer_in(kFarEnd6), 7002,
                        from_station(packet().ipv4("10.21.0.10", "10.22.0.10").udp(1, 2).payload(9), kVxlan6))
                   .no_udp_checksum(),
               Drop::kOverlayChecksum);
  // Section 4.3: tunnel ends do not put fragments together.
  const PacketBuilder whole = in_vxlan(outer_in(kFarEnd), 7001, inside(kVxlan));
  add("VXLAN in fragments").refused(kInside, whole.piece(0, 64, 9), Drop::kOverlayFragment);

  // RFC 8926 sections 3.4 and 3.5.
  const Frame frame =
      from_station(packet().ipv4("10.22.0.10", "10.20.0.10").udp(1, 2).payload(9), kGeneve).bytes();
  const auto back = [&] {
    return in_vxlan(
               outer_out(kFarEnd), 7001,
               to_station(packet().ipv4("10.22.0.10", "10.20.0.10").ttl(63).udp(1, 2).payload(9), kVxlan))
        .no_udp_checksum();
  };
  const auto geneve_changed = [&](std::size_t at, std::uint8_t value) {
    auto bytes = geneve(7003, 0x6558, frame);
    bytes[at] = value;
    return geneve_with(bytes);
  };
  add("GENEVE of another version").refused(kOutside, geneve_changed(0, 0x40), Drop::kOverlayHeader);
  add("GENEVE's control message").refused(kOutside, geneve_changed(1, 0x80), Drop::kOverlayControl);
  add("GENEVE with another protocol").refused(kOutside, geneve_changed(2, 0x88), Drop::kOverlayPayload);
  add("GENEVE with datagrams where frames are meant")
      .refused(kOutside, geneve_with(geneve(7003, 0x0800, frame)), Drop::kOverlayPayload);
  add("GENEVE options that may be ignored")
      .in(kOutside, geneve_with(geneve(7003, 0x6558, frame, {1, 2, 3, 1, 9, 9, 9, 9, 1, 2, 4, 0})))
      .out(kInside, back());
  add("a GENEVE option that may not be ignored")
      .refused(kOutside, geneve_with(geneve(7003, 0x6558, frame, {1, 2, 0x83, 1, 9, 9, 9, 9})),
               Drop::kOverlayOption);
  add("a GENEVE option that overruns")
      .refused(kOutside, geneve_with(geneve(7003, 0x6558, frame, {1, 2, 3, 2, 9, 9, 9, 9})),
               Drop::kOverlayHeader);
  add("GENEVE options that are cut off")
      .refused(kOutside, geneve_with({3, 0, 0x65, 0x58, 0, 27, 91, 0, 1, 2, 3, 1}), Drop::kOverlayHeader);

  // RFC 2784, RFC 2890.
  const Frame datagram = packet().ipv4("10.23.0.10", "10.20.0.10").udp(1, 2).payload(9).datagram();
  const auto gre_with = [&](std::vector<std::uint8_t> header) {
    header.insert(header.end(), datagram.begin(), datagram.end());
    return outer_in(kFarGre).protocol(47).payload(header);
  };
  const auto from_gre = [&] {
    return in_vxlan(
               outer_out(kFarEnd), 7001,
               to_station(packet().ipv4("10.23.0.10", "10.20.0.10").ttl(63).udp(1, 2).payload(9), kVxlan))
        .no_udp_checksum();
  };
  add("GRE with a sequence number")
      .in(kOutside, gre_with({0x30, 0, 8, 0, 0, 0, 0, 77, 0, 0, 0, 5}))
      .out(kInside, from_gre());
  std::vector<std::uint8_t> summed = {0xa0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 77};
  std::vector<std::uint8_t> covered = summed;
  covered.insert(covered.end(), datagram.begin(), datagram.end());
  const std::uint16_t sum = plain_checksum(covered);
  summed[4] = static_cast<std::uint8_t>(sum >> 8);
  summed[5] = static_cast<std::uint8_t>(sum);
  add("GRE with a checksum").in(kOutside, gre_with(summed)).out(kInside, from_gre());
  summed[5] ^= 1U;
  add("GRE with a wrong checksum").refused(kOutside, gre_with(summed), Drop::kOverlayChecksum);
  add("GRE with another key")
      .refused(kOutside, gre_with({0x20, 0, 8, 0, 0, 0, 0, 78}), Drop::kOverlayUnknown);
  add("GRE without a key").refused(kOutside, gre_with({0, 0, 8, 0}), Drop::kOverlayUnknown);
  add("GRE with routing").refused(kOutside, gre_with({0x60, 0, 8, 0, 0, 0, 0, 77}), Drop::kOverlayHeader);
  add("GRE of version 1").refused(kOutside, gre_with({0x20, 1, 8, 0, 0, 0, 0, 77}), Drop::kOverlayHeader);
  add("GRE with a frame")
      .refused(kOutside, gre_with({0x20, 0, 0x65, 0x58, 0, 0, 0, 77}), Drop::kOverlayPayload);

  // What is on its way to somebody else is a packet like any other, whatever it carries.
  const auto transit = [](std::vector<std::uint8_t> payload) {
    return client().udp(50000, 4789).payload(std::move(payload)).no_udp_checksum();
  };
  add("VXLAN between others").in(kInside, transit(good)).out(kOutside, forwarded(transit(good), kUntrust));
  add("no VXLAN between others")
      .in(kInside, transit({1, 2, 3}))
      .out(kOutside, forwarded(transit({1, 2, 3}), kUntrust));
  add("UDP to our own address by another port")
      .in(kInside, outer_in(kFarEnd).udp(50000, 4788).payload(good))
      .to_host(outer_in(kFarEnd).udp(50000, 4788).payload(good));
  return list;
}

MILLRACE_SCENARIOS(OverlayFaults, faults());

}  // namespace
}  // namespace millrace::testing
