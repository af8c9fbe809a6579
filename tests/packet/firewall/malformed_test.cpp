// SPDX-License-Identifier: BSD-3-Clause
// Damaged packets: each kind has its drop, and no damage does more than lose the packet.
#include <random>

#include "tests/support/networks.h"
#include "tests/support/scenario.h"

namespace millrace::testing {
namespace {

PacketBuilder link() { return packet().ethernet(neighbor_mac(0), interface_mac(0)); }

std::vector<Scenario> named() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name, const PacketBuilder& bad, core::Drop reason) {
    list.push_back(scenario(name).refused(kInside, bad, reason));
  };
  const auto udp4 = client().udp(1, 2).payload(20);
  const auto udp6 = client6().udp(1, 2).payload(20);
  const auto arp = link().arp(1, neighbor_mac(0), kClient, {}, "10.0.0.1");

  add("no bytes", PacketBuilder(udp4).truncate(0), core::Drop::kShortFrame);
  add("half an ethernet header", PacketBuilder(udp4).truncate(13), core::Drop::kShortFrame);
  add("half a tag", PacketBuilder(udp4).vlan(7).truncate(17), core::Drop::kShortFrame);
  add("half a second tag", PacketBuilder(udp4).vlan(7).vlan(8).truncate(21), core::Drop::kShortFrame);
  add("three tags", PacketBuilder(udp4).vlan(1).vlan(2).vlan(3), core::Drop::kTooManyTags);
  add("an unknown type", link().payload(50), core::Drop::kUnknownType);
  add("an unknown type in a vlan", link().vlan(7).ether_type(0x88cc), core::Drop::kUnknownType);
  add("an 802.3 length", PacketBuilder(udp4).ether_type(46), core::Drop::kUnknownType);
  add("half an arp packet", PacketBuilder(arp).truncate(14 + 27), core::Drop::kBadArp);
  add("an ip packet typed arp", PacketBuilder(udp4).ether_type(0x0806), core::Drop::kBadArp);

  add("ipv4 version 5", PacketBuilder(udp4).version(5), core::Drop::kBadIpv4Header);
  add("ipv6 typed ipv4", PacketBuilder(udp6).ether_type(0x0800), core::Drop::kBadIpv4Header);
  add("ipv4 header of 16 bytes", PacketBuilder(udp4).header_words(4), core::Drop::kBadIpv4Header);
  add("ipv4 header past the frame", client().udp(1, 2).header_words(15), core::Drop::kBadIpv4Header);
  add("half an ipv4 header", PacketBuilder(udp4).truncate(14 + 19), core::Drop::kBadIpv4Header);
  add("ipv4 total length under the header's", PacketBuilder(udp4).ip_length(19), core::Drop::kBadIpv4Length);
  add("ipv4 total length over the frame's", PacketBuilder(udp4).ip_length(49), core::Drop::kBadIpv4Length);
  add("ipv4 total length 65535", PacketBuilder(udp4).ip_length(65535), core::Drop::kBadIpv4Length);
  add("ipv4 cut off", PacketBuilder(udp4).truncate(14 + 47), core::Drop::kBadIpv4Length);
  add("ipv4 checksum", PacketBuilder(udp4).bad_ip_checksum(), core::Drop::kBadIpv4Checksum);
  // RFC 7126 sections 4.3 and 4.4: source routes are refused.
  add("loose source route", client().ip_option({131, 7, 4, 1, 2, 3, 4}).udp(1, 2),
      core::Drop::kBadIpv4Options);
  add("strict source route", client().ip_option({137, 7, 4, 1, 2, 3, 4}).udp(1, 2),
      core::Drop::kBadIpv4Options);
  add("source route after padding", client().ip_option({1, 1, 131, 3, 4}).udp(1, 2),
      core::Drop::kBadIpv4Options);
  add("option of length 0", client().ip_option({7, 0, 4, 0}).udp(1, 2), core::Drop::kBadIpv4Options);
  add("option of length 1", client().ip_option({7, 1, 4, 0}).udp(1, 2), core::Drop::kBadIpv4Options);
  add("option past the header", client().ip_option({7, 5, 4, 0}).udp(1, 2), core::Drop::kBadIpv4Options);
  add("option without a length", client().ip_option({1, 1, 1, 7}).udp(1, 2), core::Drop::kBadIpv4Options);

