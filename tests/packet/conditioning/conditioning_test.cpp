// SPDX-License-Identifier: BSD-3-Clause
// What comes in is classified, metered, marked and dropped as `qos` says, before the firewall sees it.
#include <rte_cycles.h>

#include "tests/support/scenario.h"

namespace millrace::testing {
namespace {

using core::Color;
using core::ColorAction;

constexpr std::uint8_t kEf = 46;
constexpr std::uint8_t kAf11 = 10;
constexpr std::uint8_t kAf12 = 12;
constexpr std::uint8_t kAf13 = 14;

// One rule, at the inside, with a meter where there is one.
struct Wanted {
  core::TrafficRule rule;
  std::optional<core::PolicerSpec> meter;
  std::array<ColorAction, core::kColors> actions{{{}, {}, {.drop = true}}};
  bool color_aware = false;
};

Scenario::MakeNetwork with(std::vector<Wanted> list, bool transparent = false) {
  return [list = std::move(list), transparent](bool resolved) {
    auto network =
        std::make_shared<core::Network>(transparent ? *transparent_network() : *routed_network(resolved));
    auto conditioning = std::make_shared<core::Conditioning>();
    std::vector<core::TrafficRule> rules;
    for (const Wanted& wanted : list) {
      core::TrafficRule rule = wanted.rule;
      conditioning->rules.push_back({"rule", std::make_shared<core::TrafficCounters>()});
      rule.counters = conditioning->rules.back().counters.get();
      if (wanted.meter) {
        rule.policer = static_cast<std::uint32_t>(conditioning->policers.size());
        conditioning->policers.push_back(
            {.name = "meter",
             .meter = std::make_shared<core::Policer>(*wanted.meter, rte_get_tsc_hz()),
             .actions = wanted.actions,
             .color_aware = wanted.color_aware});
      }
      rules.push_back(rule);
    }
    conditioning->at.resize(network->interfaces.size());
    conditioning->at[kTrust] = rules;
    conditioning->settle();
    network->conditioning = conditioning;
    return std::shared_ptr<const core::Network>(network);
  };
}

Scenario conditioned(const std::string& name, std::vector<Wanted> list) {
  return scenario(name).set(let_out_only).on(with(std::move(list)));
}

std::uint64_t bit(std::uint8_t dscp) { return std::uint64_t{1} << dscp; }

// An IP datagram of so many bytes.
PacketBuilder sized(const Ends& ends, unsigned bytes) {
  return PacketBuilder(ends.client).udp(1024, 53).payload(bytes - 8 - (ends.v6 ? 40 : 20));
}

Scenario& leaves(Scenario& on, const PacketBuilder& in, const PacketBuilder& out) {
  return on.in(kInside, in).out(kOutside, forwarded(out, kUntrust));
}

std::vector<Scenario> marks() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const auto udp = [&] { return PacketBuilder(ends.client).udp(1024, 53).payload(9); };
    const std::string name = " " + ends.name;
    const auto add = [&](const std::string& what, core::TrafficRule rule) -> Scenario& {
      rule.mark = kEf;
      return list.emplace_back(conditioned(what + name, {{.rule = rule}}));
    };
    // RFC 3168 section 5: the two bits behind the code point are not ours.
    for (std::uint8_t ecn = 0; ecn < 4; ++ecn) {
      leaves(add("a code point is written" + (" ECN " + std::to_string(ecn)), {}),
             udp().traffic_class(static_cast<std::uint8_t>(kAf11 << 2 | ecn)),
             udp().traffic_class(static_cast<std::uint8_t>(kEf << 2 | ecn)));
    }
    Scenario& by_code = add("by code point", {.dscps = bit(kAf11) | bit(0)});
    leaves(by_code, udp().dscp(kAf11), udp().dscp(kEf)).then();
    leaves(by_code, udp(), udp().dscp(kEf)).then();
    leaves(by_code, udp().dscp(kAf12), udp().dscp(kAf12));

    Scenario& by_protocol = add("by protocol", {.protocol = 17});
    leaves(by_protocol, udp(), udp().dscp(kEf)).then();
    const auto syn = [&] { return PacketBuilder(ends.client).tcp(1024, 80).flags("S"); };
    leaves(by_protocol, syn(), syn());

