// SPDX-License-Identifier: BSD-3-Clause
// What the appliance says about packets it can not forward, and when it keeps silent: RFC 1812 sections 4.3.2
// and 5.2.7, RFC 4443 sections 2.4 and 3.
#include "tests/support/networks.h"
#include "tests/support/scenario.h"

namespace millrace::testing {
namespace {

// An error from the inside interface to the client. RFC 1812 section 4.3.2.3 and .5: at most 576 bytes,
// precedence 6; RFC 4443 section 2.4(c): at most 1280. RFC 6864 sections 4.1 and 4.3: an identification that
// is not unique wants a datagram that is not to be fragmented.
PacketBuilder error4(std::uint8_t type, std::uint8_t code, const PacketBuilder& about,
                     std::uint32_t word = 0) {
  return sent_by(packet()
                     .ipv4("10.0.0.1", kClient)
                     .id(0)
                     .df()
                     .traffic_class(0xc0)
                     .icmp(type, code, word)
                     .embed(about, 548),
                 kTrust);
}
PacketBuilder error6(std::uint8_t type, std::uint8_t code, const PacketBuilder& about,
                     std::uint32_t word = 0) {
  return sent_by(packet().ipv6("2001:db8:1::1", kClient6).icmp(type, code, word).embed(about, 1232), kTrust);
}
PacketBuilder to4(std::string_view destination) {
  return received_on(packet().ipv4(kClient, destination), kTrust);
}
PacketBuilder to6(std::string_view destination) {
  return received_on(packet().ipv6(kClient6, destination), kTrust);
}

constexpr std::string_view kNowhere = "8.8.8.8";
constexpr std::string_view kNowhere6 = "2001:4860::8888";

std::vector<Scenario> spoken() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name, const PacketBuilder& in, core::Drop reason,
                       const PacketBuilder& error) {
    list.push_back(scenario(name).in(kInside, in).dropped(reason).out(kInside, error));
  };
  const auto plain4 = to4(kNowhere).udp(5000, 53).payload(40);
  const auto plain6 = to6(kNowhere6).udp(5000, 53).payload(40);
  add("no route v4", plain4, core::Drop::kNoRoute, error4(3, 0, plain4));
  add("no route v6", plain6, core::Drop::kNoRoute, error6(1, 0, plain6));
  const auto tcp4 = to4(kNowhere).tcp(5000, 80).flags("S").option_mss(1460);
  add("no route for a syn v4", tcp4, core::Drop::kNoRoute, error4(3, 0, tcp4));
  const auto echo6 = to6(kNowhere6).echo_request(7, 7).payload(20);
  add("no route for a ping v6", echo6, core::Drop::kNoRoute, error6(1, 0, echo6));
  const auto large4 = to4(kNowhere).udp(5000, 53).payload(1400);
  add("a large packet is quoted in part v4", large4, core::Drop::kNoRoute, error4(3, 0, large4));
  const auto large6 = to6(kNowhere6).udp(5000, 53).payload(1400);
  add("a large packet is quoted in part v6", large6, core::Drop::kNoRoute, error6(1, 0, large6));
  const auto options = to4(kNowhere).ip_option({0x94, 4, 0, 0}).udp(1, 2);
  add("options are quoted", options, core::Drop::kNoRoute, error4(3, 0, options));
  const auto chain = to6(kNowhere6).hop_by_hop().destination_options().udp(1, 2);
  add("extension headers are quoted", chain, core::Drop::kNoRoute, error6(1, 0, chain));
  const auto padded = to4(kNowhere).udp(1, 2).pad_to(60);
  add("padding is not quoted", padded, core::Drop::kNoRoute, error4(3, 0, padded));
  const auto first = to4(kNowhere).udp(1, 2).payload(72).piece(0, 40, 9);
  add("a first fragment may be answered v4", first, core::Drop::kNoRoute, error4(3, 0, first));

  const auto ttl4 = to4(kServer).ttl(1).udp(5000, 33434).payload(32);
  const auto ttl6 = to6(kServer6).ttl(1).udp(5000, 33434).payload(32);
  add("ttl 1 v4", ttl4, core::Drop::kTtlExceeded, error4(11, 0, ttl4));
  add("hop limit 1 v6", ttl6, core::Drop::kTtlExceeded, error6(3, 0, ttl6));
  const auto zero4 = PacketBuilder(ttl4).ttl(0);
  const auto zero6 = PacketBuilder(ttl6).ttl(0);
  add("ttl 0 v4", zero4, core::Drop::kTtlExceeded, error4(11, 0, zero4));
  add("hop limit 0 v6", zero6, core::Drop::kTtlExceeded, error6(3, 0, zero6));
  const auto trace4 = to4(kServer).ttl(1).tcp(5000, 80).flags("S");
  add("tcp traceroute v4", trace4, core::Drop::kTtlExceeded, error4(11, 0, trace4));

