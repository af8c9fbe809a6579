// SPDX-License-Identifier: BSD-3-Clause
// The addresses and ports of backends.
#include "tests/unit/load_balancer/profile_fixture.h"
#include "vnfs/load_balancer/profile_check.h"

namespace millrace::load_balancer::profile {
namespace {

class BadBackend : public ::testing::TestWithParam<Bad> {};

TEST_P(BadBackend, GivesOneErrorAtItsPlace) { expect_one_error(GetParam()); }

// What a test is about begins in line 15, column 8; behind POOLS in line 18.
#define WEB "  services:\n    - {name: web, address: 203.0.113.80, ports: tcp/80,\n       "
#define WEB6 "  services:\n    - {name: web, address: \"2001:db8::80\", ports: tcp/80,\n       "
#define POOLS "  source_pools:\n    four: {addresses: 10.0.0.9}\n    six: {addresses: \"2001:db8:2::9\"}\n"
#define TWO(second)                                                                        \
  "  services:\n    - {name: a, address: 203.0.113.1, ports: tcp/80, backends: {address: " \
  "10.0.0.11}}\n" second
const Bad kBadBackends[] = {
    {WEB "backends: {weight: 2}}\n", "15:18", "backend lacks 'address'; give address: an address, such as"},
    {WEB "backends: {address: 10.0.0.11, port: 0}}\n", "15:45", "give an integer from 1 to 65535"},
    {WEB "backends: {address: 224.0.0.1}}\n", "15:28",
     "224.0.0.1 is a multicast address; give the address of a host"},
    {WEB "backends: {address: 10.0.0.1}}\n", "15:28",
     "10.0.0.1 is the appliance's own address, on interface 'back'; give that of another host"},
    {WEB "backends: {address: 203.0.113.80}}\n", "15:28",
     "203.0.113.80 is the address of service 'web' (line 14), and what is sent there comes back; give the "
     "address of a server"},
    {TWO("    - {name: b, address: 203.0.113.2, ports: tcp/80, backends: {address: 203.0.113.1}}\n"), "15:74",
     "203.0.113.1 is the address of service 'a' (line 14)"},
    {WEB "backends: {address: 10.0.0.11}, last_resort: {address: 203.0.113.80}}\n", "15:63",
     "203.0.113.80 is the address of service 'web' (line 14)"},
    {POOLS WEB "backends: {address: 10.0.0.9}}\n", "18:28",
     "10.0.0.9 is of source pool 'four', where the appliance's connections come from; give the address of "
     "another host"},

    // Families.
    {WEB "backends: {address: \"2001:db8:2::11\"}}\n", "15:28",
     "2001:db8:2::11 is of IPv6, and with forwarding nat it must be of IPv4 as the service is; give such an "
     "address, or forwarding: full_nat"},
    {WEB6 "backends: {address: 10.0.0.11}, forwarding: direct}\n", "15:28",
     "10.0.0.11 is of IPv4, and with forwarding direct it must be of IPv6 as the service is; give such an "
     "address, or forwarding: ipip, gue or gre"},
    {POOLS WEB "backends: {address: \"2001:db8:2::11\"}, forwarding: full_nat, source_pool: four}\n", "18:28",
     "2001:db8:2::11 is of IPv6, and source pool 'four' of IPv4; give a source pool of IPv6"},
    {POOLS WEB "backends: {address: 10.0.0.11}, forwarding: full_nat, source_pool: six}\n", "18:28",
     "10.0.0.11 is of IPv4, and source pool 'six' of IPv6; give a source pool of IPv4"},

    // Ways there.
    {WEB "backends: {address: 10.2.0.1}}\n", "15:28",
     "no route of domain 'default' leads to 10.2.0.1; add one under routes"},
    {WEB "backends: {address: 10.1.0.1}, domain: blue}\n", "15:28", "no route of domain 'blue' leads to"},
    {WEB "backends: {address: 10.1.0.1}, forwarding: direct}\n", "15:28",
     "10.1.0.1 is on no subnet of domain 'default', where forwarding direct reaches it; subnets there are "
     "198.51.100.0/24, 10.0.0.0/24"},
    {WEB "backends: {address: \"2001:db8:9::1\"}, forwarding: gue}\n", "15:28",
     "no route of domain 'default'"},

    // Twice.
    {WEB "backends: [{address: 10.0.0.11}, {address: 10.0.0.11, weight: 2}]}\n", "15:51",
     "10.0.0.11 is a backend of the service already, in line 15; give each once"},
    {WEB "backends: [{address: 10.0.0.11, port: 80}, {address: 10.0.0.11}]}\n", "15:61",
     "10.0.0.11 is a backend of the service already"},
    {WEB "backends: {address: 10.0.0.11},\n       last_resort: {address: 10.0.0.11}}\n", "16:31",
     "10.0.0.11 is a backend of the service already, in line 15"},
    {WEB "backends: [&one {address: 10.0.0.11}, *one]}\n", "15:34",
     "10.0.0.11 is a backend of the service already, in line 15"},

    // Ports that cannot be.
    {WEB "forwarding: direct, backends: {address: 10.0.0.11, port: 8080}}\n", "15:65",
     "port 8080 is not the service's, and forwarding direct does not rewrite it; remove port, or give "
     "forwarding: nat"},
    {WEB "forwarding: ipip, backends: {address: 10.0.0.11, port: 81}}\n", "15:63",
     "port 81 is not the service's, and forwarding ipip"},
    {WEB "forwarding: gue, backends: {address: 10.0.0.11, port: 81}}\n", "15:62", "forwarding gue does not"},
    {WEB "forwarding: gre, backends: {address: 10.0.0.11, port: 81}}\n", "15:62", "forwarding gre does not"},
    {"  services: {name: a, address: 203.0.113.1, forwarding: gre, backends: {address: 10.0.0.11, port: "
     "80}}\n",
     "13:99", "port 80 is not the service's, and forwarding gre"},
    {"  services: {name: a, address: 203.0.113.1, ports: [tcp/80, tcp/443, udp/443],\n"
     "             backends: {address: 10.0.0.11, port: 8080}}\n",
     "14:51",
     "with nat, answers from port 8080 could be for any of 2 ports of the service; give forwarding: "
     "full_nat, "
     "or one service per port"},
    {"  services: {name: a, address: 203.0.113.1, backends: {address: 10.0.0.11, port: 80}}\n", "13:82",
     "answers from port 80 could be for any of 65536 ports"},
    {"  services: {name: a, address: 203.0.113.1, ports: udp/1-9, backends: {address: 10.0.0.11, port: 8}}\n",
     "13:98", "answers from port 8 could be for any of 9 ports"},

    // Behind two services.
    {TWO("    - {name: b, address: 203.0.113.2, ports: tcp/80, backends: {address: 10.0.0.11}}\n"), "15:74",
     "tcp/80 of 10.0.0.11 is behind service 'a' as well (line 14), and with nat on both its answers could be "
     "for either; give forwarding: full_nat, or another port"},
    {TWO("    - {name: b, address: 203.0.113.2, ports: tcp/8080, backends: {address: 10.0.0.11, port: "
         "80}}\n"),
     "15:76", "tcp/80 of 10.0.0.11 is behind service 'a' as well (line 14)"},
    {TWO("    - {name: b, address: 203.0.113.2, backends: {address: 10.0.0.11}}\n"), "15:59",
     "tcp of 10.0.0.11 is behind service 'a' as well (line 14)"},
    {TWO("    - {name: b, address: 203.0.113.2, ports: tcp/80, backends: {address: 10.0.0.12},\n"
         "       last_resort: {address: 10.0.0.11}}\n"),
     "16:31", "tcp/80 of 10.0.0.11 is behind service 'a' as well (line 14)"},
};
#undef TWO
#undef POOLS
#undef WEB6
#undef WEB

INSTANTIATE_TEST_SUITE_P(Table, BadBackend, ::testing::ValuesIn(kBadBackends));

class GoodBackend : public ::testing::TestWithParam<const char*> {};

TEST_P(GoodBackend, Loads) {
  const auto loaded = parse_section(GetParam());
  EXPECT_TRUE(loaded) << loaded.error().to_string();
}

#define WEB "  services:\n    - {name: web, address: 203.0.113.80, ports: tcp/80, "
#define POOL "  source_pools: {six: {addresses: \"2001:db8:2::9\"}}\n"
INSTANTIATE_TEST_SUITE_P(
    Cases, GoodBackend,
    ::testing::Values(
        WEB "backends: {address: 10.1.0.1}}\n",                                 // behind a route
        WEB "forwarding: direct, backends: {address: 10.0.0.11, port: 80}}\n",  // the service's own
        WEB "forwarding: ipip, backends: {address: \"2001:db8:2::11\"}}\n",     // of the other family
        WEB "forwarding: gue, backends: [{address: 10.0.0.11}, {address: \"2001:db8:2::11\"}]}\n",
        POOL WEB
        "forwarding: full_nat, source_pool: six, backends: {address: \"2001:db8:2::11\", port: 81}}\n",
        // Two servers on one host.
        WEB "backends: [{address: 10.0.0.11, port: 81}, {address: 10.0.0.11, port: 82}]}\n",
        // One port of each protocol.
        "  services: {name: a, address: 203.0.113.1, ports: [tcp/53, udp/53], backends: {address: 10.0.0.11, "
        "port: 5353}}\n",
        // Behind two services, and it can be told which: other ports, another domain, no answers, no nat.
        WEB "backends: {address: 10.0.0.11}}\n"
            "    - {name: b, address: 203.0.113.80, ports: tcp/443, backends: {address: 10.0.0.11}}\n",
        WEB "backends: {address: 10.0.0.11}}\n"
            "    - {name: b, address: 203.0.113.2, ports: tcp/80, domain: blue, backends: {address: "
            "10.0.0.11}}\n",
        WEB "backends: {address: 10.0.0.11}}\n"
            "    - {name: b, address: 203.0.113.2, ports: tcp/80, forwarding: gre, backends: {address: "
            "10.0.0.11}}\n",
        WEB "forwarding: direct, backends: {address: 10.0.0.11}}\n"
            "    - {name: b, address: 203.0.113.2, ports: tcp/80, forwarding: direct, backends: {address: "
            "10.0.0.11}}\n",
        // The service's address of another domain.
        WEB "backends: {address: 10.0.0.11}}\n"
            "    - {name: b, address: 10.0.0.11, ports: tcp/80, domain: blue, backends: {address: "
            "10.0.0.12}}\n"));
#undef POOL
#undef WEB

// A route that could not be read may be the one that leads there.
TEST(LoadBalancerBackends, OneMistakeElsewhereIsNoMissingRoute) {
  std::string text = kHead;
  text.replace(text.find("10.1.0.0/16"), 11, "10.1.0.0/33");
  const auto loaded = control::parse_profile(
      schema(), text + "  services: {name: a, address: 203.0.113.1, backends: {address: 10.1.0.1}}\n",
      "lb.yaml", control::no_files());
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().entries(), ::testing::SizeIs(1)) << loaded.error().to_string();
}

}  // namespace
}  // namespace millrace::load_balancer::profile
