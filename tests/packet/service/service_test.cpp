// SPDX-License-Identifier: BSD-3-Clause
// The firewall as a service function (RFC 8300): packets are judged by what is inside, and given back behind
// the header they came with, one index further.
#include "tests/packet/service/service_packets.h"

namespace millrace::testing {
namespace {

constexpr std::uint16_t kNshType = 0x894f;
constexpr std::uint16_t kMplsType = 0x8847;

// A frame that leaves by a port, as bytes.
Scenario& out(Scenario& on, unsigned port, Frame frame) {
  on.rounds.back().departures.push_back({Scenario::Departure::By::kPort, port, std::move(frame)});
  return on;
}

struct Family {
  std::string name;
  PacketBuilder user;
  PacketBuilder net;
  std::uint8_t next_protocol;
};
std::vector<Family> families() {
  return {{"ipv4", testing::user(), testing::net(), 1}, {"ipv6", testing::user6(), testing::net6(), 2}};
}

std::vector<Scenario> paths() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name) -> Scenario& {
    return list.emplace_back(service_scenario(name));
  };
  for (const Family& family : families()) {
    const auto udp = [&] { return PacketBuilder(family.user).udp(1024, 53).payload(50); };
    const auto back = [&] { return PacketBuilder(family.net).udp(53, 1024).payload(70); };
    const auto both_ways = [&](Scenario& on, const Nsh& there, const Nsh& again, const Frame& first,
                               const Frame& second) {
      out(on.in(kInside, nsh_in(there, first)), kInside, nsh_out(there, first)).then();
      out(on.in(kInside, nsh_in(again, second)), kInside, nsh_out(again, second));
    };
    // Section 2.3: the index is one less; sections 2.2 and 2.4: all else stays. The TTL inside is nobody's
    // here.
    both_ways(add("frames in NSH " + family.name), {}, {.path = 43, .index = 9}, udp().bytes(),
              back().bytes());
    both_ways(add("datagrams in NSH " + family.name), {.next_protocol = family.next_protocol},
              {.path = 43, .next_protocol = family.next_protocol}, udp().datagram(), back().datagram());
    both_ways(add("tagged frames in NSH " + family.name), {}, {.path = 43}, udp().vlan(5).bytes(),
              back().vlan(5).bytes());
    both_ways(add("variable metadata " + family.name),
              {.md_type = 2, .metadata = {0x01, 0x02, 0x03, 0x05, 1, 2, 3, 4, 5, 0, 0, 0}},
              {.path = 43, .md_type = 2, .metadata = {}}, udp().bytes(), back().bytes());
    both_ways(add("bits that are not assigned " + family.name), {.flags = 0x1000 | 5 << 6, .unassigned = 0xf},
              {.path = 43, .index = 1, .flags = 0}, udp().bytes(), back().bytes());
    // Section 2.2: NSH inside NSH; the outer one is ours.
    const Nsh within{
        .path = 42, .index = 1, .next_protocol = family.next_protocol, .md_type = 2, .metadata = {}};
    const auto nested = [&](const Frame& datagram) {
      Frame bytes = within.header();
      bytes.insert(bytes.end(), datagram.begin(), datagram.end());
      return bytes;
    };
    both_ways(add("NSH inside NSH " + family.name), {.next_protocol = 4}, {.path = 43, .next_protocol = 4},
              nested(udp().datagram()), nested(back().datagram()));

    // What the rules do not allow is not given back.
    add("not allowed from the net " + family.name)
        .in(kInside, nsh_in({.path = 43}, back().bytes()))
        .dropped(firewall::Drop::kDeniedByDefault);
    // Section 3: an answer of our own goes the other way, with the index that the profile gives it there.
    const PacketBuilder syn = PacketBuilder(family.user).tcp(1024, 22).flags("S").seq(100);
    add("a reset goes the other way " + family.name)
        .in(kInside, nsh_in({}, syn.bytes()))
        .dropped(firewall::Drop::kRejectedByRule)
        .any_outcome()
        .check([](const Observed& seen) {
          ASSERT_EQ(seen.sent(kInside).size(), 1U);
          const Frame& frame = seen.sent(kInside)[0];
          const Frame head = to_forwarder(kNshType, Nsh{.path = 43, .index = 200}.header(), {});
          ASSERT_GT(frame.size(), head.size());
          EXPECT_TRUE(std::equal(head.begin(), head.end(), frame.begin()));
          // Inside, a frame to the user, whose MAC address ends with 1.
          EXPECT_EQ(frame[head.size() + 5], 1);
        });
    // Sessions of one domain are known to all of its paths, of another to none.
    add("a path of another domain " + family.name).in(kInside, nsh_in({.path = 44}, udp().bytes()));
    out(list.back(), kInside, nsh_out({.path = 44}, udp().bytes())).then();
    list.back().in(kInside, nsh_in({.path = 43}, back().bytes())).dropped(firewall::Drop::kDeniedByDefault);
    add("one index of a path " + family.name).in(kInside, nsh_in({.path = 45, .index = 7}, udp().bytes()));
    out(list.back(), kInside, nsh_out({.path = 45, .index = 7}, udp().bytes())).then();
    list.back()
        .in(kInside, nsh_in({.path = 45, .index = 8}, udp().bytes()))
        .dropped(core::Drop::kServicePath);

    // networking-sfc: a label in, the label one less out; traffic class and TTL stay.
    Scenario& mpls = add("a label " + family.name);
    mpls.in(kInside, from_forwarder(kMplsType, label(511), udp().datagram()));
    out(mpls, kInside, to_forwarder(kMplsType, label(510), udp().datagram())).then();
    mpls.in(kInside, from_forwarder(kMplsType, label(1023, 0, 1), back().datagram()));
    out(mpls, kInside, to_forwarder(kMplsType, label(1022, 0, 1), back().datagram()));
    add("a reset behind a label goes the other way " + family.name)
        .in(kInside, from_forwarder(kMplsType, label(511), syn.datagram()))
        .dropped(firewall::Drop::kRejectedByRule)
        .any_outcome()
        .check([](const Observed& seen) {
          ASSERT_EQ(seen.sent(kInside).size(), 1U);
          const Frame head = to_forwarder(kMplsType, label(1022), {});
          EXPECT_TRUE(std::equal(head.begin(), head.end(), seen.sent(kInside)[0].begin()));
        });

    // Fragments inside, in whatever order.
    const PacketBuilder whole = PacketBuilder(family.user).udp(1024, 53).payload(200);
    Scenario& pieces = add("fragments in NSH " + family.name);
    for (const std::size_t offset : {std::size_t{104}, std::size_t{0}}) {
      const PacketBuilder piece =
          whole.piece(offset, offset == 0 ? 104 : whole.ip_payload().size() - 104, 77);
      pieces.in(kInside, nsh_in({.index = static_cast<std::uint8_t>(100 + offset)}, piece.bytes()));
      out(pieces, kInside, nsh_out({.index = static_cast<std::uint8_t>(100 + offset)}, piece.bytes()));
    }
  }
  return list;
}

MILLRACE_SCENARIOS(Service, paths());

}  // namespace
}  // namespace millrace::testing
