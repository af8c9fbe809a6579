// SPDX-License-Identifier: BSD-3-Clause
// What ports say of packets beside their bytes (rte_mbuf_core.h): checksums found wrong, not looked at, or
// still to be written; tags taken off. Expected packets come from the builder, which sums by RFC 1071's
// letter.
#include <rte_mbuf.h>

#include "tests/packet/firewall/talk.h"

namespace millrace::testing {
namespace {

constexpr Marks kWrong{.flags = RTE_MBUF_F_RX_L4_CKSUM_BAD};
constexpr Marks kRight{.flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD};
constexpr Marks kOpen{.flags = RTE_MBUF_F_RX_L4_CKSUM_NONE};

PacketBuilder broken(PacketBuilder packet) { return packet.bad_transport_checksum(); }

std::vector<Scenario> judged() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Talk talk{ends};
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(let_out_only);
    };
    const auto opened = [&](const std::string& name) -> Scenario& { return talk.open(add(name)); };
    const auto udp = PacketBuilder(ends.client).udp(1, 2).payload(9);
    const auto sctp = PacketBuilder(ends.client).sctp(1, 2).payload(20);

    add("udp the port found wrong").in(kInside, udp, kWrong).dropped(core::Drop::kBadTransportChecksum);
    add("sctp the port found wrong").in(kInside, sctp, kWrong).dropped(core::Drop::kBadTransportChecksum);
    opened("data the port found wrong")
        .in(kInside, talk.c("PA", 1, 1, 100), kWrong)
        .dropped(core::Drop::kBadTransportChecksum)
        .then()
        .passes(kInside, talk.c("PA", 1, 1, 100));
    // One fragment shows nothing of a checksum over all of them.
    const auto large = PacketBuilder(ends.client).udp(1, 2).payload(1000);
    const auto first = large.piece(0, 512, 7);
    const auto last = large.piece(512, 496, 7);
    add("fragments the port found wrong")
        .in(kInside, first, kWrong)
        .in(kInside, last, kWrong)
        .out(kOutside, forwarded(first, kUntrust))
        .out(kOutside, forwarded(last, kUntrust));

    // What nobody has looked at, and would change the state of a connection here but not at its receiver.
    for (const char* flags : {"S", "SEC"}) {
      add(std::string("a bad checksum opens nothing ") + flags)
          .refused(kInside, broken(talk.c(flags, 0, 0).option_mss(1460)), core::Drop::kBadTransportChecksum)
          .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 0U); });
    }
    add("a bad checksum answers nothing")
        .passes(kInside, talk.c("S", 0, 0))
        .refused(kOutside, broken(talk.s("SA", 0, 1)), core::Drop::kBadTransportChecksum)
        .passes(kOutside, talk.s("SA", 0, 1))
        .passes(kInside, talk.c("A", 1, 1));
    for (const char* flags : {"R", "RA", "FA", "FPA"}) {
      opened(std::string("a bad checksum ends nothing ") + flags)
          .refused(kInside, broken(talk.c(flags, 1, 1)), core::Drop::kBadTransportChecksum)
          .passes(kOutside, talk.s("PA", 1, 1, 100))
          .passes(kInside, talk.c("PA", 1, 101, 100));
    }
    opened("a bad checksum ends nothing, with data of odd length")
        .refused(kInside, broken(talk.c("FPA", 1, 1, 101)), core::Drop::kBadTransportChecksum)
        .passes(kInside, talk.c("FPA", 1, 1, 101));
    Frame padded = talk.s("SA", 0, 1).pad_to(80).bytes();
    padded.back() = 0xff;
    add("ethernet padding is not summed")
        .passes(kInside, talk.c("S", 0, 0))
        .in(kOutside, padded)
        .any_outcome()
        .check([](const Observed& seen) { EXPECT_EQ(seen.sent(kInside).size(), 1U); });
    opened("a segment in two buffers, the first of odd length")
        .in(kInside, broken(talk.c("FPA", 1, 1, 100)), Marks{.first_buffer = 101})
        .dropped(core::Drop::kBadTransportChecksum)
        .then()
        .in(kInside, talk.c("FPA", 1, 1, 100), Marks{.first_buffer = 101})
        .out(kOutside, forwarded(talk.c("FPA", 1, 1, 100), kUntrust));
    opened("data nobody has looked at are the receiver's business")
        .passes(kInside, broken(talk.c("PA", 1, 1, 100)));
    // The port has looked: whatever stands there now.
    add("a port is believed")
        .in(kInside, broken(talk.c("S", 0, 0)), kRight)
        .out(kOutside, forwarded(broken(talk.c("S", 0, 0)), kUntrust));
    list.emplace_back("a bump in the wire looks too " + ends.name)
        .transparent()
        .refused(kInside, broken(talk.c("S", 0, 0)), core::Drop::kBadTransportChecksum);
  }
  return list;
}

