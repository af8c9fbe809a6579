// SPDX-License-Identifier: BSD-3-Clause
// Packets through overlays: out of one header and into another, with the packet inside as any other that
// passes.
#include <rte_mbuf.h>

#include "tests/packet/overlay/overlay_bed.h"

namespace millrace::testing {
namespace {

struct Family {
  std::string name;
  bool v6;

  [[nodiscard]] PacketBuilder between(std::string_view network_from, std::string_view network_to) const {
    return v6 ? packet().ipv6("2001:db8:" + std::string(network_from) + "::10",
                              "2001:db8:" + std::string(network_to) + "::10")
              : packet().ipv4("10." + std::string(network_from) + ".0.10",
                              "10." + std::string(network_to) + ".0.10");
  }
};
const std::vector<Family>& families() {
  static const std::vector<Family> kBoth = {{"ipv4", false}, {"ipv6", true}};
  return kBoth;
}

std::vector<Scenario> through() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name) -> Scenario& {
    return list.emplace_back(overlay_scenario(name));
  };
  for (const Family& family : families()) {
    const auto udp = [](PacketBuilder packet) { return packet.udp(1024, 53).payload(64); };
    const auto one_to = [&](std::string_view from, std::string_view to) {
      return udp(family.between(from, to));
    };
    const std::string in = " " + family.name;

    // RFC 7348 section 5: over IPv4 without a UDP checksum; section 4.1: the frame inside as it is.
    add("out of VXLAN and into GENEVE" + in)
        .in(kInside, plain(in_vxlan(outer_in(kFarEnd), 7001, from_station(one_to("20", "22"), kVxlan))))
        .out(kOutside,
             plain(in_geneve(outer_out(kFirst), forwarded_to_station(one_to("20", "22"), kGeneve))));
    add("out of GENEVE and into VXLAN" + in)
        .in(kOutside, plain(in_geneve(outer_in(kSecond), from_station(one_to("22", "20"), kGeneve))))
        .out(kInside,
             plain(in_vxlan(outer_out(kFarEnd), 7001, forwarded_to_station(one_to("22", "20"), kVxlan))));
    // RFC 8200 section 8.1: over IPv6 with a checksum.
    add("out of VXLAN over IPv6 and into GRE" + in)
        .in(kInside, in_vxlan(outer_in(kFarEnd6), 7002, from_station(one_to("21", "23"), kVxlan6)))
        .out(kOutside, in_gre(outer_out(kFarGre).dscp(46), forwarded_to_station(one_to("21", "23"), kGre)));
    add("out of GRE and into VXLAN over IPv6" + in)
        .in(kOutside, in_gre(outer_in(kFarGre), one_to("23", "21")))
        .out(kInside, in_vxlan(outer_out(kFarEnd6), 7002, forwarded_to_station(one_to("23", "21"), kVxlan6)));
    for (const bool odd : {false, true}) {
      const auto tcp = [&](std::string_view from, std::string_view to) {
        return family.between(from, to).tcp(1024, 80).flags("S").payload(odd ? 7 : 0);
      };
      add(std::string("TCP into VXLAN over IPv6") + (odd ? ", odd" : "") + in)
          .in(kOutside, in_gre(outer_in(kFarGre), tcp("23", "21")))
          .out(kInside, in_vxlan(outer_out(kFarEnd6), 7002, forwarded_to_station(tcp("23", "21"), kVxlan6)));
    }
    const auto no_ports = [&](std::string_view from, std::string_view to) {
      return family.between(from, to).protocol(99).payload(33);
    };
    add("another protocol into VXLAN over IPv6" + in)
        .in(kOutside, in_gre(outer_in(kFarGre), no_ports("23", "21")))
        .out(kInside,
             in_vxlan(outer_out(kFarEnd6), 7002, forwarded_to_station(no_ports("23", "21"), kVxlan6)));
    // RFC 6040 section 4.1, normal mode: DSCP and ECN are copied; section 4.2: what the outer header says of
    // congestion is told inside.
    const auto marked = [&](std::uint8_t traffic_class) {
      return one_to("20", "22").traffic_class(traffic_class);
    };
    for (const auto& [inner, outer, after] :
         {std::tuple(0, 0, 0), std::tuple(0xb8, 0, 0xb8), std::tuple(0x02, 0x02, 0x02),
          std::tuple(0x02, 0x03, 0x03), std::tuple(0x01, 0x03, 0x03), std::tuple(0x02, 0x01, 0x01),
          std::tuple(0x03, 0x00, 0x03), std::tuple(0x00, 0x01, 0x00), std::tuple(0xba, 0x03, 0xbb)}) {
      const auto told = [](int value) { return static_cast<std::uint8_t>(value); };
      add("ECN inside " + std::to_string(inner) + " outside " + std::to_string(outer) + in)
          .in(kInside, plain(in_vxlan(outer_in(kFarEnd).traffic_class(told(outer)), 7001,
                                      from_station(marked(told(inner)), kVxlan))))
          .out(kOutside, plain(in_geneve(outer_out(kFirst).traffic_class(told(after)),
                                         forwarded_to_station(marked(told(after)), kGeneve))));
    }
    add("congestion that the packet inside can not be told" + in)
        .refused(kInside,
                 plain(in_vxlan(outer_in(kFarEnd).traffic_class(3), 7001, from_station(marked(0), kVxlan))),
                 core::Drop::kOverlayCongestion);
    // A flow is one flow, whichever header carries it.
    const auto syn = [&] { return family.between("20", "22").tcp(1024, 80).flags("S"); };
    const auto answer = [&] { return family.between("22", "20").tcp(80, 1024).flags("SA").ack(1); };
    const auto uncalled = [&] { return family.between("22", "20").tcp(81, 1024).flags("S"); };
    add("a session over two overlays" + in)
        .set([](PolicySpec& policy) {
          policy.zone_of = {0, 1, 0, 0, 1, 1, 0, 1};
          policy.rules = {accept("out").from(0).to(1)};
          policy.otherwise = firewall::Action::kDrop;
        })
        .refused(kOutside, plain(in_geneve(outer_in(kFirst), from_station(uncalled(), kGeneve))),
                 firewall::Drop::kDeniedByDefault)
        .in(kInside, plain(in_vxlan(outer_in(kFarEnd), 7001, from_station(syn(), kVxlan))))
        .out(kOutside, plain(in_geneve(outer_out(kFirst), forwarded_to_station(syn(), kGeneve))))
        .then()
        .in(kOutside, plain(in_geneve(outer_in(kFirst), from_station(answer(), kGeneve))))
        .out(kInside, plain(in_vxlan(outer_out(kFarEnd), 7001, forwarded_to_station(answer(), kVxlan))));
    // Fragments inside keep together, in whatever order.
    const PacketBuilder whole = family.between("20", "22").udp(1024, 53).payload(200);
    Scenario& pieces = add("fragments inside" + in);
    for (const std::size_t offset : {std::size_t{104}, std::size_t{0}}) {
      const PacketBuilder piece =
          whole.piece(offset, offset == 0 ? 104 : whole.ip_payload().size() - 104, 77);
      pieces.in(kInside, plain(in_vxlan(outer_in(kFarEnd), 7001, from_station(piece, kVxlan))))
          .out(kOutside, plain(in_geneve(outer_out(kFirst), forwarded_to_station(piece, kGeneve))));
    }
  }
  return list;
}