    Scenario& by_port = add("by ports", {.protocol = 17,
                                         .by_ports = true,
                                         .first_source = 1000,
                                         .last_source = 1024,
                                         .first_port = 53,
                                         .last_port = 60});
    for (const auto& [source, destination, fits] :
         std::vector<std::tuple<unsigned, unsigned, bool>>{{1000, 53, true},
                                                           {1024, 60, true},
                                                           {999, 53, false},
                                                           {1025, 53, false},
                                                           {1000, 52, false},
                                                           {1000, 61, false}}) {
      const PacketBuilder packet =
          PacketBuilder(ends.client)
              .udp(static_cast<std::uint16_t>(source), static_cast<std::uint16_t>(destination))
              .payload(3);
      leaves(by_port, packet, fits ? PacketBuilder(packet).dscp(kEf) : packet).then();
    }
    // Later fragments have no ports: a rule that asks for some is not theirs, one for the protocol is.
    const PacketBuilder whole = PacketBuilder(ends.client).udp(1024, 53).payload(200);
    const auto piece = [&](unsigned offset, unsigned length) { return whole.piece(offset, length, 7); };
    const auto marked = [&](unsigned offset, unsigned length) { return piece(offset, length).dscp(kEf); };
    Scenario& by_port_in_pieces =
        add("fragments by ports", {.protocol = 17, .by_ports = true, .last_port = 60});
    leaves(by_port_in_pieces, piece(0, 104), marked(0, 104)).then();
    leaves(by_port_in_pieces, piece(104, 104), piece(104, 104));
    Scenario& by_protocol_in_pieces = add("fragments by protocol", {.protocol = 17});
    leaves(by_protocol_in_pieces, piece(0, 104), marked(0, 104)).then();
    leaves(by_protocol_in_pieces, piece(104, 104), marked(104, 104)).then();
    // One that waits for its first is marked once, when it goes on.
    Scenario& waits = add("fragments out of order", {.protocol = 17});
    waits.in(kInside, piece(104, 104))
        .in(kInside, piece(0, 104))
        .out(kOutside, forwarded(marked(0, 104), kUntrust))
        .out(kOutside, forwarded(marked(104, 104), kUntrust));

    const auto ping = [&] { return PacketBuilder(ends.client).echo_request(5, 1); };
    const auto icmp = static_cast<std::uint8_t>(ends.v6 ? 58 : 1);
    const auto echo = static_cast<std::uint16_t>(ends.v6 ? 128 : 8);
    leaves(add("by ICMP type", {.protocol = icmp, .icmp_type = echo}), ping(), ping().dscp(kEf));
    leaves(add("by ICMP code", {.protocol = icmp, .icmp_type = echo, .icmp_code = 0}), ping(),
           ping().dscp(kEf));
    leaves(add("by another ICMP code", {.protocol = icmp, .icmp_type = echo, .icmp_code = 1}), ping(),
           ping());
    leaves(add("by another ICMP type", {.protocol = icmp, .icmp_type = 3}), ping(), ping());

    const auto prefix = [](std::string_view text) {
      return core::AddressMatch(net::Prefix::parse(text).value());
    };
    const std::string_view here = ends.v6 ? "2001:db8:1::/64" : "10.0.0.0/24";
    const std::string_view there = ends.v6 ? "2001:db8:2::/64" : "192.168.1.0/24";
    leaves(add("by addresses", {.from = prefix(here), .to = prefix(there)}), udp(), udp().dscp(kEf));
    leaves(add("by the source, which is another", {.from = prefix(there)}), udp(), udp());
    leaves(add("by the destination, which is another", {.to = prefix(here)}), udp(), udp());
    leaves(add("by addresses of the other family", {.from = prefix(ends.v6 ? "0.0.0.0/0" : "::/0")}), udp(),
           udp());

    leaves(list.emplace_back(
               conditioned("the first rule that fits" + name, {{.rule = {.protocol = 6, .mark = kAf12}},
                                                               {.rule = {.protocol = 17, .mark = kEf}},
                                                               {.rule = {.mark = kAf13}}})),
           udp(), udp().dscp(kEf));
  }
  return list;
}
MILLRACE_SCENARIOS(Marks, marks());

