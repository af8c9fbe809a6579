// SPDX-License-Identifier: BSD-3-Clause
// What explain says of a packet is what happens to it.
#include <boost/json.hpp>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Explain : public NatTest {};
MILLRACE_NAT_VARIANTS(Explain);

constexpr std::string_view kAskedServer = "93.184.216.34";

struct Asked {
  std::uint16_t interface = kLan;
  std::string_view source = "10.0.0.10";
  std::string_view destination = kAskedServer;
  std::uint16_t source_port = 4000;
  std::uint16_t destination_port = 53;
  std::string_view protocol = "udp";
  std::string_view flags = "syn";

  [[nodiscard]] unsigned port() const {
    return interface == kLan || interface == kTenant ? kInside : kOutside;
  }
  [[nodiscard]] boost::json::object description() const {
    constexpr std::array kNames{"lan", "wan", "tenant", "narrow"};
    boost::json::object packet{{"source", source},
                               {"destination", destination},
                               {"protocol", protocol},
                               {"interface", kNames[interface]}};
    if (protocol == "tcp" || protocol == "udp") {
      packet["source_port"] = source_port;
      packet["destination_port"] = destination_port;
    }
    if (protocol == "tcp") packet["tcp_flags"] = flags;
    return packet;
  }
  [[nodiscard]] PacketBuilder packet() const {
    PacketBuilder packet = NatBed::from(interface, source, destination);
    if (protocol == "tcp") return packet.tcp(source_port, destination_port).flags(flags == "syn" ? "S" : "A");
    if (protocol == "udp") return packet.udp(source_port, destination_port).payload(8);
    if (protocol == "gre") return packet.gre(0x0800).payload(20);
    return packet.echo_request(77, 1);
  }
};

std::string text(const boost::json::object& explained, std::string_view member, std::string_view within) {
  const auto* found = explained.if_contains(member);
  if (found == nullptr || !found->is_object()) return {};
  const auto* inner = found->as_object().if_contains(within);
  return inner == nullptr ? std::string() : std::string(inner->as_string());
}

// Explains the packet, sends it, and compares the two.
std::optional<Seen> check(NatBed& bed, const Asked& asked) {
  SCOPED_TRACE(std::string(asked.source) + " > " + std::string(asked.destination) + " " +
               std::string(asked.protocol) + " " + std::to_string(asked.destination_port));
  const std::uint64_t sessions = bed.sessions();
  const auto explained = bed.explain(asked.description());
  EXPECT_EQ(bed.sessions(), sessions) << "explain changes nothing";
  const std::string action = text(explained, "verdict", "action");
  const std::string reason = text(explained, "verdict", "reason");
  std::map<std::string, std::uint64_t> before;
  const auto count = [&](std::string_view name) {
    for (const auto& one : nat::drop_reasons()) {
      if (one.name == name) return bed.bed().dropped(one.id);
    }
    for (const auto& one : core::core_drop_reasons()) {
      if (one.name == name) return bed.bed().dropped(one.id);
    }
    ADD_FAILURE() << "no reason " << name;
    return std::uint64_t{0};
  };
  const std::uint64_t dropped = bed.bed().dropped_in_all();
  const std::uint64_t of_reason = reason.empty() ? 0 : count(reason);
  const auto seen = bed.pass(asked.port(), {asked.packet()});
  if (action == "drop") {
    EXPECT_EQ(count(reason), of_reason + 1) << reason;
    return std::nullopt;
  }
  EXPECT_EQ(bed.bed().dropped_in_all(), dropped) << action;
  if (action == "to_host" || action == "answer") return std::nullopt;
  EXPECT_EQ(seen.size(), 1U) << action;
  if (seen.size() != 1) return std::nullopt;
  if (action == "pass") {
    EXPECT_EQ(seen[0].source, asked.source);
    EXPECT_EQ(seen[0].destination, asked.destination);
    return seen[0];
  }
  EXPECT_EQ(action, "translate");
  const std::string from = text(explained, "becomes", "source");
  const std::string to = text(explained, "becomes", "destination");
  if (!from.empty()) {
    // Without a port where one is to be drawn, or where it stays.
    const auto shown = [](const std::string& text, const std::string& address, std::uint16_t port) {
      if (text.find('.') == std::string::npos) return address;
      return text.find(':') == std::string::npos ? address : address + ":" + std::to_string(port);
    };
    EXPECT_EQ(from, shown(from, seen[0].source, seen[0].source_port));
    EXPECT_EQ(to, shown(to, seen[0].destination, seen[0].destination_port));
  }
  return seen[0];
}

NatSpec everything() {
  NatSpec spec;
  spec.nat64 = "64:ff9b::/96";
  spec.statics = {static_mapping("10.0.0.80", "203.0.113.8")};
  nat::Rule bypass;
  bypass.destinations = {*net::Prefix::parse("192.0.2.0/24")};
  nat::Rule pool{.pool = 0};
  pool.sources = {*net::Prefix::parse("10.0.0.0/24"), *net::Prefix::parse("2001:db8:1::/64")};
  spec.rules = {bypass, pool};
  return spec;
}

