// SPDX-License-Identifier: BSD-3-Clause
// What rules say of the first packet of a session. How rules match in general is for the unit tests of the
// matcher; here each condition is met once by a packet that fits and once by one that does not.
#include "tests/support/scenario.h"

namespace millrace::testing {
namespace {

using firewall::Action;

constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;

// Two zones; what no rule accepts is dropped.
void deny_by_default(PolicySpec& policy) {
  policy.zone_of = {0, 1, 0, 1, 1};
  policy.otherwise = Action::kDrop;
}

std::vector<Scenario> conditions() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const std::string net = ends.v6 ? "2001:db8:1::/64" : "10.0.0.0/24";
    const std::string own = ends.v6 ? "2001:db8:1::10" : "10.0.0.10";
    const std::string far = ends.v6 ? "2001:db8:2::/64" : "192.168.1.0/24";
    const std::string elsewhere = ends.v6 ? "2001:db8:3::/64" : "10.3.0.0/16";
    const auto udp = PacketBuilder(ends.client).udp(5000, 53);
    const auto tcp = PacketBuilder(ends.client).tcp(5000, 443).flags("S");
    const auto ping = PacketBuilder(ends.client).echo_request(1, 1);
    const std::string icmp = ends.v6 ? "icmpv6/" : "icmp/";
    const std::string echo = ends.v6 ? "128" : "8";
    const auto tenant =
        received_on(ends.v6 ? packet().ipv6("2001:db8:7::5", kServer6) : packet().ipv4("10.7.0.5", kServer),
                    kTenant)
            .udp(1, 2);

    const auto accepted = [&](const std::string& name, const firewall::Rule& rule, const PacketBuilder& one) {
      list.push_back(scenario(name + " " + ends.name)
                         .set(deny_by_default)
                         .rules({rule})
                         .passes(kInside, one)
                         .check([rule](const Observed& seen) {
                           EXPECT_EQ(seen.rule_hits(rule.name), 1U);
                           EXPECT_EQ(seen.rule_hits(""), 0U);
                           EXPECT_EQ(seen.sessions(), 1U);
                         }));
    };
    const auto not_met = [&](const std::string& name, const firewall::Rule& rule, const PacketBuilder& one) {
      list.push_back(scenario(name + " " + ends.name)
                         .set(deny_by_default)
                         .rules({rule})
                         .refused(kInside, one, firewall::Drop::kDeniedByDefault)
                         .check([rule](const Observed& seen) {
                           EXPECT_EQ(seen.rule_hits(rule.name), 0U);
                           EXPECT_EQ(seen.rule_hits(""), 1U);
                           EXPECT_EQ(seen.sessions(), 0U);
                         }));
    };

    accepted("any", accept("r"), udp);
    accepted("from and to", accept("r").from(0).to(1), udp);
    not_met("from another zone", accept("r").from(1), udp);
    not_met("to another zone", accept("r").to(0), udp);
    accepted("one of two zones", accept("r").from(1).from(0), udp);
    accepted("interface", accept("r").interface(kTrust), udp);
    not_met("another interface", accept("r").interface(kTenant), udp);
    accepted("source prefix", accept("r").source(net), udp);
    accepted("source host", accept("r").source(own), udp);
    not_met("another source", accept("r").source(elsewhere), udp);
    accepted("not that source", accept("r").not_source(elsewhere), udp);
    not_met("not this source", accept("r").not_source(net), udp);
    accepted("destination prefix", accept("r").destination(far), udp);
    not_met("another destination", accept("r").destination(elsewhere), udp);
    accepted("one of two destinations", accept("r").destination(elsewhere).destination(far), udp);
    not_met("the other family", accept("r").source(ends.v6 ? "0.0.0.0/0" : "::/0"), udp);
    accepted("udp port", accept("r").service("udp/53"), udp);
    not_met("another udp port", accept("r").service("udp/54"), udp);
    not_met("tcp is not udp", accept("r").service("tcp/53"), udp);
    accepted("first port of a range", accept("r").service("udp/53-60"), udp);
    accepted("last port of a range", accept("r").service("udp/40-53"), udp);
    not_met("one below a range", accept("r").service("udp/54-60"), udp);
    not_met("one above a range", accept("r").service("udp/40-52"), udp);
    accepted("one of two services", accept("r").service("tcp/443").service("udp/53"), udp);
    accepted("any port of a protocol", accept("r").service("tcp"), tcp);
    accepted("source port", accept("r").service("udp/53").source_ports(5000, 5000), udp);
    not_met("another source port", accept("r").service("udp/53").source_ports(5001, 65535), udp);
    accepted("echo request", accept("r").service(icmp + echo), ping);
    accepted("echo request by code", accept("r").service(icmp + echo + "/0"), ping);
    not_met("another icmp code", accept("r").service(icmp + echo + "/1"), ping);
    not_met("another icmp type", accept("r").service(icmp + "13"), ping);
    accepted("dscp", accept("r").dscp(46), PacketBuilder(udp).dscp(46));
    not_met("another dscp", accept("r").dscp(46), PacketBuilder(udp).dscp(45));
    accepted("ecn bits are not dscp", accept("r").dscp(46), PacketBuilder(udp).traffic_class(46 << 2 | 3));
    accepted("tcp flags", accept("r").tcp_flags(kSyn, kSyn | kAck), tcp);
    not_met("other tcp flags", accept("r").tcp_flags(kAck, kSyn | kAck), tcp);
    accepted("gre", accept("r").service("gre"), PacketBuilder(ends.client).gre(0x0800));
    accepted("esp", accept("r").service("esp"), PacketBuilder(ends.client).esp(1, 1));
    accepted("sctp port", accept("r").service("sctp/5060"), PacketBuilder(ends.client).sctp(1, 5060));
    not_met("another sctp port", accept("r").service("sctp/5061"), PacketBuilder(ends.client).sctp(1, 5060));