  add("ipv6 version 4", PacketBuilder(udp6).version(4), core::Drop::kBadIpv6Header);
  add("half an ipv6 header", PacketBuilder(udp6).truncate(14 + 39), core::Drop::kBadIpv6Header);
  add("ipv6 payload length over the frame's", PacketBuilder(udp6).ip_length(29), core::Drop::kBadIpv6Length);
  add("ipv6 cut off", PacketBuilder(udp6).truncate(14 + 67), core::Drop::kBadIpv6Length);
  add("routing header 0", client6().routing(0, {0, 0, 0, 0}).udp(1, 2),
      core::Drop::kBadIpv6Extension);  // RFC 5095
  add("hop-by-hop second", client6().destination_options().hop_by_hop().udp(1, 2),
      core::Drop::kBadIpv6Extension);
  add("hop-by-hop twice", client6().hop_by_hop().hop_by_hop().udp(1, 2), core::Drop::kBadIpv6Extension);
  add("extension past the datagram", client6().extension(60, {0, 9, 1, 4, 0, 0, 0, 0}).udp(1, 2),
      core::Drop::kBadIpv6Extension);
  add("extension of one byte", client6().extension(60, {0}).ip_length(1), core::Drop::kBadIpv6Extension);
  add("half a fragment header", client6().extension(44, {17, 0, 0, 0}).protocol(17),
      core::Drop::kBadIpv6Extension);
  add("two fragment headers",
      client6().fragment_header(0, true, 1).fragment_header(0, true, 1).protocol(17).payload(8),
      core::Drop::kBadIpv6Extension);
  auto chain = client6();
  for (int i = 0; i < 9; ++i) chain.destination_options();
  add("nine extension headers", chain.udp(1, 2), core::Drop::kBadIpv6Extension);

  add("ping of death", client().fragment(65528, false).protocol(1).payload(64), core::Drop::kBadFragment);
  add("ping of death v6", client6().fragment_header(65528, false, 1).protocol(58).payload(64),
      core::Drop::kBadFragment);
  add("a ragged fragment", client().fragment(0, true).udp(1, 2).payload(5), core::Drop::kBadFragment);
  add("a ragged fragment v6", client6().fragment_header(0, true, 1).udp(1, 2).payload(5),
      core::Drop::kBadFragment);
  add("an empty fragment", client().fragment(8, true).protocol(17), core::Drop::kBadFragment);
  add("an empty fragment v6", client6().fragment_header(8, true, 1).protocol(17), core::Drop::kBadFragment);

  for (const Ends& ends : both_families()) {
    const auto& from = ends.client;
    const auto both = [&](const std::string& name, const PacketBuilder& bad, core::Drop reason) {
      add(name + " " + ends.name, bad, reason);
    };
    const auto bare = [&](std::uint8_t protocol, std::size_t bytes) {
      return PacketBuilder(from).protocol(protocol).payload(bytes);
    };
    both("half a tcp header", bare(6, 19), core::Drop::kShortTransport);
    both("no tcp header", bare(6, 0), core::Drop::kShortTransport);
    both("half a udp header", bare(17, 7), core::Drop::kShortTransport);
    both("half an icmp header", bare(ends.v6 ? 58 : 1, 7), core::Drop::kShortTransport);
    both("half an sctp header", bare(132, 11), core::Drop::kShortTransport);
    both("tcp data offset 4", PacketBuilder(from).tcp(1, 2).flags("S").data_offset(4),
         core::Drop::kBadTcpHeader);
    both("tcp data offset past the segment", PacketBuilder(from).tcp(1, 2).flags("S").data_offset(6),
         core::Drop::kBadTcpHeader);
    both("udp length 7", PacketBuilder(from).udp(1, 2).udp_length(7).payload(9), core::Drop::kBadUdpLength);
    both("udp length past the datagram", PacketBuilder(from).udp(1, 2).udp_length(18).payload(9),
         core::Drop::kBadUdpLength);
    // Ethernet padding is not part of the datagram.
    both("tcp header in the padding", bare(6, 19).pad_to(120), core::Drop::kShortTransport);
    both("udp payload in the padding", PacketBuilder(from).udp(1, 2).udp_length(18).payload(9).pad_to(120),
         core::Drop::kBadUdpLength);
  }
  return list;
}