std::vector<Scenario> meters() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const std::string name = " " + ends.name;
    // 10 kB/s with 3,000 bytes at once: six of 500 bytes, then one each 50 ms.
    const core::PolicerSpec slow{.committed_rate = 10'000, .committed_burst = 3'000};
    Scenario& bucket = list.emplace_back(
        conditioned("what does not conform is dropped" + name, {{.rule = {}, .meter = slow}}));
    for (unsigned i = 0; i < 9; ++i) bucket.in(kInside, sized(ends, 500));
    for (unsigned i = 0; i < 6; ++i) bucket.out(kOutside, forwarded(sized(ends, 500), kUntrust));
    bucket.dropped(core::Drop::kPoliced, 3).after(51);
    for (unsigned i = 0; i < 2; ++i) bucket.in(kInside, sized(ends, 500));
    bucket.out(kOutside, forwarded(sized(ends, 500), kUntrust)).dropped(core::Drop::kPoliced);
    // Smaller ones still fit: 10 bytes are left, and 4 ms bring 40.
    bucket.after(4).in(kInside, sized(ends, 100)).dropped(core::Drop::kPoliced).after(6);
    leaves(bucket, sized(ends, 100), sized(ends, 100));

    // RFC 2697: what exceeds is marked, what violates dropped.
    const core::PolicerSpec excess{.committed_rate = 10'000, .committed_burst = 1'000, .excess_burst = 1'000};
    Scenario& three = list.emplace_back(conditioned(
        "three colors of one rate" + name,
        {{.rule = {.mark = kAf11}, .meter = excess, .actions = {{{}, {.mark = kAf12}, {.drop = true}}}}}));
    for (unsigned i = 0; i < 5; ++i) three.in(kInside, sized(ends, 500));
    for (const std::uint8_t dscp : {kAf11, kAf11, kAf12, kAf12})
      three.out(kOutside, forwarded(sized(ends, 500).dscp(dscp), kUntrust));
    three.dropped(core::Drop::kPoliced).after(150);
    // 1,500 bytes came: 1,000 for what conforms, the rest for what exceeds.
    for (unsigned i = 0; i < 4; ++i) three.in(kInside, sized(ends, 500));
    for (const std::uint8_t dscp : {kAf11, kAf11, kAf12})
      three.out(kOutside, forwarded(sized(ends, 500).dscp(dscp), kUntrust));
    three.dropped(core::Drop::kPoliced);

    // RFC 2698.
    const core::PolicerSpec two{
        .committed_rate = 10'000, .committed_burst = 500, .peak_rate = 20'000, .excess_burst = 1'500};
    Scenario& rates = list.emplace_back(
        conditioned("three colors of two rates" + name,
                    {{.rule = {}, .meter = two, .actions = {{{}, {.mark = kAf12}, {.mark = kAf13}}}}}));
    for (unsigned i = 0; i < 4; ++i) rates.in(kInside, sized(ends, 500));
    for (const std::uint8_t dscp : {std::uint8_t{0}, kAf12, kAf12, kAf13})
      rates.out(kOutside, forwarded(sized(ends, 500).dscp(dscp), kUntrust));

    // RFC 2697 section 3, color-aware: a packet is never better than it came.
    Scenario& aware =
        list.emplace_back(conditioned("colors that packets come with" + name,
                                      {{.rule = {},
                                        .meter = excess,
                                        .actions = {{{.mark = kAf11}, {.mark = kAf12}, {.drop = true}}},
                                        .color_aware = true}}));
    aware.in(kInside, sized(ends, 400).dscp(kAf13)).dropped(core::Drop::kPoliced).then();
    leaves(aware, sized(ends, 400).dscp(kAf12), sized(ends, 400).dscp(kAf12)).then();
    leaves(aware, sized(ends, 400).dscp(kAf11), sized(ends, 400).dscp(kAf11)).then();
    leaves(aware, sized(ends, 400).dscp(kEf), sized(ends, 400).dscp(kAf11)).then();
    leaves(aware, sized(ends, 400), sized(ends, 400).dscp(kAf12)).then();
    aware.in(kInside, sized(ends, 400)).dropped(core::Drop::kPoliced);

    // Two meters, and packets for them in turn.
    const core::PolicerSpec one_packet{.committed_rate = 10'000, .committed_burst = 1'500};
    Scenario& turns = list.emplace_back(
        conditioned("two meters in turn" + name, {{.rule = {.dscps = bit(kEf)}, .meter = one_packet},
                                                  {.rule = {.dscps = bit(0)}, .meter = one_packet}}));
    for (unsigned i = 0; i < 4; ++i) {
      turns.in(kInside, sized(ends, 500).dscp(kEf)).in(kInside, sized(ends, 500));
      if (i == 3) continue;
      turns.out(kOutside, forwarded(sized(ends, 500).dscp(kEf), kUntrust));
      turns.out(kOutside, forwarded(sized(ends, 500), kUntrust));
    }
    turns.dropped(core::Drop::kPoliced, 2);
  }
  return list;
}
MILLRACE_SCENARIOS(Meters, meters());

std::vector<Scenario> elsewhere() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const core::PolicerSpec slow{.committed_rate = 10'000, .committed_burst = 1'500};
    const Wanted wanted{.rule = {}, .meter = slow, .actions = {{{.mark = kEf}, {}, {.drop = true}}}};
    Scenario& wire = list.emplace_back(scenario("a transparent pair " + ends.name)
                                           .transparent()
                                           .set(let_out_only_of_pair)
                                           .on(with({wanted}, true)));
    for (unsigned i = 0; i < 4; ++i) wire.in(kInside, sized(ends, 500));
    for (unsigned i = 0; i < 3; ++i) wire.out(kOutside, sized(ends, 500).dscp(kEf));
    wire.dropped(core::Drop::kPoliced);

    // The other direction has no rule.
    Scenario& back = list.emplace_back(conditioned("only where the rule is " + ends.name, {wanted}));
    leaves(back, sized(ends, 100), sized(ends, 100).dscp(kEf)).then();
    back.passes(kOutside, PacketBuilder(ends.server).udp(53, 1024).payload(400));
  }
  return list;
}
MILLRACE_SCENARIOS(Elsewhere, elsewhere());

}  // namespace
}  // namespace millrace::testing