    const firewall::AddressSet mixed{
        "mixed",
        {*net::Prefix::parse(elsewhere), *net::Prefix::parse(net), *net::Prefix::parse("203.0.113.9/32"),
         *net::Prefix::parse("2001:db8:9999::/48")}};
    const auto with_set = [&](PolicySpec& policy) {
      deny_by_default(policy);
      policy.sets = {mixed};
    };
    list.push_back(scenario("in a group " + ends.name)
                       .set(with_set)
                       .rules({accept("r").source_set(0)})
                       .passes(kInside, udp));
    list.push_back(scenario("not in a group " + ends.name)
                       .set(with_set)
                       .rules({accept("r").source_set(0, true)})
                       .refused(kInside, udp, firewall::Drop::kDeniedByDefault));
    list.push_back(scenario("outside a group " + ends.name)
                       .set(with_set)
                       .rules({accept("r").source_set(0)})
                       .refused(kInside, tenant, firewall::Drop::kDeniedByDefault));
    list.push_back(scenario("outside a negated group " + ends.name)
                       .set(with_set)
                       .rules({accept("r").source_set(0, true)})
                       .in(kInside, tenant)
                       .out(kOutside, forwarded(tenant, kUntrust)));
  }
  return list;
}

std::vector<Scenario> order() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const auto udp = PacketBuilder(ends.client).udp(5000, 53);
    const auto other = PacketBuilder(ends.client).udp(5000, 54);
    const auto add = [&](const std::string& name, std::vector<firewall::Rule> rules) -> Scenario& {
      return list.emplace_back(name + " " + ends.name).set(deny_by_default).rules(std::move(rules));
    };
    add("the first match wins, drop first", {drop("no").service("udp/53"), accept("yes")})
        .refused(kInside, udp, firewall::Drop::kDeniedByRule)
        .passes(kInside, other)
        .check([](const Observed& seen) {
          EXPECT_EQ(seen.rule_hits("no"), 1U);
          EXPECT_EQ(seen.rule_hits("yes"), 1U);
        });
    add("the first match wins, accept first", {accept("yes").service("udp/53"), drop("no")})
        .passes(kInside, udp)
        .refused(kInside, other, firewall::Drop::kDeniedByRule);
    add("no rules, default drop", {}).refused(kInside, udp, firewall::Drop::kDeniedByDefault);
    add("no rules, default accept", {})
        .otherwise(Action::kAccept)
        .passes(kInside, udp)
        .check([](const Observed& seen) { EXPECT_EQ(seen.rule_hits(""), 1U); });
    add("a known session does not ask again", {accept("yes").service("udp/53")})
        .passes(kInside, udp)
        .passes(kInside, udp)
        .passes(kInside, udp)
        .check([](const Observed& seen) {
          EXPECT_EQ(seen.rule_hits("yes"), 1U);
          EXPECT_EQ(seen.rule_sessions("yes"), 1U);
        });
    std::vector<firewall::Rule> hundred;
    for (unsigned i = 0; i < 100; ++i)
      hundred.push_back(drop("r" + std::to_string(i)).service("udp/" + std::to_string(1000 + i)));
    hundred.push_back(accept("last").service("udp/53"));
    add("the last of a hundred", std::move(hundred))
        .passes(kInside, udp)
        .refused(kInside, PacketBuilder(ends.client).udp(1, 1050), firewall::Drop::kDeniedByRule)
        .check([](const Observed& seen) { EXPECT_EQ(seen.rule_hits("r50"), 1U); });
    add("draining", {accept("yes")})
        .passes(kInside, udp)
        .change([](PolicySpec& policy) { policy.draining = true; })
        .passes(kInside, udp)
        .refused(kInside, other, firewall::Drop::kDraining);
  }
  return list;
}

