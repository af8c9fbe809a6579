// SPDX-License-Identifier: BSD-3-Clause
// Bump in the wire: multicast, broadcast and link-local packets go by the rules, as all others do.
#include "tests/packet/firewall/talk.h"
#include "tests/support/networks.h"

namespace millrace::testing {
namespace {

using firewall::Action;

constexpr std::uint8_t kIgmp = 2;
constexpr std::uint8_t kOspf = 89;
constexpr std::uint8_t kPim = 103;
constexpr std::uint8_t kVrrp = 112;

struct Example {
  const char* name;
  PacketBuilder packet;
};

PacketBuilder to_group(std::string_view mac) { return packet().ethernet(neighbor_mac(0).to_string(), mac); }

// What hosts and routers of one link say to all or many, beside ARP and neighbour discovery.
std::vector<Example> examples() {
  const auto raw = [](PacketBuilder packet, std::uint8_t protocol) {
    return packet.protocol(protocol).payload(24);
  };
  const std::vector<std::uint8_t> router_alert{0x94, 4, 0, 0};  // RFC 2113
  return {
      {"ospf hello", raw(to_group("01:00:5e:00:00:05").ipv4("192.0.2.1", "224.0.0.5").ttl(1), kOspf)},
      {"ospf to designated routers",
       raw(to_group("01:00:5e:00:00:06").ipv4("192.0.2.1", "224.0.0.6").ttl(1), kOspf)},
      {"ospfv3 hello", raw(to_group("33:33:00:00:00:05").ipv6("fe80::1", "ff02::5").ttl(1), kOspf)},
      {"vrrp", raw(to_group("01:00:5e:00:00:12").ipv4("192.0.2.1", "224.0.0.18").ttl(255), kVrrp)},
      {"vrrp v6", raw(to_group("33:33:00:00:00:12").ipv6("fe80::1", "ff02::12").ttl(255), kVrrp)},
      {"pim hello", raw(to_group("01:00:5e:00:00:0d").ipv4("192.0.2.1", "224.0.0.13").ttl(1), kPim)},
      {"igmp report",
       raw(to_group("01:00:5e:00:00:16").ipv4("192.0.2.10", "224.0.0.22").ttl(1).ip_option(router_alert),
           kIgmp)},
      {"rip", to_group("01:00:5e:00:00:09").ipv4("192.0.2.1", "224.0.0.9").ttl(1).udp(520, 520).payload(24)},
      {"mdns", to_group("01:00:5e:00:00:fb").ipv4("192.0.2.10", "224.0.0.251").ttl(255).udp(5353, 5353)},
      {"mdns v6", to_group("33:33:00:00:00:fb").ipv6("fe80::10", "ff02::fb").ttl(255).udp(5353, 5353)},
      {"dhcp discover",
       to_group("ff:ff:ff:ff:ff:ff").ipv4("0.0.0.0", "255.255.255.255").udp(68, 67).payload(240)},
      {"dhcp offer to all",
       to_group("ff:ff:ff:ff:ff:ff").ipv4("192.0.2.1", "255.255.255.255").udp(67, 68).payload(240)},
      {"dhcpv6 solicit", to_group("33:33:00:01:00:02").ipv6("fe80::10", "ff02::1:2").udp(546, 547)},
      {"directed broadcast", to_group("ff:ff:ff:ff:ff:ff").ipv4("192.0.2.10", "192.0.2.255").udp(138, 138)},
      {"multicast stream",
       to_group("01:00:5e:01:02:03").ipv4("192.0.2.10", "239.1.2.3").ttl(16).udp(4000, 5004)},
      {"multicast stream v6",
       to_group("33:33:00:00:12:34").ipv6("2001:db8:1::10", "ff0e::1234").udp(4000, 5004)},
      {"link-local ipv4", to_group("02:00:00:00:00:77").ipv4("169.254.1.2", "169.254.3.4").udp(1, 2)},
      {"link-local ipv6", to_group("02:00:00:00:00:77").ipv6("fe80::10", "fe80::20").ttl(1).udp(1, 2)},
      {"echo to all hosts",
       to_group("01:00:5e:00:00:01").ipv4("192.0.2.10", "224.0.0.1").ttl(1).echo_request(7, 1)},
      {"from and to the same", to_group("02:00:00:00:00:77").ipv4("192.0.2.10", "192.0.2.10").udp(1, 2)},
  };
}

std::vector<Scenario> transparent_groups_scenarios() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name, Action otherwise) -> Scenario& {
    return list.emplace_back(name).transparent().otherwise(otherwise);
  };
  for (const Example& each : examples()) {
    const std::string name = each.name;
    const PacketBuilder tagged = PacketBuilder(each.packet).vlan(7);
    add(name + " passes", Action::kAccept)
        .passes(kInside, each.packet)
        .passes(kInside, tagged)
        .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 2U); });
    add(name + " passes inwards", Action::kAccept).passes(kOutside, each.packet);
    add(name + " is denied", Action::kDrop)
        .refused(kInside, each.packet, firewall::Drop::kDeniedByDefault)
        .refused(kInside, tagged, firewall::Drop::kDeniedByDefault);
    // A rule that names it, by its protocol and its group.
    const Frame bytes = each.packet.datagram();
    const bool v6 = bytes[0] >> 4 == 6;
    const auto destination =
        v6 ? net::IpAddress(*reinterpret_cast<const net::Ipv6Address*>(bytes.data() + 24))
           : net::IpAddress(reinterpret_cast<const net::Ipv4Header*>(bytes.data())->destination);
    add(name + " passes by a rule", Action::kDrop)
        .rules({accept("one").from(0).destination(destination.to_string())})
        .set([](PolicySpec& policy) {
          policy.zone_of = {0, 1};
        })
        .passes(kInside, each.packet)
        .check([](const Observed& seen) { EXPECT_EQ(seen.rule_hits("one"), 1U); })
        .refused(kOutside, PacketBuilder(each.packet).vlan(9), firewall::Drop::kDeniedByDefault);
  }
  // Nobody is told what becomes of a packet to many, or from nobody.
  for (const Example& each : examples()) {
    const Frame bytes = each.packet.bytes();
    if ((bytes[0] & 1U) == 0) continue;
    add(std::string(each.name) + " is rejected without a word", Action::kReject)
        .refused(kInside, each.packet, firewall::Drop::kRejectedByDefault);
  }
  const auto station = [] { return to_group("02:00:00:00:00:77"); };
  const Example odd_syns[] = {
      {"to a group", station().ipv4("192.0.2.10", "224.0.0.1").tcp(1024, 80).flags("S")},
      {"to all", station().ipv4("192.0.2.10", "255.255.255.255").tcp(1024, 80).flags("S")},
      {"from nobody", station().ipv4("0.0.0.0", "192.0.2.10").tcp(1024, 80).flags("S")},
      {"from a group", station().ipv4("239.0.0.1", "192.0.2.10").tcp(1024, 80).flags("S")},
      {"to a v6 group", station().ipv6("2001:db8:1::10", "ff02::1").tcp(1024, 80).flags("S")},
      {"from a v6 group", station().ipv6("ff02::1", "2001:db8:1::10").tcp(1024, 80).flags("S")},
      {"from no v6 address", station().ipv6("::", "2001:db8:1::10").tcp(1024, 80).flags("S")},
  };
  for (const Example& each : odd_syns) {
    // RFC 9293 section 3.9.2.3, RFC 1122 section 4.2.3.10.
    add(std::string("a rejected syn ") + each.name, Action::kReject)
        .refused(kInside, each.packet, firewall::Drop::kRejectedByDefault);
    add(std::string("no cookie for a syn ") + each.name, Action::kAccept)
        .set([](PolicySpec& policy) { policy.protection.syn_cookies_above = 1; })
        .one_worker()
        .passes(kInside, client().tcp(1, 80).flags("S"))
        .passes(kInside, each.packet);
  }
  // A hop says that the time is up or that a packet is too big; a wire does not.
  add("time is up for nobody", Action::kAccept)
      .passes(kInside, client().ttl(1).udp(1, 2))
      .passes(kInside, client().ttl(0).udp(3, 4))
      .passes(kInside, client6().ttl(1).udp(1, 2))
      .passes(kInside, client6().ttl(0).udp(3, 4));
  add("too big for the wire", Action::kAccept)
      .refused(kInside, client().udp(1, 2).payload(1473), core::Drop::kPacketTooBig)
      .refused(kInside, client().df().udp(1, 2).payload(1473), core::Drop::kPacketTooBig)
      .refused(kInside, client6().udp(1, 2).payload(1453), core::Drop::kPacketTooBig)
      .passes(kInside, client().udp(1, 2).payload(1472));
  return list;
}

MILLRACE_SCENARIOS(TransparentGroups, transparent_groups_scenarios());

}  // namespace
}  // namespace millrace::testing