  const auto prohibited4 = to4("198.51.100.7").udp(1, 2);
  const auto prohibited6 = to6("2001:db8:f0::7").udp(1, 2);
  add("a prohibited route v4", prohibited4, core::Drop::kProhibited, error4(3, 13, prohibited4));
  add("a prohibited route v6", prohibited6, core::Drop::kProhibited, error6(1, 1, prohibited6));

  // As Linux answers for routes of the type unreachable.
  const auto unreachable4 = to4("192.0.2.7").udp(1, 2);
  const auto unreachable6 = to6("2001:db8:f1::7").udp(1, 2);
  add("an unreachable route v4", unreachable4, core::Drop::kProhibited, error4(3, 1, unreachable4));
  add("an unreachable route v6", unreachable6, core::Drop::kProhibited, error6(1, 0, unreachable6));

  // The error leaves by the VLAN its cause came by, and speaks with that interface's address.
  const auto tagged = received_on(packet().ipv4("10.7.0.5", kNowhere).udp(1, 2), kTenant);
  add("an error into a vlan", tagged, core::Drop::kNoRoute,
      sent_by(packet().ipv4("10.7.0.1", "10.7.0.5").id(0).df().traffic_class(0xc0).icmp(3, 0).embed(tagged),
              kTenant));
  return list;
}

// The next hop was asked for and did not answer: RFC 1812 section 5.2.7.1, RFC 4861 section 7.2.2.
std::vector<Scenario> unanswered() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name, const PacketBuilder& one) -> Scenario& {
    return list.emplace_back(name)
        .in(kInside, one)
        .to_resolve(one, kUntrust)
        .neighbor_fails()
        .dropped(core::Drop::kNeighborUnresolved);
  };
  const auto udp4 = to4("203.0.113.1").udp(1, 2).payload(900);
  const auto udp6 = to6("2001:db8:cafe::1").udp(1, 2).payload(900);
  add("a host v4", udp4).out(kInside, error4(3, 1, udp4));
  add("a host v6", udp6).out(kInside, error6(1, 3, udp6));
  return list;
}

// Dropped, and not a word.
std::vector<Scenario> silent() {
  std::vector<Scenario> list;
  const auto add = [&](const std::string& name, const PacketBuilder& in,
                       core::Drop reason = core::Drop::kNoRoute) {
    list.push_back(scenario(name).refused(kInside, in, reason));
  };
  const auto inner4 = packet().ipv4(kNowhere, kClient).udp(53, 5000);
  const auto inner6 = packet().ipv6(kNowhere6, kClient6).udp(53, 5000);
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{3, 4, 5, 11, 12})
    add("about icmp type " + std::to_string(type), to4(kNowhere).icmp(type, 0).embed(inner4));
  for (const std::uint8_t type : std::initializer_list<std::uint8_t>{1, 2, 3, 4, 127, 137})
    add("about icmpv6 type " + std::to_string(type), to6(kNowhere6).icmp(type, 0).embed(inner6));
  const auto whole4 = to4(kNowhere).udp(1, 2).payload(72);
  const auto whole6 = to6(kNowhere6).udp(1, 2).payload(72);
  add("about a later fragment v4", whole4.piece(40, 40, 9));
  add("about a later fragment v6", whole6.piece(40, 40, 9));
  add("about a link-layer broadcast v4",
      PacketBuilder(whole4).ethernet("02:00:00:00:02:00", "ff:ff:ff:ff:ff:ff"), core::Drop::kLinkBroadcast);
  add("about a link-layer multicast v6",
      PacketBuilder(whole6).ethernet("02:00:00:00:02:00", "33:33:00:00:00:01"), core::Drop::kLinkBroadcast);
  add("about a black hole v4", to4("198.19.0.1").ttl(1).udp(1, 2), core::Drop::kBlackhole);
  return list;
}

std::vector<Scenario> limited() {
  constexpr std::uint32_t kBurst = core::Originator::kErrorsPerSecond / 10;
  std::vector<Scenario> list;
  const auto one = to4(kNowhere).udp(1, 2);
  auto& flood = list.emplace_back("errors are limited");
  flood.one_worker();
  for (std::uint32_t i = 0; i < kBurst + 50; ++i) flood.in(kInside, one).dropped(core::Drop::kNoRoute);
  for (std::uint32_t i = 0; i < kBurst; ++i) flood.out(kInside, error4(3, 0, one));
  flood.check(
      [](const Observed& seen) { EXPECT_EQ(seen.total(&core::WorkerCounters::originated_suppressed), 50U); });
  // A thousand a second is one a millisecond.
  flood.after(7);
  for (int i = 0; i < 20; ++i) flood.in(kInside, one).dropped(core::Drop::kNoRoute);
  for (int i = 0; i < 7; ++i) flood.out(kInside, error4(3, 0, one));
  return list;
}

MILLRACE_SCENARIOS(IcmpErrors, spoken());
MILLRACE_SCENARIOS(IcmpUnanswered, unanswered());
MILLRACE_SCENARIOS(IcmpSilence, silent());
MILLRACE_SCENARIOS(IcmpLimit, limited());

}  // namespace
}  // namespace millrace::testing
