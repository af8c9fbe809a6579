// SPDX-License-Identifier: BSD-3-Clause
// What a router does with a good packet: TTL, link header, tags, whose packet it is, whether there is a way
// on.
#include "tests/support/networks.h"
#include "tests/support/scenario.h"

namespace millrace::testing {
namespace {

PacketBuilder from_to(std::uint16_t in, std::string_view source, std::string_view destination) {
  const bool v6 = source.find(':') != std::string_view::npos;
  PacketBuilder out = v6 ? packet().ipv6(source, destination) : packet().ipv4(source, destination);
  return received_on(out, in);
}

PacketBuilder to_mac(PacketBuilder packet, std::string_view destination) {
  return packet.ethernet(neighbor_mac(0).to_string(), destination);
}

std::vector<Scenario> ways_on() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name);
    };
    const auto udp = PacketBuilder(ends.client).udp(5000, 53).payload(100);
    const std::string_view from = ends.v6 ? kClient6 : kClient;
    const std::string_view tenant = ends.v6 ? "2001:db8:7::5" : "10.7.0.5";
    const std::string_view doubly = ends.v6 ? "2001:db8:9::5" : "10.9.0.5";
    const std::string_view server = ends.v6 ? kServer6 : kServer;

    add("udp").passes(kInside, udp);
    add("a burst of one flow")
        .passes(kInside, udp)
        .passes(kInside, udp)
        .passes(kInside, udp)
        .passes(kInside, udp);
    auto& many = add("forty flows");
    for (std::uint16_t i = 0; i < 40; ++i)
      many.passes(kInside,
                  PacketBuilder(ends.client).udp(static_cast<std::uint16_t>(2000 + i), 53).payload(i));
    add("the lowest ttl that passes").passes(kInside, PacketBuilder(udp).ttl(2));
    add("the highest ttl").passes(kInside, PacketBuilder(udp).ttl(255));
    add("traffic class is kept").passes(kInside, PacketBuilder(udp).traffic_class(0xbb));
    if (ends.v6) add("flow label is kept").passes(kInside, PacketBuilder(udp).flow_label(0xabcde));
    add("a wrong transport checksum is the receiver's business")
        .passes(kInside, PacketBuilder(udp).bad_transport_checksum());
    add("padding of a short frame")
        .in(kInside, PacketBuilder(ends.client).udp(1, 2).pad_to(80))
        .out(kOutside, forwarded(PacketBuilder(ends.client).udp(1, 2).pad_to(80), kUntrust));
    add("a full frame").passes(kInside, PacketBuilder(ends.client).udp(1, 2).payload(ends.v6 ? 1452 : 1472));
    add("untagged to vlan")
        .in(kInside, from_to(kTrust, from, tenant).udp(1, 2))
        .out(kInside, forwarded(from_to(kTrust, from, tenant).udp(1, 2), kTenant));
    add("vlan to untagged")
        .in(kInside, from_to(kTenant, tenant, server).udp(1, 2))
        .out(kOutside, forwarded(from_to(kTenant, tenant, server).udp(1, 2), kUntrust));
    add("untagged to two tags")
        .in(kInside, from_to(kTrust, from, doubly).udp(1, 2))
        .out(kOutside, forwarded(from_to(kTrust, from, doubly).udp(1, 2), kDouble));
    add("two tags to untagged")
        .in(kOutside, from_to(kDouble, doubly, from).udp(1, 2))
        .out(kInside, forwarded(from_to(kDouble, doubly, from).udp(1, 2), kTrust));
    add("two tags to vlan")
        .in(kOutside, from_to(kDouble, doubly, tenant).udp(1, 2))
        .out(kInside, forwarded(from_to(kDouble, doubly, tenant).udp(1, 2), kTenant));
    // The service tag's type is one of two, and the tags say the same with either.
    const auto service =
        from_to(kTrust, doubly, from).ethernet(neighbor_mac(3), interface_mac(3)).service_vlan(100).vlan(200);
    add("two tags with a service tag")
        .in(kOutside, PacketBuilder(service).udp(1, 2))
        .out(kInside, forwarded(PacketBuilder(service).udp(1, 2), kTrust));
    // IEEE 802.1Q section 6.9: a priority tag names no VLAN; the frame belongs to the untagged interface.
    add("a priority tag").in(kInside, PacketBuilder(udp).vlan(0, 5)).out(kOutside, forwarded(udp, kUntrust));
    add("priority bits of a vlan")
        .in(kInside,
            from_to(kTrust, tenant, server).vlan(7, 5).ethernet(neighbor_mac(2), interface_mac(2)).udp(1, 2))
        .out(kOutside, forwarded(from_to(kTenant, tenant, server).udp(1, 2), kUntrust));

    add("an unknown vlan").refused(kInside, PacketBuilder(udp).vlan(8), core::Drop::kNoInterface);
    add("a vlan on a port without")
        .refused(kOutside, PacketBuilder(ends.server).vlan(7).udp(1, 2), core::Drop::kNoInterface);
    add("a known outer with an unknown inner vlan")
        .refused(kOutside, PacketBuilder(ends.server).vlan(100).vlan(201).udp(1, 2),
                 core::Drop::kNoInterface);
    add("an outer vlan alone")
        .refused(kOutside, PacketBuilder(ends.server).vlan(100).udp(1, 2), core::Drop::kNoInterface);
    add("another machine's mac").refused(kInside, to_mac(udp, "02:00:00:00:01:99"), core::Drop::kNotForUs);
    add("the mac of another of our interfaces")
        .refused(kInside, to_mac(udp, "02:00:00:00:01:01"), core::Drop::kNotForUs);
    // RFC 1812 section 5.3.4: not forwarded, whoever they are for; Linux does the same with IPv6.
    add("a link-layer broadcast")
        .refused(kInside, to_mac(udp, "ff:ff:ff:ff:ff:ff"), core::Drop::kLinkBroadcast);
    add("a link-layer multicast")
        .refused(kInside, to_mac(udp, "01:00:5e:01:02:03"), core::Drop::kLinkBroadcast);
    add("a link-layer broadcast of a syn is not judged")
        .rules({reject("no")})
        .refused(kInside, to_mac(PacketBuilder(ends.client).tcp(1, 2).flags("S"), "ff:ff:ff:ff:ff:ff"),
                 core::Drop::kLinkBroadcast);
    const auto ours = from_to(kTrust, from, ends.v6 ? "2001:db8:1::1" : "10.0.0.1").udp(1, 2);
    add("our own address by a link-layer broadcast")
        .in(kInside, to_mac(ours, "ff:ff:ff:ff:ff:ff"))
        .to_host(to_mac(ours, "ff:ff:ff:ff:ff:ff"));
    // RFC 1812 section 4.3.2.7: nothing is said about these, either.
    add("a black hole")
        .refused(kInside, from_to(kTrust, from, ends.v6 ? "2001:db8:bad::1" : "198.18.0.1").udp(1, 2),
                 core::Drop::kBlackhole);

    add("a port without link")
        .refused(kInside, from_to(kTrust, from, ends.v6 ? "2001:db8:6::5" : "10.6.0.5").udp(1, 2),
                 core::Drop::kPortDown);

    add("to the interface's own address")
        .in(kInside, from_to(kTrust, from, ends.v6 ? "2001:db8:1::1" : "10.0.0.1").udp(1, 2))
        .to_host(from_to(kTrust, from, ends.v6 ? "2001:db8:1::1" : "10.0.0.1").udp(1, 2));
    add("to the address of another interface")
        .in(kInside, from_to(kTrust, from, ends.v6 ? "2001:db8:2::1" : "192.168.1.1").tcp(1, 22).flags("S"))
        .to_host(from_to(kTrust, from, ends.v6 ? "2001:db8:2::1" : "192.168.1.1").tcp(1, 22).flags("S"));
    add("to our own address with ttl 1")
        .in(kInside, from_to(kTrust, from, ends.v6 ? "2001:db8:1::1" : "10.0.0.1").ttl(1).echo_request(1, 1))
        .to_host(from_to(kTrust, from, ends.v6 ? "2001:db8:1::1" : "10.0.0.1").ttl(1).echo_request(1, 1));
  }
  return list;
}