std::vector<Scenario> open_checksums() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const Talk talk{ends};
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(let_out_only);
    };
    const auto written = [&](const std::string& name, const PacketBuilder& packet) {
      add(name).in(kInside, broken(packet), kOpen).out(kOutside, forwarded(packet, kUntrust));
    };
    written("an open checksum of a syn", talk.c("S", 0, 0).option_mss(1460));
    written("an open checksum of udp", PacketBuilder(ends.client).udp(1, 2).payload(100));
    written("an open checksum of udp of odd length", PacketBuilder(ends.client).udp(1, 2).payload(99));
    written("an open checksum of empty udp", PacketBuilder(ends.client).udp(1, 2));
    talk.open(add("an open checksum of data"))
        .in(kInside, broken(talk.c("PA", 1, 1, 1400)), kOpen)
        .out(kOutside, forwarded(talk.c("PA", 1, 1, 1400), kUntrust))
        .in(kOutside, broken(talk.s("A", 1, 1401)), kOpen)
        .out(kInside, forwarded(talk.s("A", 1, 1401), kTrust));
    for (const std::uint16_t first : {std::uint16_t{200}, std::uint16_t{201}}) {
      const auto chained = PacketBuilder(ends.client).udp(1, 2).payload(1001);
      add("an open checksum over two buffers " + std::to_string(first))
          .in(kInside, broken(chained), Marks{.flags = kOpen.flags, .first_buffer = first})
          .out(kOutside, forwarded(chained, kUntrust));
    }
    Frame padded = broken(talk.c("S", 0, 0)).pad_to(80).bytes();
    padded.back() = 0xff;
    add("an open checksum before ethernet padding")
        .in(kInside, padded, kOpen)
        .out(kOutside, forwarded(talk.c("S", 0, 0), kUntrust));
    const auto over_tenant = received_on(talk.c("S", 0, 0), kTenant);
    list.emplace_back("an open checksum behind a tag " + ends.name)
        .in(kInside, broken(over_tenant), kOpen)
        .out(kOutside, forwarded(over_tenant, kUntrust));
    list.emplace_back("an open checksum on a wire " + ends.name)
        .transparent()
        .in(kInside, broken(talk.c("S", 0, 0)), kOpen)
        .out(kOutside, talk.c("S", 0, 0));
    add("an open checksum, not to be routed")
        .in(kInside, broken(PacketBuilder(ends.client).ttl(1).udp(1, 2)), kOpen)
        .dropped(core::Drop::kTtlExceeded)
        .any_outcome();
    // Nothing to write it by.
    add("an open checksum of sctp")
        .in(kInside, PacketBuilder(ends.client).sctp(1, 2), kOpen)
        .dropped(core::Drop::kBadTransportChecksum);
    add("an open checksum of a fragment")
        .in(kInside, PacketBuilder(ends.client).udp(1, 2).payload(1000).piece(0, 512, 7), kOpen)
        .dropped(core::Drop::kBadTransportChecksum);
  }
  return list;
}

