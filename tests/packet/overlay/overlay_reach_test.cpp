// SPDX-License-Identifier: BSD-3-Clause
// Who gets what: the twin, one far end or all of them; packets that wait for the way to a far end; what is
// too big.
#include "tests/packet/overlay/overlay_bed.h"

namespace millrace::testing {
namespace {

std::vector<Scenario> reach() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name) -> Scenario& {
    return list.emplace_back(overlay_scenario(name));
  };
  const net::MacAddress everyone{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  const auto arp = [&](bool request) {
    return packet()
        .ethernet(interface_mac(kGeneve), request ? everyone : neighbor_mac(kGeneve))
        .arp(request ? 1 : 2, interface_mac(kGeneve), "10.22.0.1", net::MacAddress{}, "10.22.0.10");
  };
  // RFC 7348 section 4.2: what is for everyone goes to each far end; counted as the one frame that came.
  add("the twin's broadcast")
      .from_host(kGeneve, arp(true))
      .out(kOutside, plain(in_geneve(outer_out(kFirst), arp(true))))
      .out(kOutside, plain(in_geneve(outer_out(kSecond), arp(true))));
  add("the twin's frame for a station")
      .from_host(kGeneve, arp(false))
      .out(kOutside, plain(in_geneve(outer_out(kFirst), arp(false))));
  const auto unknown = [] { return packet().ipv4("10.20.0.10", "10.22.1.10").udp(1, 2).payload(20); };
  const PacketBuilder sent = packet()
                                 .ipv4("10.20.0.10", "10.22.1.10")
                                 .ttl(63)
                                 .udp(1, 2)
                                 .payload(20)
                                 .ethernet(interface_mac(kGeneve), neighbor_mac(99));
  add("a station that nobody has learned of")
      .in(kInside, plain(in_vxlan(outer_in(kFarEnd), 7001, from_station(unknown(), kVxlan))))
      .out(kOutside, plain(in_geneve(outer_out(kFirst), sent)))
      .out(kOutside, plain(in_geneve(outer_out(kSecond), sent)));
  const PacketBuilder question =
      packet()
          .ethernet(neighbor_mac(kVxlan), everyone)
          .arp(1, neighbor_mac(kVxlan), "10.20.0.10", net::MacAddress{}, "10.20.0.1");
  add("ARP inside goes to the twin")
      .in(kInside, plain(in_vxlan(outer_in(kFarEnd), 7001, question)))
      .to_host(question);
  const PacketBuilder ping =
      from_station(packet().ipv4("10.20.0.10", "10.20.0.1").echo_request(1, 1).payload(16), kVxlan);
  add("a ping of ours inside goes to the twin")
      .in(kInside, plain(in_vxlan(outer_in(kFarEnd), 7001, ping)))
      .to_host(ping);

  const auto waits = [] {
    return received_on(packet().ipv4(kClient, "10.24.0.10").udp(1, 2).payload(20), kTrust);
  };
  const PacketBuilder gone = packet()
                                 .ipv4(kClient, "10.24.0.10")
                                 .ttl(63)
                                 .udp(1, 2)
                                 .payload(20)
                                 .ethernet(interface_mac(7), neighbor_mac(7));
  add("the way to a far end is asked for")
      .in(kInside, waits())
      .to_resolve(waits(), 7)
      .neighbor_answers()
      .out(kOutside, plain(in_vxlan(outer_out(kUnresolved), 7005, gone)));
  // What was inside waits for its neighbour like what came by a port.
  const auto leaves = [] { return packet().ipv4("10.20.0.10", kUnresolved).udp(1, 2).payload(20); };
  add("what was inside waits for its neighbour")
      .in(kInside, plain(in_vxlan(outer_in(kFarEnd), 7001, from_station(leaves(), kVxlan))))
      .to_resolve(from_station(leaves(), kVxlan), kUntrust)
      .neighbor_answers()
      .out(kOutside, sent_by(leaves().hop(), kUntrust));
  // RFC 1191 inside: the sender is told what fits into the overlay, through the overlay it came by.
  const PacketBuilder big =
      from_station(packet().ipv4("10.21.0.10", "10.22.0.10").id(4).df().udp(1, 2).payload(1440), kVxlan6);
  const PacketBuilder told = to_station(packet()
                                            .ipv4("10.21.0.1", "10.21.0.10")
                                            .id(0)
                                            .df()
                                            .traffic_class(0xc0)
                                            .icmp(3, 4, 1450)
                                            .embed(big, 548),
                                        kVxlan6);
  add("too big for the overlay")
      .in(kInside, in_vxlan(outer_in(kFarEnd6), 7002, big))
      .out(kInside, in_vxlan(outer_out(kFarEnd6).traffic_class(0xc0), 7002, told))
      .dropped(core::Drop::kPacketTooBig);
  return list;
}

MILLRACE_SCENARIOS(OverlayReach, reach());

}  // namespace
}  // namespace millrace::testing