std::vector<Scenario> to_the_twin() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name, const PacketBuilder& one) {
    list.push_back(scenario(name).in(kInside, one).to_host(one));
  };
  const auto mac = neighbor_mac(0);
  add("arp request",
      packet().ethernet(mac.to_string(), "ff:ff:ff:ff:ff:ff").arp(1, mac, kClient, {}, "10.0.0.1"));
  add("arp reply",
      packet().ethernet(mac, interface_mac(0)).arp(2, mac, kClient, interface_mac(0), "10.0.0.1"));
  add("arp request padded", packet()
                                .ethernet(mac.to_string(), "ff:ff:ff:ff:ff:ff")
                                .arp(1, mac, kClient, {}, "10.0.0.1")
                                .pad_to(60));
  add("arp in a vlan", packet()
                           .ethernet(mac.to_string(), "ff:ff:ff:ff:ff:ff")
                           .vlan(7)
                           .arp(1, mac, "10.7.0.5", {}, "10.7.0.1"));
  add("ospf hello", to_mac(packet().ipv4("10.0.0.2", "224.0.0.5").ttl(1).protocol(89), "01:00:5e:00:00:05"));
  add("limited broadcast",
      to_mac(packet().ipv4("0.0.0.0", "255.255.255.255").udp(68, 67).payload(300), "ff:ff:ff:ff:ff:ff"));
  add("neighbour solicitation",
      to_mac(packet().ipv6("fe80::1", "ff02::1:ff00:1").ttl(255).icmp(135, 0).payload(24),
             "33:33:ff:00:00:01"));
  add("neighbour solicitation for an address in use",
      to_mac(packet().ipv6("::", "ff02::1:ff00:1").ttl(255).icmp(135, 0).payload(24), "33:33:ff:00:00:01"));
  add("neighbour advertisement to our link-local address",
      received_on(packet().ipv6("fe80::1", "fe80::2").ttl(255).icmp(136, 0).payload(24), kTrust));
  add("router solicitation",
      to_mac(packet().ipv6("fe80::1", "ff02::2").ttl(255).icmp(133, 0), "33:33:00:00:00:02"));

  // RFC 5771: only 224.0.0.0/24 and, RFC 4291 section 2.7, link scope stay on the link.
  list.push_back(scenario("multicast is not forwarded ipv4")
                     .refused(kInside,
                              to_mac(packet().ipv4(kClient, "239.1.2.3").udp(1, 2), "01:00:5e:01:02:03"),
                              core::Drop::kMulticast));
  list.push_back(scenario("multicast is not forwarded ipv6")
                     .refused(kInside,
                              to_mac(packet().ipv6(kClient6, "ff0e::1").udp(1, 2), "33:33:00:00:00:01"),
                              core::Drop::kMulticast));
  return list;
}

