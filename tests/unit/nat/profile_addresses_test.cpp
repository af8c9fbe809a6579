// SPDX-License-Identifier: BSD-3-Clause
// Pools, static and deterministic mappings: what they may name, and that no two want the same addresses.
#include "tests/unit/nat/profile_fixture.h"
#include "vnfs/nat/profile_check.h"

namespace millrace::nat::profile {
namespace {

class BadNatAddresses : public ::testing::TestWithParam<Bad> {};

TEST_P(BadNatAddresses, GiveOneErrorAtItsPlace) { expect_one_error(GetParam()); }

// Line 14 has a bypass rule, so what a test is about starts in line 15; or in line 16, after a pool.
#define RULE "  rules: {bypass: true}\n"
#define POOL RULE "  pools: {a: {addresses: 203.0.113.0/28}}\n"
const Bad kBadAddresses[] = {
    // Pools alone.
    {RULE "  pools: {a: {addresses: []}}\n", "15:26", "give at least one entry"},
    {RULE "  pools: {a: {}}\n", "15:14", "pool lacks 'addresses'"},
    {RULE "  pools: {a: {addresses: \"2001:db8::/64\"}}\n", "15:26", "is not of IPv4; give an IPv4 address"},
    {RULE "  pools: {a: {addresses: 203.0.113.9-203.0.113.1}}\n", "15:26",
     "range whose end is before its start"},
    {RULE "  pools: {a: {addresses: 203.0.113.1/28}}\n", "15:26", "where 203.0.113.0/28 has none"},
    {RULE "  pools: {a: {addresses: 239.0.0.1}}\n", "15:26", "239.0.0.1 has multicast addresses"},
    {RULE "  pools: {a: {addresses: 223.255.255.255-224.0.0.0}}\n", "15:26", "has multicast addresses"},
    {RULE "  pools: {a: {addresses: 127.0.0.1}}\n", "15:26", "has loopback addresses"},
    {RULE "  pools: {a: {addresses: 0.0.0.0}}\n", "15:26", "is in 0.0.0.0/8"},
    {RULE "  pools: {a: {addresses: 255.255.255.255}}\n", "15:26", "is in 240.0.0.0/4"},
    {RULE "  pools: {a: {addresses: [203.0.113.1, 203.0.113.2], exclude: 203.0.113.1-203.0.113.2}}\n",
     "15:11", "pool 'a' has no address that is not excluded"},
    {RULE "  pools: {a: {addresses: [203.0.113.1, 203.0.113.2], exclude: 203.0.113.3}}\n", "15:63",
     "203.0.113.3 is not among the pool's addresses"},
    {RULE "  pools: {a: {addresses: [203.0.113.0/28, 203.0.113.15]}}\n", "15:43",
     "203.0.113.15 overlaps 203.0.113.0/28 in the same list; give each address once"},
    {RULE "  pools: {a: {addresses: [203.0.113.8, 203.0.113.99, 203.0.113.0/28]}}\n", "15:54",
     "203.0.113.0/28 overlaps 203.0.113.8 in the same list"},
    {RULE "  pools: {a: {addresses: 203.0.113.0/28, exclude: [203.0.113.1, 203.0.113.0/31]}}\n", "15:65",
     "203.0.113.0/31 overlaps 203.0.113.1 in the same list"},
    {RULE "  pools: {a: {addresses: 198.18.0.0/19}, b: {addresses: 203.0.113.1}}\n", "15:42",
     "with pool 'b' there are 8193 addresses in pools; give at most 8192 in all"},
    {RULE "  pools: {a: {addresses: 203.0.113.1, ports: 5000-1024}}\n", "15:46",
     "give a port or a range of ports"},
    {RULE "  pools: {a: {addresses: 203.0.113.1, ports: 0-1023}}\n", "15:46", "'0-1023' has port 0"},
    {RULE "  pools: {a: {addresses: 203.0.113.1, block: 500}}\n", "15:46",
     "'500' is not a power of two; give a power of two from 64 to 4096"},
    {RULE "  pools: {a: {addresses: 203.0.113.1, block: 32}}\n", "15:46", "out of range"},
    {RULE "  pools: {a: {addresses: 203.0.113.1, block: 8192}}\n", "15:46", "out of range"},
    {RULE "  pools: {a: {addresses: 203.0.113.1, ports: 1024-1534, block: 512}}\n", "15:64",
     "a block of 512 ports does not fit into the 511 of ports 1024-1534"},
    {RULE "  pools: {a: {addresses: 203.0.113.1, block: 64, blocks_per_subscriber: 9}}\n", "15:73",
     "from 1 to 8"},
    {RULE "  pools: {a: {addresses: 203.0.113.1, block: 64, blocks_per_subscriber: 2, ports_per_subscriber: "
          "129}}\n",
     "15:98", "2 blocks of 64 ports are 128, so 129 are never reached; give at most 128"},
    {RULE "  pools: {a: {addresses: 203.0.113.1, domain: tenant7}}\n", "15:47",
     "no outside interface is in domain 'tenant7'; give a domain that has one: default"},

    // Pools and others.
    {RULE "  pools: {a: {addresses: 203.0.113.0/28}, b: {addresses: [203.0.113.99, 203.0.113.8/29]}}\n",
     "15:73",
     "203.0.113.8/29 overlaps 203.0.113.0/28 of pool 'a' (line 15); give each address to one pool of a "
     "domain"},
    {RULE "  pools: {a: {addresses: 192.0.2.128/28}}\n", "15:26",
     "192.0.2.128/28 is within 192.0.2.0/24 of the inside interface 'trust'"},
    {POOL "  static: {inside: 192.0.2.10:8443, outside: 203.0.113.5:1024}\n", "16:46",
     "203.0.113.5:1024 overlaps 203.0.113.0/28 of pool 'a' (line 15); exclude the address from the pool, or "
     "give "
     "a port that is not among its 1024-65535"},
    {POOL "  static: {inside: 192.0.2.10:1-1024, outside: 203.0.113.5:1-1024}\n", "16:48", "of pool 'a'"},
    {POOL "  static: {inside: 192.0.2.10, outside: 203.0.113.15}\n", "16:41", "203.0.113.15 overlaps"},
    {POOL "  static: {inside: 192.0.2.16/28, outside: 203.0.113.0/28}\n", "16:44", "203.0.113.0/28 overlaps"},
    {"  static: {inside: 192.0.2.10, outside: 203.0.113.1}\n  pools: {a: {addresses: 203.0.113.1}}\n",
     "14:41", "of pool 'a' (line 15)"},

    // Static mappings.
    {"  static: {inside: 192.0.2.10:80-90, outside: 203.0.113.1:80-91}\n", "14:47",
     "inside has 11 ports and outside 12; give equally many"},
    {"  static: {inside: 192.0.2.10:80, outside: 203.0.113.1}\n", "14:44",
     "inside has ports and outside has none; give ports on both sides, or on neither"},
    {"  static: {inside: 192.0.2.10, outside: 203.0.113.1:80}\n", "14:41",
     "inside has no ports and outside has some"},
    {"  static: {inside: 192.0.2.16/28, outside: 203.0.113.0/29}\n", "14:44",
     "inside is a /28 and outside a /29; give networks of the same size"},
    {"  static: {inside: 192.0.2.10, outside: 203.0.113.1, protocol: udp}\n", "14:64",
     "a mapping of whole addresses is for all protocols; remove protocol"},
    {"  static: {inside: 192.0.2.10:0, outside: 203.0.113.1:80}\n", "14:20", "has port 0"},
    {"  static: {inside: \"2001:db8::1\", outside: 203.0.113.1}\n", "14:20",
     "give an IPv4 address, alone or"},
    {"  static: {inside: 192.0.2.10}\n", "14:11", "static mapping lacks 'outside'"},
    {"  static: {inside: 192.0.2.10, outside: 224.0.0.1}\n", "14:41", "has multicast addresses"},
    {"  static: {inside: 127.0.0.1, outside: 203.0.113.1}\n", "14:20", "has loopback addresses"},
    {"  static: {inside: 192.0.2.10, outside: 192.0.2.11}\n", "14:41",
     "192.0.2.0/24 of the inside interface 'trust'"},
    {"  static: {inside: 192.0.2.10, outside: 203.0.113.1, domain: blue}\n", "14:62",
     "no inside interface is in domain 'blue'; give a domain that has one: default, tenant7"},
    {"  static:\n    - {inside: 192.0.2.10:80, outside: 203.0.113.1:80, protocol: tcp}\n"
     "    - {inside: 192.0.2.11:80, outside: 203.0.113.1:80}\n",
     "16:40",
     "203.0.113.1:80 overlaps 203.0.113.1:80 of a static mapping (line 15); give each outside address and "
     "port to one mapping"},
    {"  static:\n    - {inside: 192.0.2.10:80-99, outside: 203.0.113.1:80-99}\n"
     "    - {inside: 192.0.2.11:90, outside: 203.0.113.1:90}\n",
     "16:40", "203.0.113.1:90 overlaps 203.0.113.1:80-99"},
    {"  static:\n    - {inside: 192.0.2.10, outside: 203.0.113.1}\n"
     "    - {inside: 192.0.2.11:80, outside: 203.0.113.1:80}\n",
     "16:40", "203.0.113.1:80 overlaps 203.0.113.1 of"},
    {"  static:\n    - {inside: 192.0.2.10:80, outside: 203.0.113.1:80}\n"
     "    - {inside: 192.0.2.10:80, outside: 203.0.113.2:80}\n",
     "16:16",
     "192.0.2.10:80 overlaps 192.0.2.10:80 of a static mapping (line 15); give each inside address and port "
     "one mapping"},
    {"  static:\n    - {inside: 192.0.2.16/28, outside: 203.0.113.16/28}\n"
     "    - {inside: 192.0.2.20, outside: 203.0.113.2}\n",
     "16:16", "192.0.2.20 overlaps 192.0.2.16/28"},

    // Deterministic mappings.
    {"  deterministic: {inside: 100.64.0.0/16, outside: 203.0.113.0/26}\n", "14:51",
     "203.0.113.0/26 has 4128768 ports, which are 63 for each of 65536 subscribers; give more outside "
     "addresses, so that there are at least 64"},
    {"  deterministic: {inside: 100.64.0.0/24, outside: 203.0.113.1, ports: 1024-17406}\n", "14:51",
     "203.0.113.1/32 has 16383 ports, which are 63 for each of 256 subscribers"},
    {"  deterministic: {inside: 127.0.0.0/24, outside: 203.0.113.0/26}\n", "14:27", "has loopback addresses"},
    {"  deterministic: {inside: 100.64.0.0/24, outside: 203.0.113.0/26, ports: 0-65535}\n", "14:74",
     "has port 0"},
    {"  deterministic: {inside: 100.64.0.0/24, outside: \"2001:db8::/64\"}\n", "14:51",
     "give an IPv4 prefix"},
    {"  deterministic: {inside: 100.64.0.0/24, outside: 203.0.113.0/26, domain: blue}\n", "14:75",
     "no inside interface is in domain 'blue'"},
    {"  deterministic: {inside: 100.64.0.0/24, outside: 192.0.2.0/26}\n", "14:51",
     "of the inside interface 'trust'"},
    {POOL "  deterministic: {inside: 100.64.0.0/24, outside: 203.0.113.8/29}\n", "16:51",
     "203.0.113.8/29 overlaps 203.0.113.0/28 of pool 'a' (line 15); give addresses that no pool has"},
    {"  deterministic: {inside: 100.64.0.0/24, outside: 203.0.113.0/28}\n"
     "  static: {inside: 192.0.2.10:80, outside: 203.0.113.5:80}\n",
     "15:44",
     "203.0.113.5:80 overlaps 203.0.113.0/28 of a deterministic mapping (line 14); give addresses that no "
     "deterministic mapping has"},
    {"  static: {inside: 192.0.2.10:80, outside: 203.0.113.0:80}\n"
     "  deterministic: {inside: 100.64.0.0/24, outside: 203.0.113.0/28}\n",
     "14:44", "of a deterministic mapping (line 15)"},
    {"  deterministic:\n    - {inside: 100.64.0.0/24, outside: 203.0.113.0/28}\n"
     "    - {inside: 100.64.1.0/24, outside: 203.0.113.8/29}\n",
     "16:40", "203.0.113.8/29 overlaps 203.0.113.0/28 of a deterministic mapping (line 15)"},
    {"  deterministic:\n    - {inside: 100.64.0.0/24, outside: 203.0.113.0/28}\n"
     "    - {inside: 100.64.0.0/25, outside: 203.0.113.16/28}\n",
     "16:16", "100.64.0.0/25 overlaps 100.64.0.0/24 of a deterministic mapping (line 15)"},
};
#undef POOL
#undef RULE

INSTANTIATE_TEST_SUITE_P(Table, BadNatAddresses, ::testing::ValuesIn(kBadAddresses));

void expect_good(const std::string& text) {
  const auto loaded = parse_section(text);
  EXPECT_TRUE(loaded) << text << loaded.error().to_string();
}

TEST(NatAddresses, MayBeSharedWhereTheyDoNotMeet) {
  const std::string pool = "  pools: {a: {addresses: 203.0.113.0/28, exclude: 203.0.113.5}}\n";
  // An address that the pool leaves alone, or a port that it does not share out.
  expect_good(pool + "  static: {inside: 192.0.2.10, outside: 203.0.113.5}\n");
  expect_good(pool + "  static: {inside: 192.0.2.10:8443, outside: 203.0.113.6:443}\n");
  expect_good(pool + "  deterministic: {inside: 100.64.0.0/24, outside: 203.0.113.5}\n");
  expect_good(
      "  pools: {a: {addresses: 203.0.113.0/28, exclude: 203.0.113.5}, b: {addresses: 203.0.113.5}}\n"
      "  rules: {pool: a}\n");
  // Other ports, protocols and domains.
  expect_good(
      "  static:\n"
      "    - {inside: 192.0.2.10:80, outside: 203.0.113.1:80, protocol: tcp}\n"
      "    - {inside: 192.0.2.10:80, outside: 203.0.113.1:80, protocol: udp}\n"
      "    - {inside: 192.0.2.10:81, outside: 203.0.113.1:81}\n"
      "    - {inside: 192.0.2.10:80, outside: 203.0.113.1:82, domain: tenant7}\n");
  // A server among the subscribers of a deterministic mapping.
  expect_good(
      "  deterministic: {inside: 100.64.0.0/24, outside: 203.0.113.0/29}\n"
      "  static: {inside: 100.64.0.9:80, outside: 203.0.113.9:80}\n");
  // The gateway's own address, and one on no route of ours.
  expect_good("  pools: {a: {addresses: [198.51.100.2, 203.0.113.1]}}\n  rules: {pool: a}\n");
  // The tenant's inside network is not in the pool's domain.
  expect_good("  pools: {a: {addresses: 10.7.0.16/28}}\n  rules: {pool: a}\n");
  expect_good("  pools: {a: {addresses: 198.18.0.0/19}}\n  rules: {pool: a}\n");
  // 64 ports for each subscriber, and no more.
  expect_good("  deterministic: {inside: 100.64.0.0/24, outside: 203.0.113.1, ports: 1024-17407}\n");
}

TEST(NatAddresses, PoolsOfDifferentDomainsDoNotMeet) {
  const auto loaded = control::parse_profile(
      schema(),
      "vnf: nat\nname: gw\nports: {p: {device: x}}\n"
      "interfaces: {a: {port: p}, b: {port: p, vlan: 1}, c: {port: p, vlan: 2, domain: blue}}\n"
      "nat:\n  inside: a\n  outside: [b, c]\n  rules: {pool: one}\n"
      "  pools: {one: {addresses: 203.0.113.1}, two: {addresses: 203.0.113.1, domain: blue}}\n",
      "nat.yaml", control::no_files());
  EXPECT_TRUE(loaded) << loaded.error().to_string();
}

TEST(NatAddresses, PoolWithoutDomainNeedsAnInterfaceInTheDefaultOne) {
  const auto loaded =
      control::parse_profile(schema(),
                             "vnf: nat\nname: gw\nports: {p: {device: x}}\n"
                             "interfaces: {a: {port: p}, b: {port: p, vlan: 1, domain: blue}}\n"
                             "nat:\n  inside: a\n  outside: b\n  rules: {pool: one}\n"
                             "  pools: {one: {addresses: 203.0.113.1}}\n",
                             "nat.yaml", control::no_files());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().to_string(),
            "nat.yaml:9:11: no outside interface is in domain 'default'; give a domain that has one: blue\n");
}

}  // namespace
}  // namespace millrace::nat::profile
