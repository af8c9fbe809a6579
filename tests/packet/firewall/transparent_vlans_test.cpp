// SPDX-License-Identifier: BSD-3-Clause
// Bump in the wire: the same addresses and ports in two VLANs are two flows, in everything that is kept of
// them.
#include "tests/packet/firewall/talk.h"
#include "tests/support/networks.h"

namespace millrace::testing {
namespace {

using firewall::Action;

struct Tags {
  std::string name;
  std::uint16_t outer;  // 0: not two tags
  std::uint16_t vlan;   // 0: untagged
  bool service = false;

  [[nodiscard]] PacketBuilder on(PacketBuilder packet) const {
    packet.untagged();
    if (outer != 0 && service) packet.service_vlan(outer);
    if (outer != 0 && !service) packet.vlan(outer);
    if (vlan != 0) packet.vlan(vlan);
    return packet;
  }
};

// No two of them are one VLAN; most differ from another in one bit, or by a swap.
const std::vector<Tags>& networks() {
  static const std::vector<Tags> kAll = {{"untagged", 0, 0},
                                         {"vlan 1", 0, 1},
                                         {"vlan 2", 0, 2},
                                         {"vlan 2048", 0, 2048},
                                         {"vlan 4094", 0, 4094},
                                         {"qinq 1.1", 1, 1},
                                         {"qinq 1.2", 1, 2},
                                         {"qinq 2.1", 2, 1},
                                         {"service 3.1", 3, 1, true},
                                         {"qinq 2048.1", 2048, 1},
                                         {"qinq 4094.4094", 4094, 4094},
                                         {"service 257.2048", 257, 2048, true}};
  return kAll;
}

void expect_sessions(Scenario& one, std::uint64_t count) {
  one.check([count](const Observed& seen) { EXPECT_EQ(seen.sessions(), count); });
}

std::vector<Scenario> transparent_vlans_scenarios() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Talk talk{ends};
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).transparent().set(let_out_only_of_pair);
    };
    const auto udp = PacketBuilder(ends.client).udp(5000, 53).payload(20);
    const auto answer = PacketBuilder(ends.server).udp(53, 5000);
    const std::uint64_t all = networks().size();

    auto& each = add("each vlan has its session");
    for (const Tags& tags : networks()) each.passes(kInside, tags.on(udp));
    for (const Tags& tags : networks()) each.passes(kOutside, tags.on(answer));
    for (const Tags& tags : networks()) each.passes(kInside, tags.on(udp));
    expect_sessions(each, all);

    for (const Tags& mine : networks()) {
      auto& one = add("a session of " + mine.name + " lets no other vlan in").passes(kInside, mine.on(udp));
      for (const Tags& tags : networks()) {
        if (tags.name != mine.name) one.refused(kOutside, tags.on(answer), firewall::Drop::kDeniedByDefault);
      }
      expect_sessions(one.passes(kOutside, mine.on(answer)), 1);
    }
    // IEEE 802.1Q section 6.9: a tag with the id 0 names no VLAN. Whichever kind the tag is.
    expect_sessions(add("priority tags are of no vlan")
                        .passes(kInside, PacketBuilder(udp).vlan(0, 5))
                        .passes(kOutside, answer)
                        .passes(kOutside, PacketBuilder(answer).vlan(0, 1).vlan(0, 1)),
                    1);
    expect_sessions(add("a priority tag beside a vlan")
                        .passes(kInside, PacketBuilder(udp).vlan(7))
                        .passes(kOutside, PacketBuilder(answer).vlan(7, 5).vlan(0, 5))
                        .passes(kOutside, PacketBuilder(answer).service_vlan(0, 5).vlan(7)),
                    1);
    expect_sessions(add("the priority is no part of the vlan")
                        .passes(kInside, PacketBuilder(udp).vlan(7, 0))
                        .passes(kOutside, PacketBuilder(answer).vlan(7, 7)),
                    1);

    // The same connection in two VLANs, with sequence numbers of their own; one ends, the other goes on.
    const Talk second{ends, 40000, 80, 900'000'000, 2'000'000'000};
    const auto in_vlan = [](PacketBuilder packet) { return packet.vlan(12); };
    auto& twins = talk.open(add("two connections of the same ports"));
    twins.passes(kInside, in_vlan(second.c("S", 0, 0).option_mss(1460)))
        .passes(kOutside, in_vlan(second.s("SA", 0, 1).option_mss(1460)))
        .passes(kInside, in_vlan(second.c("A", 1, 1)))
        .passes(kInside, talk.c("PA", 1, 1, 100))
        .passes(kInside, in_vlan(second.c("PA", 1, 1, 100)))
        .refused(kInside, talk.c("PA", 900'000'000, 1, 9), firewall::Drop::kTcpOutOfWindow)
        .passes(kOutside, in_vlan(second.s("R", 1, 0)))
        .passes(kOutside, talk.s("A", 1, 101));
    expect_sessions(twins, 2);

    // An ICMP error comes in the VLAN of its flow.
    const auto router = [&] {
      return received_on(ends.v6 ? packet().ipv6("2001:db8:2::fe", kClient6).icmp(1, 0)
                                 : packet().ipv4("192.168.1.254", kClient).icmp(3, 0),
                         kUntrust)
          .embed(udp);
    };
    for (const Tags& tags : networks()) {
      if (tags.name == "vlan 2") continue;
      add("an icmp error in " + tags.name)
          .passes(kInside, tags.on(udp))
          .passes(kOutside, tags.on(router()))
          .refused(kOutside, router().vlan(2), firewall::Drop::kIcmpUnrelated);
    }

    // Fragments of one id in two VLANs: each later one follows its own first.
    const auto whole = PacketBuilder(ends.client).udp(5000, 53).payload(2000);
    const auto bad = PacketBuilder(ends.client).udp(5000, 666).payload(2000);
    const auto head = [](const PacketBuilder& of) { return of.piece(0, 1200, 77); };
    const auto tail = [](const PacketBuilder& of) { return of.piece(1200, 4000, 77); };
    for (const Tags& tags : networks()) {
      if (tags.name == "untagged") continue;
      auto& one = add("fragments of " + tags.name).set([](PolicySpec& policy) {
        policy.rules = {drop("bad").service("udp/666"), accept("out").from(0).to(1)};
      });
      one.in(kInside, tags.on(tail(whole))).in(kInside, tail(bad));
      one.in(kInside, head(bad))
          .dropped(firewall::Drop::kDeniedByRule)
          .dropped(core::Drop::kFragmentRefused)
          .in(kInside, tags.on(head(whole)))
          .out(kOutside, tags.on(head(whole)))
          .out(kOutside, tags.on(tail(whole)));
      expect_sessions(one, 1);
    }

    // Each VLAN's source has its own share.
    auto& limited = add("sessions of a source").one_worker().set([](PolicySpec& policy) {
      policy.protection.sessions_per_source = 2;
    });
    const auto flow = [&](std::uint16_t port) { return PacketBuilder(ends.client).udp(port, 53); };
    for (const Tags& tags : networks())
      limited.passes(kInside, tags.on(flow(1))).passes(kInside, tags.on(flow(2)));
    for (const Tags& tags : networks())
      limited.refused(kInside, tags.on(flow(3)), firewall::Drop::kSourceSessionLimit);
    expect_sessions(limited, 2 * all);

    // A change of policy ends the sessions of every VLAN that the rules refuse now.
    auto& changed = add("a policy that refuses now");
    for (const Tags& tags : networks()) changed.passes(kInside, tags.on(udp));
    changed.change([](PolicySpec& policy) { policy.rules.clear(); });
    for (const Tags& tags : networks())
      changed.refused(kInside, tags.on(udp), firewall::Drop::kPolicyChanged);
    expect_sessions(changed, 0);

    // Sessions end one by one, each found by its own key.
    auto& ends_of = add("idle sessions end");
    for (const Tags& tags : networks()) ends_of.passes(kInside, tags.on(udp));
    ends_of.after(600'000).passes(kInside, networks()[3].on(udp));
    expect_sessions(ends_of, 1);
  }
  return list;
}

MILLRACE_SCENARIOS(TransparentVlans, transparent_vlans_scenarios());

}  // namespace
}  // namespace millrace::testing
