// SPDX-License-Identifier: BSD-3-Clause
// The addresses of services and source pools.
#include "tests/unit/load_balancer/profile_fixture.h"
#include "vnfs/load_balancer/profile_check.h"

namespace millrace::load_balancer::profile {
namespace {

class BadServiceAddress : public ::testing::TestWithParam<Bad> {};

TEST_P(BadServiceAddress, GivesOneErrorAtItsPlace) { expect_one_error(GetParam()); }

// Service a stands in line 14; what follows begins in line 15.
#define A                                                                                             \
  "  services:\n    - {name: a, address: 203.0.113.1, ports: [tcp/80, tcp/443], backends: {address: " \
  "10.0.0.11}}\n"
#define ALONE "  services:\n    - {name: a, backends: {address: 10.0.0.11},\n       "
#define POOL(text) A "  source_pools: " text "\n"
const Bad kBadAddresses[] = {
    {ALONE "address: 203.0.113.300}\n", "15:17", "'203.0.113.300' does not fit; give an address"},
    {ALONE "address: 0.0.0.0}\n", "15:17",
     "0.0.0.0 is in 0.0.0.0/8, which names no host; give an address that a host may have"},
    {ALONE "address: 127.0.0.1}\n", "15:17", "127.0.0.1 is a loopback address; give"},
    {ALONE "address: 224.0.0.1}\n", "15:17", "224.0.0.1 is a multicast address; give"},
    {ALONE "address: 255.255.255.255}\n", "15:17", "255.255.255.255 is in 240.0.0.0/4, which is reserved"},
    {ALONE "address: \"ff02::1\", forwarding: gue}\n", "15:17", "ff02::1 is a multicast address"},
    {ALONE "address: \"fe80::1\", forwarding: gue}\n", "15:17",
     "fe80::1 is a link-local address, which means a host on each network"},
    {ALONE "address: \"::1\", forwarding: gue}\n", "15:17", "::1 is the unspecified or the loopback address"},
    {ALONE "address: \"::\", forwarding: gue}\n", "15:17", ":: is the unspecified or the loopback address"},
    {ALONE "address: \"::ffff:192.0.2.1\", forwarding: gue}\n", "15:17",
     "is an IPv4 address in the form of IPv6"},

    {ALONE "address: 203.0.113.1, domain: bleu}\n", "15:38",
     "domain 'bleu' is not defined; did you mean 'blue'? defined domains are default, blue"},

    {ALONE "address: 198.51.100.2}\n", "15:17",
     "all of 198.51.100.2, the address of interface 'front', would be taken from the appliance itself; give "
     "ports, such as tcp/443"},
    {ALONE "address: 198.51.100.2, ports: [udp/53, tcp]}\n", "15:47",
     "all tcp of 198.51.100.2, the address of interface 'front', would be taken from the appliance itself"},
    {ALONE "address: \"2001:db8:2::1\", forwarding: gre}\n", "15:17", "the address of interface 'back'"},

    {ALONE "address: 203.0.113.1, ports: [tcp/80, udp/80, tcp/70-90]}\n", "15:54",
     "tcp/70-90 overlaps tcp/80 in the same list; give each port once"},
    {ALONE "address: 203.0.113.1, ports: [tcp, tcp/80]}\n", "15:43", "tcp/80 overlaps tcp in the same list"},
    {A "    - {name: b, address: 203.0.113.1, ports: tcp/440-450, backends: {address: 10.0.0.12}}\n", "15:46",
     "tcp/440-450 of 203.0.113.1 overlaps tcp/443 of service 'a' (line 14); give each port of an address to "
     "one service"},
    {A "    - {name: b, address: 203.0.113.1, ports: tcp, backends: {address: 10.0.0.12}}\n", "15:46",
     "tcp of 203.0.113.1 overlaps tcp/"},
    {A "    - {name: b, address: 203.0.113.1, backends: {address: 10.0.0.12}}\n", "15:26",
     "all of 203.0.113.1 overlaps tcp/"},
    {ALONE "address: 203.0.113.1}\n"
           "    - {name: b, address: 203.0.113.1, ports: sctp/9, backends: {address: 10.0.0.12}}\n",
     "16:46", "sctp/9 of 203.0.113.1 overlaps all of service 'a' (line 15)"},
    {ALONE "address: 203.0.113.1}\n    - {name: b, address: 203.0.113.1, backends: {address: 10.0.0.12}}\n",
     "16:26", "all of 203.0.113.1 overlaps all of service 'a' (line 15)"},

    {POOL("{p: {}}"), "15:21", "source pool lacks 'addresses'; give"},
    {POOL("{p: {addresses: []}}"), "15:33", "give at least one entry"},
    {POOL("{p: {addresses: 10.0.0.9, ports: 0-100}}"), "15:50",
     "'0-100' has port 0, which no packet may have"},
    {POOL("{p: {addresses: 239.1.1.1}}"), "15:33", "239.1.1.1 is a multicast address"},
    {POOL("{p: {addresses: [10.0.0.9, \"2001:db8:2::9\"]}}"), "15:44",
     "2001:db8:2::9 is of IPv6, and others of the pool are of IPv4; give the families a pool each"},
    {POOL("{p: {addresses: [10.0.0.9, 10.0.0.8, 10.0.0.9]}}"), "15:54",
     "10.0.0.9 is in a source pool already, in line 15; an address is in one, once"},
    {POOL("\n    p: {addresses: 10.0.0.9}\n    q: {addresses: 10.0.0.9}"), "17:20",
     "10.0.0.9 is in a source pool already, in line 16"},
    {POOL("{p: {addresses: [10.0.0.9, 203.0.113.1]}}"), "15:44",
     "203.0.113.1 is the address of service 'a' (line 14); give one that no service has"},
};
#undef POOL
#undef ALONE
#undef A

INSTANTIATE_TEST_SUITE_P(Table, BadServiceAddress, ::testing::ValuesIn(kBadAddresses));

TEST(LoadBalancerAddresses, WhatDoesNotOverlapMayBeSideBySide) {
  const auto loaded = parse_section(
      "  services:\n"
      "    - {name: a, address: 203.0.113.1, ports: [tcp/80, udp/80, tcp/81-89], backends: {address: "
      "10.0.0.11}}\n"
      "    - {name: b, address: 203.0.113.1, ports: [tcp/79, tcp/90, sctp], backends: {address: 10.0.0.12}}\n"
      "    - {name: c, address: 203.0.113.2, backends: {address: 10.0.0.13}}\n"
      "    - {name: d, address: 203.0.113.2, domain: blue, backends: {address: 10.0.0.13}}\n");
  EXPECT_TRUE(loaded) << loaded.error().to_string();
}

TEST(LoadBalancerAddresses, TheAppliancesOwnAddressMayServeSomePorts) {
  const auto loaded = parse_section(
      "  services:\n"
      "    - {name: a, address: 198.51.100.2, ports: tcp/443, backends: {address: 10.0.0.11}}\n"
      "    - {name: b, address: 198.51.100.2, domain: blue, backends: {address: 10.0.0.12}}\n"
      "  source_pools: {p: {addresses: 10.0.0.1}}\n");
  EXPECT_TRUE(loaded) << loaded.error().to_string();
}

TEST(LoadBalancerAddresses, AServiceWithoutADomainNeedsTheDefaultOne) {
  const auto loaded = control::parse_profile(
      schema(),
      "vnf: load_balancer\nname: lb\nports: {p: {device: x}}\n"
      "interfaces: {a: {port: p, address: 10.0.0.1/24, domain: red}}\n"
      "load_balancer:\n  services: {name: a, address: 203.0.113.1, discover: {dns: a.example.net}}\n",
      "lb.yaml", control::no_files());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().to_string(),
            "lb.yaml:6:32: no interface is in domain 'default'; give a domain that has one: red\n");
}

// A word that is no port must not make the service one of all ports.
TEST(LoadBalancerAddresses, WhatCouldNotBeReadOverlapsNothing) {
  const auto loaded = parse_section(
      "  services:\n"
      "    - {name: a, address: 203.0.113.1, ports: http, backends: {address: 10.0.0.11}}\n"
      "    - {name: b, address: 203.0.113.1, ports: tcp/443, backends: {address: 10.0.0.11}}\n");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().entries(), ::testing::SizeIs(1)) << loaded.error().to_string();
}

}  // namespace
}  // namespace millrace::load_balancer::profile
