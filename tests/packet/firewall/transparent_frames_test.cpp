// SPDX-License-Identifier: BSD-3-Clause
// Bump in the wire: frames that carry neither ARP nor IP pass where the profile says so, byte for byte.
#include "tests/packet/firewall/talk.h"
#include "tests/support/networks.h"

namespace millrace::testing {
namespace {

// Nothing is let through by a rule, so no rule was asked.
Scenario& add(std::vector<Scenario>& list, const std::string& name, core::PassedFrames passed = {}) {
  return list.emplace_back(name).transparent(std::move(passed)).otherwise(firewall::Action::kDrop);
}

PacketBuilder frame(std::string_view destination, std::uint16_t type, std::vector<std::uint8_t> body) {
  return packet()
      .ethernet(neighbor_mac(0).to_string(), destination)
      .ether_type(type)
      .payload(std::move(body))
      .pad_to(60);
}

struct Protocol {
  const char* name;
  PacketBuilder frame;
};

const std::vector<Protocol>& protocols() {
  // Chassis id, port id, time to live and end: IEEE 802.1AB section 8.
  static const std::vector<std::uint8_t> kLldp{0x02, 0x07, 0x04, 2,   0,    0,    0,    0,   1, 0x04,
                                               0x03, 0x07, 'e',  '0', 0x06, 0x02, 0x00, 120, 0, 0};
  static const std::vector<Protocol> kAll = {
      {"lldp", frame("01:80:c2:00:00:0e", 0x88cc, kLldp)},
      {"lacp", frame("01:80:c2:00:00:02", 0x8809, {1, 1, 1, 20})},
      {"eapol", frame("01:80:c2:00:00:03", 0x888e, {2, 1, 0, 0})},
      {"pppoe discovery", frame("ff:ff:ff:ff:ff:ff", 0x8863, {0x11, 9, 0, 0, 0, 0})},
      {"mpls", frame("02:00:00:00:00:77", 0x8847, {0, 1, 1, 64, 0x45, 0})},
      // A configuration BPDU begins so: LLC 42 42 03, protocol 0, version 0, type 0.
      {"stp", frame("01:80:c2:00:00:00", 38, {0x42, 0x42, 0x03, 0, 0, 0, 0})},
      {"is-is", frame("01:80:c2:00:00:14", 100, {0xfe, 0xfe, 0x03, 0x83})},
  };
  return kAll;
}

void passed_unread(Scenario& one, std::uint64_t frames) {
  one.check([frames](const Observed& seen) {
    EXPECT_EQ(seen.total(&core::WorkerCounters::passed_unread), frames);
    EXPECT_EQ(seen.sessions(), 0U);
  });
}

std::vector<Scenario> transparent_frames_scenarios() {
  std::vector<Scenario> list;
  for (const Protocol& each : protocols()) {
    const std::string name = each.name;
    passed_unread(add(list, name + " is dropped").refused(kInside, each.frame, core::Drop::kUnknownType), 0);
    auto& all = add(list, name + " passes with all", {.all = true});
    for (unsigned i = 0; i < 9; ++i) all.passes(kInside, each.frame);
    all.passes(kOutside, each.frame);
    passed_unread(all, 10);
    passed_unread(add(list, name + " in a vlan", {.all = true})
                      .passes(kInside, PacketBuilder(each.frame).vlan(1234, 5))
                      .passes(kInside, PacketBuilder(each.frame).service_vlan(5).vlan(6)),
                  2);
    list.push_back(scenario(name + " is not routed").refused(kInside, each.frame, core::Drop::kUnknownType));
  }
  const auto of = [](std::string_view name) {
    for (const Protocol& each : protocols()) {
      if (name == each.name) return each.frame;
    }
    throw std::invalid_argument(std::string(name));
  };
  const core::PassedFrames some{.types = {0x8809, 0x88cc}};
  add(list, "types of a list pass", some).passes(kInside, of("lldp")).passes(kInside, of("lacp"));
  add(list, "types beside the list are dropped", some)
      .refused(kInside, of("eapol"), core::Drop::kUnknownType)
      .refused(kInside, of("mpls"), core::Drop::kUnknownType)
      .refused(kInside, of("stp"), core::Drop::kUnknownType);
  add(list, "the spanning tree alone", {.spanning_tree = true})
      .passes(kInside, of("stp"))
      .refused(kInside, of("is-is"), core::Drop::kUnknownType)
      .refused(kInside, of("lldp"), core::Drop::kUnknownType);
  add(list, "all of llc", {.llc = true})
      .passes(kInside, of("stp"))
      .passes(kInside, of("is-is"))
      .refused(kInside, of("lldp"), core::Drop::kUnknownType);
  add(list, "a length of nothing is no spanning tree", {.spanning_tree = true})
      .refused(kInside, packet().ethernet(neighbor_mac(0), neighbor_mac(1)).ether_type(0),
               core::Drop::kUnknownType);
  // Lengths end at 1500; types begin at 1536 (IEEE 802.3 section 3.2.6).
  add(list, "the longest length", {.llc = true}).passes(kInside, frame("01:80:c2:00:00:14", 1500, {0xfe}));
  add(list, "past the longest length", {.llc = true})
      .refused(kInside, frame("01:80:c2:00:00:14", 1501, {0xfe}), core::Drop::kUnknownType);
  // What is let through is not read; what is ARP or IP, or claims to be, is read as ever.
  add(list, "arp is still read", {.all = true})
      .refused(kInside, frame("ff:ff:ff:ff:ff:ff", 0x0806, {0, 1, 8, 0}), core::Drop::kBadArp);
  add(list, "ip is still read", {.all = true})
      .refused(kInside, frame("02:00:00:00:00:77", 0x0800, {0x35, 0, 0, 20}), core::Drop::kBadIpv4Header);
  add(list, "rules are still asked", {.all = true})
      .refused(kInside, client().udp(1, 2), firewall::Drop::kDeniedByDefault);
  add(list, "three tags", {.all = true})
      .refused(kInside, of("lldp").vlan(1).vlan(2).vlan(3), core::Drop::kTooManyTags);
  add(list, "a cut frame", {.all = true}).refused(kInside, of("lldp").truncate(13), core::Drop::kShortFrame);
  // What a port took off is put back.
  passed_unread(add(list, "a tag taken off", {.all = true})
                    .in(kInside, of("lldp"),
                        Marks{.flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED, .vlan_tci = 7})
                    .out(kOutside, of("lldp").vlan(7).pad_to(64)),
                1);
  // Between others, on either worker.
  auto& mixed = add(list, "among packets", {.all = true}).set([](PolicySpec& policy) {
    policy.otherwise = firewall::Action::kAccept;
  });
  for (std::uint16_t port = 1; port < 20; ++port)
    mixed.passes(kInside, client().udp(port, 53)).passes(kInside, of("lldp"));
  return list;
}

MILLRACE_SCENARIOS(TransparentFrames, transparent_frames_scenarios());

}  // namespace
}  // namespace millrace::testing
