// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/profile_check.h"

#include "tests/unit/nat/profile_fixture.h"

namespace millrace::nat::profile {
namespace {

class BadNatProfile : public ::testing::TestWithParam<Bad> {};

TEST_P(BadNatProfile, GivesOneErrorAtItsPlace) { expect_one_error(GetParam()); }

// The pool stands in line 14, so what a test is about stands in line 15.
#define POOL "  pools: {a: {addresses: 203.0.113.0/28}}\n"
#define RULE POOL "  rules: {"
#define WITH POOL "  rules: {pool: a}\n"  // and what follows in line 16
const Bad kBadSections[] = {
    {"", "12:3", "nothing is translated; give rules, static, deterministic, nat64 or nptv6"},
    {POOL, "12:3", "nothing is translated"},
    {POOL "  rules: []\n", "12:3", "nothing is translated"},
    {"  rule: []\n", "14:3", "did you mean 'rules'?"},
    {"  inside: trust\n", "14:3", "key 'inside' is given twice"},

    {RULE "pool: aa}\n", "15:17", "pool 'aa' is not defined; defined pools are a"},
    {RULE "source: 10.0.0.0/8}\n", "15:10", "neither pool nor bypass; give pool: NAME or bypass: true"},
    {RULE "bypass: false}\n", "15:10", "neither pool nor bypass"},
    {RULE "pool: a, bypass: true}\n", "15:10", "has pool and bypass; give one of them"},
    {RULE "pool: a, interface: untrust}\n", "15:31",
     "'untrust' is not inside; inside interfaces are trust, tenant"},
    {RULE "pool: a, interface: [trust, eth0]}\n", "15:39", "interface 'eth0' is not inside"},
    {RULE "pool: a, interface: []}\n", "15:31", "give at least one entry"},
    {RULE "pool: a, source: \"2001:db8::/32\"}\n", "15:28", "is of the other family; give an IPv4 prefix"},
    {RULE "pool: a, source: 10.0.0.1/8}\n", "15:28", "where 10.0.0.0/8 has none"},
    {RULE "pool: a, destination: any}\n", "15:33", "is not a prefix; give an IPv4 prefix"},
    {RULE "pool: a, mapping: symmetric}\n", "15:29",
     "give endpoint_independent, address_dependent or address_and_port_dependent"},
    {RULE "pool: a, mapping: address_and_port_dependent, filtering: endpoint_independent}\n", "15:68",
     "a mapping has one remote end only; give filtering: address_and_port_dependent, or another mapping"},
    {RULE "pool: a, mapping: address_and_port_dependent, filtering: address_dependent}\n", "15:68",
     "filtering address_dependent has no meaning with mapping address_and_port_dependent"},
    {RULE "pool: a, mapping: address_dependent, filtering: endpoint_independent}\n", "15:59",
     "a mapping has one remote address only; give filtering: address_dependent, or another mapping"},

    {WITH "  nat64: {prefix: \"64:ff9b::/95\", pool: a}\n", "16:19",
     "RFC 6052 section 2.2 has no prefix of 95 bits; give one of 32, 40, 48, 56, 64 or 96"},
    {WITH "  nat64: {prefix: \"2001:db8::/72\", pool: a}\n", "16:19", "no prefix of 72 bits"},
    {WITH "  nat64: {prefix: \"2001:db8:0:0:100::/96\", pool: a}\n", "16:19",
     "bits 64 to 71 of 2001:db8:0:0:100::/96 are not zero, which RFC 6052 section 2.2 demands"},
    {WITH "  nat64: {prefix: 192.0.2.0/24, pool: a}\n", "16:19", "give an IPv6 prefix"},
    {WITH "  nat64: {prefix: \"64:ff9b::/96\", pool: b}\n", "16:41",
     "pool 'b' is not defined; defined pools are a"},
    {WITH "  nat64: {prefix: \"64:ff9b::/96\"}\n", "16:10", "nat64 lacks 'pool'"},

    {WITH "  nptv6: {inside: \"fd00::/48\", outside: \"2001:db8:2::/56\"}\n", "16:41",
     "inside is a /48 and outside a /56; give prefixes of the same length"},
    {WITH "  nptv6: {inside: \"fd00::/96\", outside: \"2001:db8:2::/96\"}\n", "16:19",
     "has more than 64 bits, which RFC 6296 does not translate"},
    {WITH "  nptv6: {inside: 10.0.0.0/8, outside: \"2001:db8:2::/96\"}\n", "16:19", "give an IPv6 prefix"},
    {WITH "  nptv6:\n    - {inside: \"fd00::/48\", outside: \"2001:db8:2::/48\"}\n"
          "    - {inside: \"fd00::/56\", outside: \"2001:db8:3::/56\"}\n",
     "18:16", "fd00::/56 overlaps fd00::/48 (line 17); a network has one prefix on the other side"},
    {WITH "  nptv6:\n    - {inside: \"fd00::/48\", outside: \"2001:db8:2::/48\"}\n"
          "    - {inside: \"fd01::/48\", outside: \"2001:db8:2::/48\"}\n",
     "18:38", "2001:db8:2::/48 overlaps 2001:db8:2::/48 (line 17)"},
    {WITH "  nptv6: {inside: \"fd00::/48\", outside: \"fd00::/48\"}\n", "16:41",
     "fd00::/48 overlaps fd00::/48 (line 16)"},
    {WITH "  nptv6:\n    - {inside: \"fd00::/48\", outside: \"2001:db8:2::/48\"}\n"
          "    - {inside: \"2001:db8:2:1::/64\", outside: \"2001:db8:3::/64\"}\n",
     "18:16", "2001:db8:2:1::/64 overlaps 2001:db8:2::/48 (line 17)"},
    {WITH "  nptv6: {inside: \"ff05::/48\", outside: \"2001:db8:2::/48\"}\n", "16:19",
     "ff05::/48 has multicast addresses; give a prefix of hosts"},
    {WITH "  nptv6: {inside: \"fe80::/64\", outside: \"2001:db8:2::/64\"}\n", "16:19",
     "fe80::/64 has link-local addresses"},
    {WITH "  nptv6: {inside: \"::/64\", outside: \"2001:db8:2::/64\"}\n", "16:19",
     "::/64 has the unspecified address"},
    {WITH "  nat64: {prefix: \"2001:db8:2:64::/96\", pool: a}\n"
          "  nptv6: {inside: \"fd00::/48\", outside: \"2001:db8:2::/48\"}\n",
     "17:41", "2001:db8:2::/48 overlaps 2001:db8:2:64::/96 of nat64 (line 16)"},
    {WITH "  nptv6: {inside: \"fd00::/32\", outside: \"2001:db8::/32\"}\n", "16:41",
     "2001:db8::/32 overlaps 2001:db8:1::/64 of the inside interface 'trust'; give a prefix that is routed"},
    {WITH "  nptv6: {inside: \"fd00::/48\", outside: \"2001:db8:2::/48\", domain: blue}\n", "16:68",
     "no inside interface is in domain 'blue'; give a domain that has one: default, tenant7"},

    {WITH "  alg: [ftp, sip, ftp]\n", "16:19", "the protocol is in the list twice"},
    {WITH "  alg: h323\n", "16:8", "give ftp, sip or pptp"},
    {WITH "  port_control: {shortest: 2h, longest: 1h}\n", "16:28",
     "shortest is more than longest, which is 1h; give at most that"},
    {WITH "  port_control: true\n", "16:17", "port_control as a mapping"},

    {WITH "  timeouts: {tcp_established: 2h3m59s}\n", "16:31",
     "'2h3m59s' is less than RFC 5382 REQ-5 allows; give a time from 2h4m to 7d"},
    {WITH "  timeouts: {tcp_transitory: 3m59s}\n", "16:30",
     "is less than RFC 5382 REQ-5 allows; give a time from 4m"},
    {WITH "  timeouts: {tcp_syn: 5s}\n", "16:23", "is less than RFC 5382 REQ-4 allows; give a time from 6s"},
    {WITH "  timeouts: {udp: 119s}\n", "16:19", "is less than RFC 4787 REQ-5 allows; give a time from 2m"},
    {WITH "  timeouts: {icmp: 59s}\n", "16:20", "is less than RFC 5508 REQ-2 allows; give a time from 1m"},
    {WITH "  timeouts: {udp: 8d}\n", "16:19", "'8d' is out of range"},
    {WITH "  timeouts: {udp: 300}\n", "16:19", "is not a time with its unit"},
    {WITH "  timeouts: {udp_well_known: 5m1s}\n", "16:30",
     "udp_well_known is more than the 5m of udp, and RFC 4787 REQ-5a allows less only"},

    {WITH "  log: {ipfix: true}\n", "16:16", "give telemetry: {ipfix: {collector: HOST:PORT}}"},
    {WITH "  log: {syslog: {}}\n", "16:17", "syslog lacks 'collector'"},
    {WITH "  log: {syslog: {collector: 192.0.2.50}}\n", "16:29", "give a host and a port"},
    {WITH "  log: {destinations: true}\n", "16:23", "blocks have no destinations; give events: sessions"},
    {WITH "  log: {events: mappings}\n", "16:17", "give blocks or sessions"},
    {WITH "  subscribers: 1\n", "16:16", "out of range"},
};
#undef WITH
#undef RULE
#undef POOL

INSTANTIATE_TEST_SUITE_P(Table, BadNatProfile, ::testing::ValuesIn(kBadSections));

std::string errors_of(const std::string& text) {
  const auto loaded = control::parse_profile(schema(), text, "nat.yaml", control::no_files());
  return loaded ? "" : loaded.error().to_string();
}

TEST(NatProfile, InterfacesAreOnOneSide) {
  const std::string head =
      "vnf: nat\nname: gw\nports: {p: {device: x}}\n"
      "interfaces: {a: {port: p}, b: {port: p, vlan: 1}}\n"
      "nat:\n"
      "  nptv6: {inside: \"fd00::/48\", outside: \"2001:db8:2::/48\"}\n";
  EXPECT_EQ(errors_of(head + "  inside: a\n  outside: b\n"), "");
  EXPECT_EQ(errors_of(head + "  inside: [a, a, bb]\n  outside: [b, a]\n"),
            "nat.yaml:7:15: interface 'a' is inside already, in line 7; an interface is on one side, once\n"
            "nat.yaml:7:18: interface 'bb' is not defined; defined interfaces are a, b\n"
            "nat.yaml:8:16: interface 'a' is inside already, in line 7; an interface is on one side, once\n");
  EXPECT_EQ(errors_of(head + "  inside: []\n  outside: b\n"),
            "nat.yaml:7:11: inside: a list without entries is of no use; give at least one entry\n");
  EXPECT_THAT(errors_of(head + "  inside: a\n"),
              ::testing::StartsWith("nat.yaml:6:3: nat lacks 'outside'; give"));
}

TEST(NatProfile, TranslationNeedsRoutes) {
  EXPECT_EQ(errors_of("vnf: nat\nname: gw\nports: {p: {device: x}, q: {device: y}}\n"
                      "interfaces: {a: {port: p}, b: {port: q}}\n"
                      "forwarding: {transparent: {pairs: [[p, q]]}}\n"
                      "nat:\n  inside: a\n  outside: b\n"
                      "  nptv6: {inside: \"fd00::/48\", outside: \"2001:db8:2::/48\"}\n"),
            "nat.yaml:5:13: address translation needs routes, and transparent forwarding has none; give "
            "forwarding: routed\n");
}

TEST(NatProfile, DomainsMayHaveTheSameNetwork) {
  const auto loaded = parse_section(
      "  nptv6:\n"
      "    - {inside: \"fd00::/48\", outside: \"2001:db8:2::/48\"}\n"
      "    - {inside: \"fd00::/48\", outside: \"2001:db8:3::/48\", domain: tenant7}\n"
      "    - {inside: \"2001:db8:2::/48\", outside: \"2001:db8:4::/48\", domain: tenant7}\n");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(loaded->own.nptv6[1].domain.value, "tenant7");
}

TEST(NatProfile, OutsidePrefixesNeedTheirDomain) {
  EXPECT_EQ(errors_of("vnf: nat\nname: gw\nports: {p: {device: x}}\n"
                      "interfaces: {a: {port: p}, b: {port: p, vlan: 1, domain: red}}\n"
                      "nat:\n  inside: a\n  outside: b\n"
                      "  nptv6: {inside: \"fd00::/48\", outside: \"2001:db8:2::/48\"}\n"),
            "nat.yaml:8:41: no outside interface is in domain 'default'; give a domain that has one: red\n");
}

TEST(NatProfile, AllErrorsComeInOneRun) {
  const auto loaded = parse_section(
      "  pools: {a: {addresses: 224.0.0.1, block: 100}}\n"
      "  rules: [{pool: b}, {source: 10.0.0.0/8}]\n"
      "  timeouts: {udp: 1m}\n"
      "  log: {ipfix: true}\n");
  ASSERT_FALSE(loaded);
  std::vector<std::string> places;
  for (const control::Diagnostic& one : loaded.error().entries()) {
    places.push_back(std::to_string(one.at.line) + ":" + std::to_string(one.at.column));
  }
  EXPECT_THAT(places, ::testing::ElementsAre("14:26", "14:44", "15:18", "15:22", "16:19", "17:16"));
}

}  // namespace
}  // namespace millrace::nat::profile
