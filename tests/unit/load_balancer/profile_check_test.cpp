// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/profile_check.h"

#include "tests/unit/load_balancer/profile_fixture.h"

namespace millrace::load_balancer::profile {
namespace {

class BadLoadBalancer : public ::testing::TestWithParam<Bad> {};

TEST_P(BadLoadBalancer, GivesOneErrorAtItsPlace) { expect_one_error(GetParam()); }

// The service begins in line 14; what a test is about begins in line 15, column 8.
#define ONE "  services:\n    - {name: web, address: 203.0.113.80,\n       "
#define BACKEND "backends: {address: 10.0.0.11}"
#define WEB ONE "ports: tcp/80, " BACKEND ",\n       "  // in line 16, column 8
#define DNS ONE "ports: udp/53, " BACKEND ",\n       "
#define POOL "  source_pools: {a: {addresses: 10.0.0.9}}\n"  // first, so all is a line further down
const Bad kBadServices[] = {
    {"", "12:1", "load_balancer: there is no value; give load_balancer as a mapping with the keys services"},
    {"  announce: true\n", "13:3", "load_balancer lacks 'services'; give"},
    {"  services: []\n", "13:13", "services: a list without entries is of no use; give at least one entry"},
    {ONE BACKEND "}\n  service: []\n", "16:3", "did you mean 'services'?"},
    {"  services: {address: 203.0.113.80, " BACKEND "}\n", "13:13", "service lacks 'name'; give"},
    {"  services: {name: web, " BACKEND "}\n", "13:13",
     "service lacks 'address'; give address: an address, such as"},
    {ONE BACKEND "}\n    - {name: web, address: 203.0.113.81, backends: {address: 10.0.0.12}}\n", "16:14",
     "service 'web' is given twice, first in line 14; give each service a name of its own"},
    {ONE "ports: tcp/0, " BACKEND "}\n", "15:15",
     "ports: 'tcp/0' has port 0, which no packet may have; give tcp, udp or sctp, alone or with a port or "
     "ports, such as tcp/443 or udp/5000-5100"},
    {ONE "ports: 80, " BACKEND "}\n", "15:15", "ports: '80' has no protocol that has ports; give tcp, udp"},
    {ONE "ports: [], " BACKEND "}\n", "15:15", "give at least one entry"},

    // The Maglev table.
    {ONE BACKEND "}\n  table_size: 65536\n", "16:15",
     "65536 is no prime, and Maglev's table has a prime size; give 65537"},
    {ONE BACKEND "}\n  table_size: 9999990\n", "16:15", "9999990 is no prime"},
    {ONE BACKEND "}\n  table_size: 100\n", "16:15",
     "'100' is out of range; give an integer from 101 to 9999991"},
    {ONE BACKEND "}\n  hash_seed: -1\n", "16:14",
     "out of range; give an integer from 0 to 9223372036854775807"},

    // Backends and their shares.
    {ONE "ports: tcp/80}\n", "14:14", "service 'web' has no backends; give backends, or discover"},
    {ONE "backends: []}\n", "14:14", "service 'web' has no backends; give backends, or discover"},
    {ONE "backends: [{address: 10.0.0.11, weight: 0}, {address: 10.0.0.12, weight: 0}]}\n", "14:14",
     "all backends of service 'web' have weight 0, and none gets a connection; give one of them more"},
    {ONE "backends: {address: 10.0.0.11, weight: 1001}}\n", "15:47",
     "'1001' is out of range; give an integer from 0 to 1000"},
    {WEB "last_resort: {address: 10.0.0.12, weight: 1}}\n", "16:42",
     "unknown key 'weight' in last resort; known keys are address, port"},

    // Forwarding and what goes with it.
    {WEB "forwarding: dsr}\n", "16:20",
     "'dsr' is not possible; give nat, full_nat, direct, ipip, gue or gre"},
    {WEB "forwarding: full_nat}\n", "16:20",
     "full_nat has no addresses to come from; give source_pool: NAME"},
    {POOL WEB "source_pool: a}\n", "17:21",
     "forwarding nat leaves the client's address, and has no use for a source pool; remove source_pool, or "
     "give forwarding: full_nat"},
    {POOL WEB "forwarding: gue, source_pool: a}\n", "17:38", "forwarding gue leaves the client's address"},
    {POOL WEB "forwarding: full_nat, source_pool: b}\n", "17:43",
     "source pool 'b' is not defined; defined source pools are a"},
    {WEB "forwarding: full_nat, source_pool: b}\n", "16:43",
     "source pool 'b' is not defined; no source pools are defined"},
    {WEB "client_address: proxy_protocol}\n", "16:24",
     "with forwarding nat the backend sees the client's address; remove client_address, or give forwarding: "
     "full_nat"},
    {WEB "client_address: toa, forwarding: gre}\n", "16:24", "with forwarding gre the backend sees the"},
    {POOL DNS "forwarding: full_nat, source_pool: a, client_address: toa}\n", "17:62",
     "toa is an option of TCP, and the service takes more than TCP; give ports of TCP alone"},
    {POOL ONE "ports: [tcp/443, udp/443], " BACKEND ", forwarding: full_nat, source_pool: a,\n"
              "       client_address: proxy_protocol}\n",
     "17:24", "proxy_protocol is text at the start of TCP, and the service takes more than TCP"},
    {POOL ONE BACKEND ", forwarding: full_nat, source_pool: a,\n       client_address: toa}\n", "17:24",
     "toa is an option of TCP"},

    // What is scheduled.
    {WEB "scheduler: random}\n", "16:19",
     "give maglev, weighted_round_robin, least_connections or source_hash"},
    {WEB "per: packet}\n", "16:13",
     "only of UDP each packet may go elsewhere, and the service takes more; give ports of UDP alone, or per: "
     "connection"},
    {ONE BACKEND ", per: packet}\n", "15:45", "only of UDP each packet may go elsewhere"},
    {ONE "ports: [udp/53, tcp/53], " BACKEND ", per: packet}\n", "15:70", "only of UDP each packet may go"},
    {POOL DNS "per: packet, forwarding: full_nat, source_pool: a}\n", "17:13",
     "full_nat has a source port for each connection, and with per: packet there is none; give one of them"},
    {DNS "per: packet, affinity: client}\n", "16:13",
     "affinity: client keeps together what per: packet scatters; give one of them"},
    {ONE "ports: udp/443, backends: {address: 10.0.0.11, server_id: \"01020304\"},\n"
         "       quic: {}, per: packet}\n",
     "16:23", "quic keeps together what per: packet scatters; give one of them"},

    // When all are down.
    {WEB "all_down: last_resort}\n", "16:18",
     "there is no server of last resort; give last_resort: {address: ADDRESS}"},
    {WEB "all_down: drop, last_resort: {address: 10.0.0.12}}\n", "16:37",
     "all_down is drop, and a server of last resort gets nothing; remove it, or give all_down: last_resort"},
    {WEB "all_down: reject, last_resort: {address: 10.0.0.12}}\n", "16:39", "all_down is reject"},

    // QUIC.
    {ONE "ports: tcp/443, backends: {address: 10.0.0.11, server_id: \"01020304\"},\n       quic: {}}\n",
     "16:14", "QUIC is over UDP, and no ports of it are given; give ports, such as udp/443, or remove quic"},
    {ONE "backends: {address: 10.0.0.11, server_id: \"01020304\"},\n       quic: {}}\n", "16:14",
     "QUIC is over UDP"},
    {DNS "quic: {}}\n", "15:33",
     "10.0.0.11 has no server_id, by which quic finds it; give 8 hexadecimal digits"},
    {ONE "ports: udp/443, backends: {address: 10.0.0.11, server_id: \"010203\"},\n       quic: {}}\n",
     "15:66", "server_id '010203' has 3 bytes, where quic has 4; give 8 hexadecimal digits"},
    {ONE "ports: udp/443, quic: {server_id_bytes: 1}, backends:\n"
         "       [{address: 10.0.0.11, server_id: \"0a\"},\n"
         "        {address: 10.0.0.12, server_id: \"0A\"}]}\n",
     "17:41", "server_id '0a' is that of another backend, in line 16; give each its own"},
    {ONE "ports: udp/443, backends: {address: 10.0.0.11, server_id: \"01020304\"}, quic: {},\n"
         "       discover: {dns: web.example.net}}\n",
     "16:18", "what is discovered has no server_id, by which quic finds it; remove discover, or quic"},
    {ONE "backends: {address: 10.0.0.11, server_id: \"01020304\"}}\n", "15:50",
     "server_id is for quic, which the service has not; remove it, or give quic"},
    {ONE "backends: {address: 10.0.0.11, server_id: 0a1}}\n", "15:50",
     "'0a1' does not fit; give 1 to 15 bytes as pairs of hexadecimal digits, such as \"0a1b2c3d\""},
    {DNS "quic: {config: 7}}\n", "16:23", "give an integer from 0 to 6"},
    {DNS "quic: {server_id_bytes: 16}}\n", "16:32", "give an integer from 1 to 15"},

    // Only TCP has it.
    {DNS "passive: {}}\n", "16:17",
     "passive is of TCP, which the service does not take; remove it, or give ports of TCP"},
    {DNS "mss: 1400}\n", "16:13", "mss is of TCP"},
    {DNS "protect: {syn_proxy: {}}}\n", "16:29", "syn_proxy is of TCP"},
    {DNS "protect: {connections_per_client: 9}}\n", "16:42", "connections_per_client is of TCP"},
    {DNS "protect: {new_connections_per_client: 9/s}}\n", "16:46", "new_connections_per_client is of TCP"},
    {DNS "protect: {connections: 9}}\n", "16:31", "connections is of TCP"},
    {WEB "forwarding: direct, protect: {syn_proxy: {above: 10k/s}}}\n", "16:49",
     "with forwarding direct answers do not pass here, and SYNs cannot be answered for the backend; remove "
     "syn_proxy, or give forwarding: nat"},
    {POOL WEB "forwarding: full_nat, source_pool: a, protect: {syn_proxy: {}}}\n", "17:67",
     "with forwarding full_nat SYNs are not answered for the backend; remove syn_proxy, or give forwarding: "
     "nat"},
    {WEB "forwarding: ipip, protect: {syn_proxy: {}}}\n", "16:47",
     "with forwarding ipip answers do not pass"},
    {WEB "protect: {new_connections_per_client: 30/min}}\n", "16:46",
     "'30/min' is less than one in a second; give a rate of at least 1/s"},
    {WEB "mss: 535}\n", "16:13", "give an integer from 536 to 9160"},
};
#undef POOL
#undef DNS
#undef WEB
#undef BACKEND
#undef ONE

INSTANTIATE_TEST_SUITE_P(Table, BadLoadBalancer, ::testing::ValuesIn(kBadServices));

std::string errors_of(const std::string& text) {
  const auto loaded = parse_section(text);
  return loaded ? "" : loaded.error().to_string();
}

TEST(LoadBalancerProfile, BalancingNeedsRoutes) {
  const auto loaded = control::parse_profile(
      schema(),
      "vnf: load_balancer\nname: lb\nports: {p: {device: x}, q: {device: y}}\n"
      "interfaces: {a: {port: p}, b: {port: q}}\n"
      "forwarding: {transparent: {pairs: [[p, q]]}}\n"
      "load_balancer:\n  services: {name: a, address: 203.0.113.1, discover: {dns: a.example.net}}\n",
      "lb.yaml", control::no_files());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(
      loaded.error().to_string(),
      "lb.yaml:5:13: load balancing needs routes, and transparent forwarding has none; give forwarding: "
      "routed\n");
}

TEST(LoadBalancerProfile, ATableHasRoomForAllBackends) {
  const auto profile = [](int backends) {
    std::string text = "  services:\n    - name: web\n      address: 203.0.113.80\n      backends:\n";
    for (int i = 0; i < backends; ++i) text += "        - {address: 10.1.0." + std::to_string(i + 1) + "}\n";
    return text;
  };
  EXPECT_EQ(errors_of("  table_size: 101\n" + profile(101)), "");
  EXPECT_EQ(errors_of("  table_size: 101\n" + profile(102)),
            "lb.yaml:13:15: table_size 101 is less than the 102 backends of service 'web'; give 10211\n");
  EXPECT_EQ(errors_of("  table_size: 101\n" + profile(102) + "      scheduler: least_connections\n"), "");
}

TEST(LoadBalancerProfile, PrimesAreFound) {
  EXPECT_EQ(next_prime(2), 2U);
  EXPECT_EQ(next_prime(14), 17U);
  EXPECT_EQ(next_prime(65536), 65537U);  // a Fermat prime
  EXPECT_EQ(next_prime(8191), 8191U);    // a Mersenne prime
  EXPECT_EQ(next_prime(8192), 8209U);
  EXPECT_EQ(next_prime(kLeastTable), kLeastTable);
  EXPECT_EQ(next_prime(kMostTable), kMostTable);
}

TEST(LoadBalancerProfile, AServerOfLastResortIsUsedUnlessSaidOtherwise) {
  const auto loaded = parse_section(
      "  services:\n"
      "    - {name: a, address: 203.0.113.1, backends: {address: 10.0.0.11}}\n"
      "    - {name: b, address: 203.0.113.2, backends: {address: 10.0.0.12}, last_resort: {address: "
      "10.0.0.13}}\n");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(*loaded->own.services[0].all_down, AllDown::kReject);
  EXPECT_EQ(*loaded->own.services[1].all_down, AllDown::kLastResort);
}

TEST(LoadBalancerProfile, AllErrorsComeInOneRun) {
  const auto loaded = parse_section(
      "  table_size: 1000\n"
      "  services:\n"
      "    - {name: a, address: 224.0.0.1, backends: {address: 10.0.0.11}}\n"
      "    - {name: b, address: 203.0.113.2, ports: http, backends: {address: 10.0.0.11}}\n"
      "    - {name: b, address: 203.0.113.3, forwarding: full_nat, health: {path: /},\n"
      "       backends: {address: 10.9.0.1, port: 80}}\n"
      "  source_pools: {p: {addresses: 203.0.113.2}}\n");
  ASSERT_FALSE(loaded);
  std::vector<std::string> places;
  for (const control::Diagnostic& one : loaded.error().entries()) {
    places.push_back(std::to_string(one.at.line) + ":" + std::to_string(one.at.column));
  }
  EXPECT_THAT(places, ::testing::ElementsAre("13:15", "15:26", "16:46", "17:14", "17:51", "17:76", "19:33"));
}

}  // namespace
}  // namespace millrace::load_balancer::profile