std::vector<Scenario> of_the_twin() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name, std::uint16_t interface, unsigned port,
                       const PacketBuilder& plain, const PacketBuilder& sent) {
    list.push_back(scenario(name).from_host(interface, plain).out(port, sent));
  };
  const auto arp = packet()
                       .ethernet(interface_mac(0).to_string(), "ff:ff:ff:ff:ff:ff")
                       .arp(1, interface_mac(0), "10.0.0.1", {}, kClient);
  add("arp untagged", kTrust, kInside, arp, arp);
  add("arp by a vlan", kTenant, kInside, arp, PacketBuilder(arp).vlan(7));
  add("arp by two tags", kDouble, kOutside, arp, PacketBuilder(arp).vlan(100).vlan(200));
  const auto ping = packet()
                        .ethernet(interface_mac(2), neighbor_mac(2))
                        .ipv6("2001:db8:7::1", "2001:db8:7::5")
                        .echo_request(1, 1)
                        .payload(8);
  add("ping by a vlan", kTenant, kInside, ping, PacketBuilder(ping).vlan(7));
  // The kernel's packets are not the firewall's to judge.
  list.push_back(scenario("default drop does not bind the twin")
                     .otherwise(firewall::Action::kDrop)
                     .from_host(kTrust, arp)
                     .out(kInside, arp));
  // A frame waits in the ring while the network becomes another, which has no such interface.
  const auto lost = [&](const std::string& name, std::uint16_t interface, core::Drop reason) {
    list.push_back(scenario(name).from_host(interface, arp).dropped(reason));
  };
  lost("by an interface that was removed", kRemoved, core::Drop::kInterfaceDown);
  lost("by an interface that is not there yet", kRemoved + 1, core::Drop::kInterfaceDown);
  lost("by a port without link", kDown, core::Drop::kPortDown);
  return list;
}