// RFC 9293 section 3.10.7.1 says which numbers a reset has; RFC 1812 section 5.2.7.1 and RFC 4443 section 3.1
// which error tells of a filter.
std::vector<Scenario> rejections() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const auto add = [&](const std::string& name, const PacketBuilder& one) -> Scenario& {
      return list.emplace_back(name + " " + ends.name)
          .set(deny_by_default)
          .rules({reject("no")})
          .in(kInside, one)
          .dropped(firewall::Drop::kRejectedByRule);
    };
    const auto reset = [&] {
      // It speaks for the server, to the client. No segment is behind it, so it offers no window.
      const auto base =
          ends.v6 ? packet().ipv6(kServer6, kClient6) : packet().ipv4(kServer, kClient).id(0).df();
      return sent_by(base, kTrust).tcp(443, 5000).window(0);
    };
    const auto error = [&](const PacketBuilder& about) {
      const auto base = ends.v6
                            ? packet().ipv6("2001:db8:1::1", kClient6).icmp(1, 1)
                            : packet().ipv4("10.0.0.1", kClient).id(0).df().traffic_class(0xc0).icmp(3, 13);
      return sent_by(base, kTrust).embed(about, ends.v6 ? 1232 : 548);
    };
    const auto tcp = [&](std::string_view flags) {
      return PacketBuilder(ends.client).tcp(5000, 443).flags(flags).seq(1000);
    };
    const auto picked_up = [](PolicySpec& policy) { policy.tcp.midstream_pickup = true; };

    add("a syn", tcp("S")).out(kInside, reset().flags("RA").ack(1001));
    add("a syn with data", tcp("S").payload(10)).out(kInside, reset().flags("RA").ack(1011));
    add("a syn at the end of numbers", tcp("S").seq(0xffffffff)).out(kInside, reset().flags("RA").ack(0));
    add("a syn with options", tcp("S").option_mss(1460).option_window_scale(7))
        .out(kInside, reset().flags("RA").ack(1001));
    add("a segment in midstream", tcp("PA").ack(7777).payload(5))
        .set(picked_up)
        .out(kInside, reset().flags("R").seq(7777));
    add("a reset is not answered", tcp("R")).set(picked_up);
    const auto udp = PacketBuilder(ends.client).udp(5000, 53).payload(40);
    add("udp", udp).out(kInside, error(udp));
    const auto large = PacketBuilder(ends.client).udp(5000, 53).payload(1400);
    add("large udp", large).out(kInside, error(large));
    const auto ping = PacketBuilder(ends.client).echo_request(1, 1).payload(8);
    add("a ping", ping).out(kInside, error(ping));
    const auto sctp = PacketBuilder(ends.client).sctp(1, 2).payload(8);
    add("sctp", sctp).out(kInside, error(sctp));
    // The way back is prohibited: that is said to a sender, and here it would be ourselves.
    const auto lost =
        ends.v6 ? packet().ipv6("2001:db8:f0::9", kServer6) : packet().ipv4("198.51.100.9", kServer);
    add("a syn that no reset can reach", received_on(lost, kTrust).tcp(5000, 443).flags("S"))
        .dropped(core::Drop::kProhibited);
    list.push_back(scenario("by default " + ends.name)
                       .set(deny_by_default)
                       .otherwise(Action::kReject)
                       .in(kInside, udp)
                       .dropped(firewall::Drop::kRejectedByDefault)
                       .out(kInside, error(udp)));
    const auto from_outside = PacketBuilder(ends.server).tcp(80, 5000).flags("S").seq(1000);
    const auto answer =
        ends.v6 ? packet().ipv6(kClient6, kServer6) : packet().ipv4(kClient, kServer).id(0).df();
    list.push_back(
        scenario("a syn from outside " + ends.name)
            .set(deny_by_default)
            .otherwise(Action::kReject)
            .in(kOutside, from_outside)
            .dropped(firewall::Drop::kRejectedByDefault)
            .out(kOutside, sent_by(answer, kUntrust).tcp(5000, 80).flags("RA").ack(1001).window(0)));
  }
  return list;
}

MILLRACE_SCENARIOS(RuleConditions, conditions());
MILLRACE_SCENARIOS(RuleOrder, order());
MILLRACE_SCENARIOS(Rejections, rejections());

}  // namespace
}  // namespace millrace::testing