std::vector<Scenario> special() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name) -> Scenario& { return list.emplace_back(name); };
  // RFC 768: no checksum is not a wrong one, nor one still to be written.
  const auto none = client().udp(1, 2).payload(9).no_udp_checksum();
  add("no udp checksum, the port found it wrong")
      .in(kInside, none, kWrong)
      .out(kOutside, forwarded(none, kUntrust));
  add("no udp checksum, open").in(kInside, none, kOpen).out(kOutside, forwarded(none, kUntrust));
  // RFC 768: a sum of zero is sent as all ones. The last two bytes make it so.
  for (const bool v6 : {false, true}) {
    auto zero = (v6 ? client6() : client()).udp(1, 2).payload(Frame{0, 0});
    const Frame bytes = zero.bytes();
    const std::size_t field = bytes.size() - 4;
    zero.payload(Frame{bytes[field], bytes[field + 1]});
    const Frame expected = zero.bytes();
    EXPECT_EQ(expected[field], 0xff);
    EXPECT_EQ(expected[field + 1], 0xff);
    add(v6 ? "a udp checksum of zero v6" : "a udp checksum of zero v4")
        .in(kInside, broken(zero), kOpen)
        .out(kOutside, forwarded(zero, kUntrust));
  }
  const Marks header_open{.flags = RTE_MBUF_F_RX_IP_CKSUM_NONE};
  const auto udp = client().udp(1, 2).payload(9);
  add("an open ipv4 checksum")
      .in(kInside, PacketBuilder(udp).bad_ip_checksum(), header_open)
      .out(kOutside, forwarded(udp, kUntrust));
  add("an ipv4 checksum the port found wrong, wrongly")
      .in(kInside, udp, Marks{.flags = RTE_MBUF_F_RX_IP_CKSUM_BAD})
      .out(kOutside, forwarded(udp, kUntrust));
  add("an ipv4 checksum the port found wrong")
      .in(kInside, PacketBuilder(udp).bad_ip_checksum(), Marks{.flags = RTE_MBUF_F_RX_IP_CKSUM_BAD})
      .dropped(core::Drop::kBadIpv4Checksum);

  // The pseudo-header has the last address of a routing header still at work (RFC 8200 section 8.1) and a
  // home address (RFC 6275): what the header says does not tell.
  // Next header (the builder's), length, type 4, one segment left.
  const std::vector<std::uint8_t> way = {0, 2, 4, 1, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8,
                                         0, 9, 0, 0, 0, 0, 0, 0, 0,    0, 0,   9};
  std::vector<std::uint8_t> home(18, 1);
  home[0] = 201;
  home[1] = 16;
  const auto routed = client6().extension(43, way).tcp(1, 80).flags("S");
  const auto roaming = client6().destination_options(home).tcp(1, 80).flags("S");
  const auto optional = client6().hop_by_hop().destination_options().tcp(1, 80).flags("S");
  add("a routing header at work").passes(kInside, broken(routed));
  add("a routing header at work, the port found it wrong")
      .in(kInside, routed, kWrong)
      .out(kOutside, forwarded(routed, kUntrust));
  add("a home address").passes(kInside, broken(roaming));
  add("options that change no address").refused(kInside, broken(optional), core::Drop::kBadTransportChecksum);
  add("options that change no address, right").passes(kInside, optional);
  add("options that change no address, open")
      .in(kInside, broken(optional), kOpen)
      .out(kOutside, forwarded(optional, kUntrust));

  // Too large for the next link: the checksum is over the whole, before it is cut.
  const auto large = received_on(packet().ipv4(kClient, "10.8.0.5").id(777), kTrust).udp(1, 2).payload(1392);
  const auto front = forwarded(large.piece(0, 1256, 777), kNarrow);
  const auto rest = forwarded(large.piece(1256, 144, 777), kNarrow);
  add("an open checksum in fragments")
      .in(kInside, broken(large), kOpen)
      .out(kOutside, front)
      .out(kOutside, rest);
  // The twin writes it: see delivery_test.cpp.
  const auto ours = received_on(packet().ipv4(kClient, "10.0.0.1"), kTrust).tcp(1, 22).flags("S");
  add("an open checksum for ourselves").in(kInside, broken(ours), kOpen).to_host(broken(ours));
  return list;
}

std::vector<Scenario> tags_taken_off() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name) -> Scenario& { return list.emplace_back(name); };
  constexpr std::uint64_t kOff = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  constexpr std::uint64_t kBothOff = kOff | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED;
  const auto from = packet().ipv4("10.7.0.9", kServer).udp(1, 2).payload(20);
  const auto bare = received_on(from, kTenant).untagged();
  add("a tag taken off")
      .in(kInside, bare, Marks{.flags = kOff, .vlan_tci = 7})
      .out(kOutside, forwarded(from, kUntrust))
      .check([](const Observed& seen) { EXPECT_EQ(seen.sessions(), 1U); });
  add("a tag of no interface taken off")
      .in(kInside, bare, Marks{.flags = kOff, .vlan_tci = 8})
      .dropped(core::Drop::kNoInterface);
  add("a tag taken off, priority and all")
      .in(kInside, bare, Marks{.flags = kOff, .vlan_tci = 0xa007})
      .out(kOutside, forwarded(from, kUntrust));
  const auto back = packet().ipv4("10.9.0.9", kClient).udp(1, 2).payload(20);
  const auto outer_only = received_on(back, kDouble).untagged().vlan(200);
  add("both tags taken off")
      .in(kOutside, received_on(back, kDouble).untagged(),
          Marks{.flags = kBothOff, .vlan_tci = 200, .vlan_tci_outer = 100})
      .out(kInside, forwarded(back, kTrust));
  add("the outer tag taken off")
      .in(kOutside, outer_only,
          Marks{.flags = kBothOff & ~RTE_MBUF_F_RX_VLAN_STRIPPED, .vlan_tci = 200, .vlan_tci_outer = 100})
      .out(kInside, forwarded(back, kTrust));
  add("a third tag taken off")
      .in(kOutside, received_on(back, kDouble), Marks{.flags = kOff, .vlan_tci = 9})
      .dropped(core::Drop::kTooManyTags);
  add("a tag taken off on a wire")
      .transparent()
      .in(kInside, client().udp(1, 2), Marks{.flags = kOff, .vlan_tci = 0x6007})
      .out(kOutside, client().vlan(7, 3).udp(1, 2));
  add("two tags taken off on a wire")
      .transparent()
      .in(kInside, client().udp(1, 2), Marks{.flags = kBothOff, .vlan_tci = 200, .vlan_tci_outer = 100})
      .out(kOutside, client().service_vlan(100).vlan(200).udp(1, 2));
  return list;
}

MILLRACE_SCENARIOS(Judged, judged());
MILLRACE_SCENARIOS(OpenChecksums, open_checksums());
MILLRACE_SCENARIOS(OddChecksums, special());
MILLRACE_SCENARIOS(TagsTakenOff, tags_taken_off());

}  // namespace
}  // namespace millrace::testing