std::vector<Scenario> unresolved() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const auto one = ends.v6 ? received_on(packet().ipv6(kClient6, "2001:db8:cafe::1").udp(1, 2), kTrust)
                             : received_on(packet().ipv4(kClient, "203.0.113.1").udp(1, 2), kTrust);
    list.push_back(
        scenario("an unresolved next hop " + ends.name).in(kInside, one).to_resolve(one, kUntrust));
    // Given back before it is resolved it goes round once more; the twin gives up in the end.
    list.push_back(scenario("still unresolved " + ends.name)
                       .in(kInside, one)
                       .to_resolve(one, kUntrust)
                       .then()
                       .resumed(kInside, one)
                       .to_resolve(one, kUntrust));
    const auto good = PacketBuilder(ends.client).udp(7, 8);
    list.push_back(scenario("given back resolved " + ends.name)
                       .resumed(kInside, good)
                       .out(kOutside, forwarded(good, kUntrust)));
    list.push_back(scenario("given back it is not judged again " + ends.name)
                       .otherwise(firewall::Action::kDrop)
                       .resumed(kInside, good)
                       .out(kOutside, forwarded(good, kUntrust)));
    list.push_back(scenario("the next hop answers " + ends.name)
                       .in(kInside, one)
                       .in(kInside, one)
                       .to_resolve(one, kUntrust)
                       .to_resolve(one, kUntrust)
                       .neighbor_answers()
                       .out(kOutside, forwarded(one, kUntrust))
                       .out(kOutside, forwarded(one, kUntrust)));

    // What we have to say to a host waits for its address like any packet, and leaves as it was made. Until
    // then it has no link addresses.
    const std::string_view stranger = ends.v6 ? "2001:db8:cafe::1" : "203.0.113.1";
    const auto stray = from_to(kUntrust, stranger, ends.v6 ? "2001:4860::8888" : "8.8.8.8").udp(1, 2);
    const auto error =
        ends.v6
            ? packet().ipv6("2001:db8:2::1", stranger).icmp(1, 0).embed(stray)
            : packet().ipv4("192.168.1.1", stranger).id(0).df().traffic_class(0xc0).icmp(3, 0).embed(stray);
    const auto unsent = [](PacketBuilder made) {
      return made.ethernet("00:00:00:00:00:00", "00:00:00:00:00:00");
    };
    list.push_back(scenario("an error waits for its next hop " + ends.name)
                       .in(kOutside, stray)
                       .dropped(core::Drop::kNoRoute)
                       .to_resolve(unsent(error), kUntrust)
                       .neighbor_answers()
                       .out(kOutside, sent_by(error, kUntrust)));
    list.push_back(scenario("an error that waits in vain is not answered " + ends.name)
                       .in(kOutside, stray)
                       .dropped(core::Drop::kNoRoute)
                       .to_resolve(unsent(error), kUntrust)
                       .neighbor_fails()
                       .dropped(core::Drop::kNeighborUnresolved));
    const auto syn =
        from_to(kUntrust, stranger, ends.v6 ? kClient6 : kClient).tcp(5, 80).flags("S").seq(1000);
    const auto reset =
        (ends.v6 ? packet().ipv6(kClient6, stranger) : packet().ipv4(kClient, stranger).id(0).df())
            .tcp(80, 5)
            .flags("RA")
            .ack(1001)
            .window(0);
    list.push_back(scenario("a reset waits for its next hop " + ends.name)
                       .otherwise(firewall::Action::kReject)
                       .in(kOutside, syn)
                       .dropped(firewall::Drop::kRejectedByDefault)
                       .to_resolve(unsent(reset), kUntrust)
                       .neighbor_answers()
                       .out(kOutside, sent_by(reset, kUntrust)));
    list.push_back(scenario("refused before it is resolved " + ends.name)
                       .otherwise(firewall::Action::kDrop)
                       .refused(kInside, one, firewall::Drop::kDeniedByDefault));
  }
  return list;
}

MILLRACE_SCENARIOS(Forwarding, ways_on());
MILLRACE_SCENARIOS(ToTheTwin, to_the_twin());
MILLRACE_SCENARIOS(OfTheTwin, of_the_twin());
MILLRACE_SCENARIOS(Unresolved, unresolved());

}  // namespace
}  // namespace millrace::testing
