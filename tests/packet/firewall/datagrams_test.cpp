// SPDX-License-Identifier: BSD-3-Clause
// Sessions of protocols that are not TCP: what goes out may be answered, and by the same two ends only.
#include "tests/support/networks.h"
#include "tests/support/scenario.h"

namespace millrace::testing {
namespace {

std::vector<Scenario> datagrams_scenarios() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(let_out_only);
    };
    const auto c = [&] { return PacketBuilder(ends.client); };
    const auto s = [&] { return PacketBuilder(ends.server); };
    const auto other = [&] {
      return received_on(
          ends.v6 ? packet().ipv6("2001:db8:2::81", kClient6) : packet().ipv4("192.168.1.81", kClient),
          kUntrust);
    };

    add("udp both ways")
        .passes(kInside, c().udp(5000, 53).payload(30))
        .passes(kOutside, s().udp(53, 5000).payload(300))
        .passes(kInside, c().udp(5000, 53))
        .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 1U); });
    add("udp nobody asked for").refused(kOutside, s().udp(53, 5000), firewall::Drop::kDeniedByDefault);
    add("udp from another port")
        .passes(kInside, c().udp(5000, 53))
        .refused(kOutside, s().udp(54, 5000), firewall::Drop::kDeniedByDefault);
    add("udp to another port")
        .passes(kInside, c().udp(5000, 53))
        .refused(kOutside, s().udp(53, 5001), firewall::Drop::kDeniedByDefault);
    add("udp from another host")
        .passes(kInside, c().udp(5000, 53))
        .refused(kOutside, other().udp(53, 5000), firewall::Drop::kDeniedByDefault);
    add("tcp is not udp")
        .passes(kInside, c().udp(5000, 53))
        .refused(kOutside, s().tcp(53, 5000).flags("S"), firewall::Drop::kDeniedByDefault);
    add("udp with equal ports").passes(kInside, c().udp(500, 500)).passes(kOutside, s().udp(500, 500));
    add("udp with port 0").passes(kInside, c().udp(0, 53)).passes(kOutside, s().udp(53, 0));
    add("sctp both ways")
        .passes(kInside, c().sctp(3868, 3868, 0).payload(20))
        .passes(kOutside, s().sctp(3868, 3868, 7).payload(20));
    add("sctp nobody asked for").refused(kOutside, s().sctp(3868, 3868), firewall::Drop::kDeniedByDefault);
    add("gre both ways")
        .passes(kInside, c().gre(0x0800).payload(40))
        .passes(kOutside, s().gre(0x0800).payload(40));
    add("gre nobody asked for")
        .refused(kOutside, s().gre(0x0800).payload(40), firewall::Drop::kDeniedByDefault);
    add("esp both ways")
        .passes(kInside, c().esp(1, 1).payload(40))
        .passes(kOutside, s().esp(2, 1).payload(40));
    add("esp is not gre")
        .passes(kInside, c().esp(1, 1).payload(40))
        .refused(kOutside, s().gre(0x0800).payload(40), firewall::Drop::kDeniedByDefault);
    add("an unknown protocol both ways")
        .passes(kInside, c().protocol(253).payload(4))
        .passes(kOutside, s().protocol(253).payload(4));

    // Two tenants: the same ports between other interfaces are another session.
    const auto tenant =
        received_on(ends.v6 ? packet().ipv6("2001:db8:7::5", kServer6) : packet().ipv4("10.7.0.5", kServer),
                    kTenant)
            .udp(5000, 53);
    const auto to_tenant =
        received_on(ends.v6 ? packet().ipv6(kServer6, "2001:db8:7::5") : packet().ipv4(kServer, "10.7.0.5"),
                    kUntrust)
            .udp(53, 5000);
    add("an answer into a vlan")
        .in(kInside, tenant)
        .out(kOutside, forwarded(tenant, kUntrust))
        .in(kOutside, to_tenant)
        .out(kInside, forwarded(to_tenant, kTenant));

    // The packet inside an ICMP error tells which worker it belongs to; what a fragment of a ping carries may
    // look like one.
    auto& pings = add("fragments of pings that carry packets");
    for (std::uint16_t i = 0; i < 8; ++i) {
      const std::string end = std::to_string(i + 1);
      const auto inner = ends.v6 ? packet().ipv6("2001:db8:99::" + end, "2001:db8:98::1")
                                 : packet().ipv4("203.0.113." + end, "198.18.0.1");
      const auto whole = c().echo_request(i, 1).embed(PacketBuilder(inner).udp(1, 2).payload(40));
      pings.passes(kInside, whole.piece(0, 8, 500U + i)).passes(kInside, whole.piece(8, 4000, 500U + i));
    }

    auto& many = add("sixty flows and their answers");
    for (std::uint16_t i = 0; i < 60; ++i)
      many.passes(kInside, c().udp(static_cast<std::uint16_t>(5000 + 11 * i), 53));
    for (std::uint16_t i = 0; i < 60; ++i)
      many.passes(kOutside, s().udp(53, static_cast<std::uint16_t>(5000 + 11 * i)));
    many.check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 60U); });
  }
  return list;
}

MILLRACE_SCENARIOS(Datagrams, datagrams_scenarios());

}  // namespace
}  // namespace millrace::testing
