// SPDX-License-Identifier: BSD-3-Clause
// Bump in the wire: no byte of what passes is changed, and nobody sees that something is there.
#include "tests/packet/firewall/talk.h"
#include "tests/support/networks.h"

namespace millrace::testing {
namespace {

using firewall::Action;

std::vector<Scenario> transparent_scenarios() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Talk talk{ends};
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).transparent();
    };
    const auto udp = PacketBuilder(ends.client).udp(5000, 53).payload(20);
    const auto answer = PacketBuilder(ends.server).udp(53, 5000);

    add("udp both ways").passes(kInside, udp).passes(kOutside, answer);
    add("ttl 1").passes(kInside, PacketBuilder(udp).ttl(1));
    add("ttl 0").passes(kInside, PacketBuilder(udp).ttl(0));
    add("any mac address")
        .passes(kInside, PacketBuilder(udp).ethernet("02:aa:00:00:00:01", "02:bb:00:00:00:02"));
    add("a link-layer broadcast")
        .passes(kInside, PacketBuilder(udp).ethernet("02:aa:00:00:00:01", "ff:ff:ff:ff:ff:ff"));
    add("a vlan").passes(kInside, PacketBuilder(udp).vlan(1234, 5));
    add("a priority tag").passes(kInside, PacketBuilder(udp).vlan(0, 5));
    add("two tags").passes(kInside, PacketBuilder(udp).vlan(5).vlan(6));
    add("a service tag").passes(kInside, PacketBuilder(udp).service_vlan(5).vlan(6));
    add("padding").passes(kInside, PacketBuilder(ends.client).udp(1, 2).pad_to(90));
    add("a full frame").passes(kInside, PacketBuilder(ends.client).udp(1, 2).payload(ends.v6 ? 1452 : 1472));
    add("a route is not asked for")
        .passes(kInside, received_on(ends.v6 ? packet().ipv6(kClient6, "2001:4860::8888")
                                             : packet().ipv4(kClient, "8.8.8.8"),
                                     kTrust)
                             .udp(1, 2));
    add("three tags").refused(kInside, PacketBuilder(udp).vlan(1).vlan(2).vlan(3), core::Drop::kTooManyTags);
    add("a damaged packet")
        .refused(kInside, PacketBuilder(udp).truncate(50),
                 ends.v6 ? core::Drop::kBadIpv6Header : core::Drop::kBadIpv4Length);

    talk.open(add("a connection").set(let_out_only_of_pair))
        .passes(kInside, talk.c("PA", 1, 1, 100))
        .passes(kOutside, talk.s("A", 1, 101))
        .refused(kOutside, talk.s("A", 0x40000000, 101, 9), firewall::Drop::kTcpOutOfWindow);
    talk.close(talk.open(add("a connection closes").set(let_out_only_of_pair)));
    add("only answers come in")
        .set(let_out_only_of_pair)
        .refused(kOutside, answer, firewall::Drop::kDeniedByDefault)
        .passes(kInside, udp)
        .passes(kOutside, answer);
    const auto router = received_on(ends.v6 ? packet().ipv6("2001:db8:2::fe", kClient6).icmp(1, 0)
                                            : packet().ipv4("192.168.1.254", kClient).icmp(3, 0),
                                    kUntrust);
    add("an icmp error about a session")
        .set(let_out_only_of_pair)
        .passes(kInside, udp)
        .passes(kOutside, PacketBuilder(router).embed(udp));
    add("an icmp error about nothing")
        .set(let_out_only_of_pair)
        .refused(kOutside, PacketBuilder(router).embed(udp), firewall::Drop::kIcmpUnrelated);

    // An answer speaks for the server, with the link addresses turned round, and the same tags.
    const auto reset = [&] {
      auto base = ends.v6 ? packet().ipv6(kServer6, kClient6) : packet().ipv4(kServer, kClient).id(0).df();
      return base.ethernet(interface_mac(0), neighbor_mac(0)).tcp(80, 40000).flags("RA").window(0).ack(1001);
    };
    const auto error = [&](const PacketBuilder& about) {
      auto base = ends.v6 ? packet().ipv6(kServer6, kClient6).icmp(1, 1)
                          : packet().ipv4(kServer, kClient).id(0).df().traffic_class(0xc0).icmp(3, 13);
      return base.ethernet(interface_mac(0), neighbor_mac(0)).embed(about);
    };
    const auto refusing = [&](const std::string& name) -> Scenario& {
      return add(name).otherwise(Action::kReject);
    };
    const auto syn = talk.c("S", 0, 0);
    refusing("a rejected syn")
        .in(kInside, syn)
        .dropped(firewall::Drop::kRejectedByDefault)
        .out(kInside, reset());
    refusing("a rejected syn in a vlan")
        .in(kInside, PacketBuilder(syn).vlan(77, 3))
        .dropped(firewall::Drop::kRejectedByDefault)
        .out(kInside, reset().vlan(77, 3));
    refusing("a rejected syn in two tags")
        .in(kInside, PacketBuilder(syn).service_vlan(7).vlan(8))
        .dropped(firewall::Drop::kRejectedByDefault)
        .out(kInside, reset().service_vlan(7).vlan(8));
    refusing("rejected udp")
        .in(kInside, udp)
        .dropped(firewall::Drop::kRejectedByDefault)
        .out(kInside, error(udp));
    refusing("rejected udp in a vlan")
        .in(kInside, PacketBuilder(udp).vlan(77))
        .dropped(firewall::Drop::kRejectedByDefault)
        .out(kInside, error(udp).vlan(77));
    refusing("a rejected broadcast syn is not answered")
        .refused(kInside, PacketBuilder(syn).ethernet("02:aa:00:00:00:01", "ff:ff:ff:ff:ff:ff"),
                 firewall::Drop::kRejectedByDefault);
    refusing("a rejected broadcast is not answered")
        .refused(kInside, PacketBuilder(udp).ethernet("02:aa:00:00:00:01", "ff:ff:ff:ff:ff:ff"),
                 firewall::Drop::kRejectedByDefault);
  }

  const auto add = [&](const std::string& name, const PacketBuilder& one) {
    list.push_back(scenario(name).transparent().set(let_out_only_of_pair).passes(kInside, one));
    list.push_back(scenario(name + " inwards").transparent().set(let_out_only_of_pair).passes(kOutside, one));
  };
  const auto mac = neighbor_mac(0);
  add("arp request",
      packet().ethernet(mac.to_string(), "ff:ff:ff:ff:ff:ff").arp(1, mac, kClient, {}, kServer));
  add("arp reply",
      packet().ethernet(mac, neighbor_mac(1)).arp(2, mac, kClient, neighbor_mac(1), kServer).pad_to(60));
  add("arp in a vlan",
      packet().ethernet(mac.to_string(), "ff:ff:ff:ff:ff:ff").vlan(9).arp(1, mac, kClient, {}, kServer));
  return list;
}

MILLRACE_SCENARIOS(Transparent, transparent_scenarios());

}  // namespace
}  // namespace millrace::testing