// Unusual, and allowed.
std::vector<Scenario> allowed() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name, const PacketBuilder& good) {
    list.push_back(scenario(name).passes(kInside, good));
  };
  add("an option list that ends early", client().ip_option({0, 131, 3, 4}).udp(1, 2));
  add("the reserved flag", client().reserved_flag().udp(1, 2));  // RFC 1812 section 4.2.2.3
  // RFC 8200 section 4: options of hop-by-hop headers are not looked at, whatever their type asks for.
  add("a hop-by-hop option nobody knows", client6().hop_by_hop({0xde, 4, 0, 0, 0, 0}).udp(1, 2));
  add("record route", client().ip_option({7, 7, 4, 0, 0, 0, 0}).udp(1, 2));
  add("forty bytes of options", client().ip_option(std::vector<std::uint8_t>(40, 1)).udp(1, 2));
  add("eight extension headers", [] {
    auto chain = client6().hop_by_hop();
    for (int i = 0; i < 7; ++i) chain.destination_options();
    return chain.udp(1, 2);
  }());
  add("routing header 2", client6().routing(2, std::vector<std::uint8_t>(20, 0)).udp(1, 2));  // RFC 6275
  add("an atomic fragment", client6().fragment_header(0, false, 7).udp(1, 2));                // RFC 6946
  add("authentication header", client6().authentication(1, 1).udp(1, 2));
  add("no next header", client6().protocol(59));
  add("an unknown protocol v4", client().protocol(253).payload(10));
  add("an unknown protocol v6", client6().protocol(253).payload(10));
  add("udp shorter than its datagram", client().udp(1, 2).udp_length(10).payload(9));
  return list;
}

std::vector<PacketBuilder> good_packets() {
  std::vector<PacketBuilder> list;
  for (const Ends& ends : both_families()) {
    const auto& from = ends.client;
    const auto inner = ends.v6 ? packet().ipv6(kServer6, kClient6) : packet().ipv4(kServer, kClient);
    list.push_back(PacketBuilder(from).tcp(1000, 80).flags("S").option_mss(1460).option_window_scale(7));
    list.push_back(PacketBuilder(from).udp(1000, 53).payload(9));
    list.push_back(PacketBuilder(from).echo_request(1, 2).payload(9));
    list.push_back(PacketBuilder(from).icmp(3, 3).embed(PacketBuilder(inner).udp(53, 1000).payload(4)));
    list.push_back(PacketBuilder(from).sctp(1, 2));
    list.push_back(PacketBuilder(from).gre(0x0800).embed(PacketBuilder(inner).udp(1, 2)));
    list.push_back(PacketBuilder(from).vlan(100).vlan(200).udp(1, 2));
  }
  list.push_back(client().ip_option({7, 7, 4, 0, 0, 0, 0}).udp(1, 2));
  list.push_back(
      client6().hop_by_hop().destination_options().fragment_header(0, true, 3).udp(1, 2).payload(16));
  list.push_back(client6().authentication(1, 1).tcp(1, 2).flags("S"));
  list.push_back(link().arp(1, neighbor_mac(0), kClient, {}, "10.0.0.1"));
  return list;
}

// Every beginning of a good packet: the datagram says it is longer, so the frame is refused by the parser.
std::vector<Scenario> truncations() {
  std::vector<Scenario> list;
  unsigned number = 0;
  for (const PacketBuilder& good : good_packets()) {
    auto& one = list.emplace_back("packet " + std::to_string(number++));
    const std::size_t whole = good.bytes().size();
    for (std::size_t size = 0; size < whole; ++size) one.in(kInside, PacketBuilder(good).truncate(size));
    one.any_outcome().check([whole](const Observed& seen) {
      std::uint64_t by_parser = 0;
      for (auto reason = static_cast<std::uint8_t>(core::Drop::kShortFrame);
           reason <= static_cast<std::uint8_t>(core::Drop::kBadUdpLength); ++reason)
        by_parser += seen.dropped(static_cast<core::Drop>(reason));
      EXPECT_EQ(by_parser, whole);
      EXPECT_EQ(seen.dropped_in_all(), whole);
    });
  }
  return list;
}

// Every byte changed to a few values: whatever becomes of the packet, it is accounted for.
std::vector<Scenario> mutations() {
  std::vector<Scenario> list;
  unsigned number = 0;
  for (const bool bump : {false, true}) {
    for (const PacketBuilder& good : good_packets()) {
      auto& one = list.emplace_back("packet " + std::to_string(number++));
      std::mt19937 random(number);
      if (bump) one.transparent({.all = number % 2 == 0});
      const Frame whole = good.bytes();
      for (std::size_t at = 0; at < whole.size(); ++at) {
        for (const std::uint8_t value :
             {std::uint8_t{0}, std::uint8_t{255}, static_cast<std::uint8_t>(random())}) {
          Frame changed = whole;
          changed[at] = value;
          one.in(kInside, std::move(changed));
        }
        if (at % 32 == 31) one.any_outcome().then();
      }
      one.any_outcome();
    }
  }
  return list;
}

MILLRACE_SCENARIOS(Malformed, named());
MILLRACE_SCENARIOS(Unusual, allowed());
MILLRACE_SCENARIOS(Truncated, truncations());
MILLRACE_SCENARIOS(Mutated, mutations());

}  // namespace
}  // namespace millrace::testing