TEST_P(Explain, OutwardAndItsAnswer) {
  NatBed bed(variant(), everything());
  for (const std::string_view protocol : {"udp", "tcp"}) {
    const auto sent = check(bed, {.protocol = protocol});
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->source, "203.0.113.1");
    // Again, as a session's; then its answer, then what its filter stops.
    check(bed, {.protocol = protocol, .flags = "ack"});
    const Asked answer{.interface = kWan,
                       .source = kAskedServer,
                       .destination = "203.0.113.1",
                       .source_port = 53,
                       .destination_port = sent->source_port,
                       .protocol = protocol,
                       .flags = "ack"};
    ASSERT_TRUE(check(bed, answer));
    Asked stranger = answer;
    stranger.source = "8.8.4.4";
    check(bed, stranger);
    // Another server: the same outside end (RFC 4787 REQ-1).
    ASSERT_TRUE(check(bed, {.destination = "8.8.8.8", .protocol = protocol}));
  }
  ASSERT_TRUE(check(bed, {.protocol = "icmp"}));
}

TEST_P(Explain, WhatTheProfileSays) {
  NatBed bed(variant(), everything());
  check(bed, {.source = "10.0.0.80"});                     // static
  check(bed, {.source = "10.0.0.80", .protocol = "gre"});  // of all protocols
  check(bed, {.protocol = "gre"});                         // no address is shared by it
  check(bed, {.source = "10.0.7.7"});                      // no rule
  check(bed, {.destination = "192.0.2.9"});                // bypassed
  check(bed, {.destination = "10.0.3.3"});                 // stays inside
  check(bed, {.destination = "198.18.0.1"});               // no way
  check(bed, {.protocol = "tcp", .flags = "ack"});         // no first segment
  check(bed, {.source = "2001:db8:1::10", .destination = "64:ff9b::808:808"});
  check(bed, {.source = "2001:db8:1::10", .destination = "64:ff9b::808:808"});  // its session
  check(bed, {.source = "2001:db8:1::10", .destination = "64:ff9b::a00:1"});    // RFC 6052 section 3.1
  const auto outside = [](std::string_view destination, std::uint16_t port,
                          std::string_view protocol = "udp") {
    return Asked{.interface = kWan,
                 .source = kAskedServer,
                 .destination = destination,
                 .source_port = 53,
                 .destination_port = port,
                 .protocol = protocol};
  };
  check(bed, outside("203.0.113.8", 80));
  check(bed, outside("203.0.113.8", 80, "gre"));
  check(bed, outside("203.0.113.1", 80));
  check(bed, outside("10.0.0.10", 80));
  Asked lie = outside("203.0.113.8", 80);
  lie.source = "10.0.0.10";
  check(bed, lie);
}

// RFC 6296.
TEST_P(Explain, PrefixesThatAreTranslated) {
  NatSpec spec = everything();
  spec.prefixes = {{"fd01:203:405::/48", "2001:db8:2::/48"}};
  NatBed bed(variant(), spec);
  const auto outside = [](std::string_view destination) {
    return Asked{.interface = kWan, .source = "2001:db8:5::80", .destination = destination};
  };
  ASSERT_TRUE(check(bed, {.source = "fd01:203:405:1::10", .destination = "2001:db8:5::80"}));
  check(bed, {.source = "fd01:203:405:ffff::10", .destination = "2001:db8:5::80"});    // no counterpart
  check(bed, {.source = "fd01:203:405:1::10", .destination = "2001:db8:2:d550::20"});  // hairpin
  check(bed, {.source = "2001:db8:1::10", .destination = "2001:db8:5::80"});           // of no prefix
  ASSERT_TRUE(check(bed, outside("2001:db8:2:d54f::10")));
  check(bed, outside("fd01:203:405:1::10"));
}

TEST_P(Explain, RulesAreToldOfUntilOneMatches) {
  NatBed bed(variant(), everything());
  const auto explained = bed.explain(Asked{}.description());
  const auto& rules = explained.at("rules").as_array();
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0].at("why_not"), "destination 93.184.216.34 is not in it");
  EXPECT_EQ(rules[1].at("matched"), true);
  EXPECT_EQ(explained.at("summary"),
            "translated to 203.0.113.1 with a port of pool public drawn at random, because rule 2 is the "
            "first that "
            "matches; it opens a session");
}

TEST_P(Explain, LimitsAndDraining) {
  NatSpec spec = everything();
  spec.pools[0].sessions_per_subscriber = 2;
  NatBed bed(variant(), spec);
  check(bed, {.source_port = 1});
  check(bed, {.source_port = 2});
  check(bed, {.source_port = 3});
  bed.change([](NatSpec& changed) { changed.draining = true; });
  check(bed, {.source_port = 2});
  check(bed, {.source = "10.0.0.11"});
}

}  // namespace
}  // namespace millrace::testing