std::vector<Scenario> between_tenants() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name) -> Scenario& {
    return list.emplace_back(overlay_scenario(name));
  };
  // The same addresses as on the port below, in a domain of their own.
  const auto apart = [] { return packet().ipv4("10.0.0.20", "10.0.0.30").udp(1, 2).payload(8); };
  add("a domain's own addresses")
      .in(kInside, plain(in_vxlan(outer_in(kFarEnd), 7004, from_station(apart(), kApart))))
      .out(kInside, plain(in_vxlan(outer_out(kFarEnd), 7004, forwarded_to_station(apart(), kApart))));
  const auto away = [] { return packet().ipv4("10.0.0.20", "10.22.0.10").udp(1, 2).payload(8); };
  add("no way out of a domain")
      .in(kInside, plain(in_vxlan(outer_in(kFarEnd), 7004, from_station(away(), kApart))))
      .dropped(core::Drop::kNoRoute)
      .check([](const Observed& seen) { EXPECT_EQ(seen.total(&core::WorkerCounters::originated), 1U); })
      .any_outcome();
  return list;
}

// An aggregate leaves by an overlay in segments, each with the outer headers; an open checksum is written.
std::vector<Scenario> unfinished() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const std::string far = ends.v6 ? "2001:db8:21::10" : "10.21.0.10";
    const auto from_server = [&](std::uint32_t seq, std::size_t bytes) {
      PacketBuilder packet = received_on(
          ends.v6 ? testing::packet().ipv6(kServer6, far) : testing::packet().ipv4(kServer, far), kUntrust);
      return packet.tcp(80, 1024).flags("A").seq(seq).payload(bytes);
    };
    Scenario& on = list.emplace_back(overlay_scenario("an aggregate into VXLAN over IPv6 " + ends.name));
    on.set([](PolicySpec& policy) { policy.tcp.midstream_pickup = true; });
    std::vector<std::uint8_t> all(2600);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i * 7);
    on.in(kOutside, from_server(1, 0).payload(all).id(9).bad_transport_checksum(),
          {.flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE, .segment_size = 1300});
    for (unsigned i = 0; i < 2; ++i) {
      const std::vector<std::uint8_t> part(all.begin() + 1300 * i, all.begin() + 1300 * (i + 1));
      PacketBuilder segment =
          from_server(1 + 1300 * i, 0).payload(part).id(static_cast<std::uint16_t>(9 + i));
      on.out(kInside, in_vxlan(outer_out(kFarEnd6), 7002, forwarded_to_station(segment, kVxlan6)));
    }
  }
  return list;
}

MILLRACE_SCENARIOS(Overlay, through());
MILLRACE_SCENARIOS(OverlayDomains, between_tenants());
MILLRACE_SCENARIOS(OverlayUnfinished, unfinished());

}  // namespace
}  // namespace millrace::testing
