// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/profile.h"

#include <chrono>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/nat/profile_fixture.h"
#include "vnfs/nat/profile_types.h"

namespace millrace::nat::profile {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> texts(const std::vector<AddressRange>& ranges) {
  std::vector<std::string> out;
  for (const AddressRange& range : ranges) out.push_back(print_range(range));
  return out;
}

TEST(NatProfile, TheDesignsExampleParses) {
  const auto loaded = control::parse_profile(schema(), R"(vnf: nat
name: nat-1
ports:
  inside:  {device: "0000:00:05.0"}
  outside: {device: "0000:00:06.0"}
interfaces:
  trust:   {port: inside, address: [192.0.2.1/24, "2001:db8:1::1/64"]}
  untrust: {port: outside, address: [198.51.100.2/24]}
telemetry: {log: info, ipfix: {collector: 192.0.2.50:4739}}
nat:
  inside: [trust]
  outside: [untrust]
  pools:
    subscribers: {addresses: [203.0.113.0/28], ports: 1024-65535, block: 512, blocks_per_subscriber: 4, pairing: paired}
  rules:
    - {source: 100.64.0.0/10, pool: subscribers, mapping: endpoint_independent, filtering: address_and_port_dependent}
  static:
    - {inside: 192.0.2.10:8443, outside: 203.0.113.20:443, protocol: tcp}
    - {inside: 192.0.2.11, outside: 203.0.113.21}
  deterministic: []                # {inside: 100.64.0.0/16, outside: 203.0.113.64/26}
  nat64: {prefix: "64:ff9b::/96", pool: subscribers}
  hairpin: true
  alg: [ftp]
  timeouts: {tcp_established: 2h4m, tcp_transitory: 4m, udp: 5m, icmp: 60s}
  log: {ipfix: true, events: blocks}   # blocks | sessions
)",
                                             "nat.yaml", control::no_files());
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const Section& own = loaded->own;
  EXPECT_EQ(own.at, (Position{11, 3}));
  EXPECT_EQ(*own.inside[0], "trust");
  EXPECT_EQ(*own.outside[0], "untrust");
  const Pool& pool = *own.pool("subscribers");
  EXPECT_THAT(texts(pool.usable), ElementsAre("203.0.113.0/28"));
  EXPECT_EQ(*pool.ports, (PortRange{1024, 65535}));
  EXPECT_EQ(*pool.block, 512U);
  EXPECT_EQ(pool.blocks_per_subscriber, 4U);
  EXPECT_EQ(pool.pairing, Pairing::kPaired);
  EXPECT_EQ(pool.quarantine, 120s);
  ASSERT_THAT(own.rules, SizeIs(1));
  EXPECT_EQ(own.rules[0].at, (Position{16, 7}));
  EXPECT_EQ(own.rules[0].source[0]->to_string(), "100.64.0.0/10");
  EXPECT_EQ(**own.rules[0].pool, "subscribers");
  EXPECT_FALSE(own.rules[0].bypass);
  EXPECT_EQ(own.rules[0].mapping, Dependence::kEndpointIndependent);
  EXPECT_EQ(*own.rules[0].filtering, Dependence::kAddressAndPortDependent);
  ASSERT_THAT(own.statics, SizeIs(2));
  EXPECT_EQ(own.statics[0].at, (Position{18, 7}));
  EXPECT_EQ(own.statics[0].inside->to_string(), "192.0.2.10");
  EXPECT_EQ(own.statics[0].inside_ports, (PortRange{8443, 8443}));
  EXPECT_EQ(own.statics[0].outside->to_string(), "203.0.113.20");
  EXPECT_EQ(own.statics[0].outside.at, (Position{18, 42}));
  EXPECT_EQ(own.statics[0].outside_ports, (PortRange{443, 443}));
  EXPECT_EQ(own.statics[0].protocol, MappedProtocol::kTcp);
  EXPECT_EQ(own.statics[1].inside_ports, std::nullopt);
  EXPECT_EQ(own.statics[1].length, 32);
  EXPECT_THAT(own.deterministic, IsEmpty());
  EXPECT_EQ(own.nat64->prefix->to_string(), "64:ff9b::/96");
  EXPECT_EQ(*own.nat64->pool, "subscribers");
  EXPECT_TRUE(own.hairpin);
  ASSERT_THAT(own.alg, SizeIs(1));
  EXPECT_EQ(*own.alg[0], Alg::kFtp);
  EXPECT_FALSE(own.port_control);
  EXPECT_EQ(own.timeouts.tcp_established, 2h + 4min);
  EXPECT_EQ(own.timeouts.udp, 5min);
  EXPECT_TRUE(*own.log.ipfix);
  EXPECT_EQ(own.log.events, LoggedEvents::kBlocks);
}

TEST(NatProfile, ReadsEveryKey) {
  const auto loaded = parse_section(R"(
  pools:
    shared:
      addresses: [203.0.113.0/28, 203.0.113.16-203.0.113.20, 198.51.100.2]
      exclude: [203.0.113.0, 203.0.113.14 - 203.0.113.17]
      ports: 2000-2999
      ports_per_subscriber: 100
      sessions_per_subscriber: 200
      pairing: arbitrary
      quarantine: 0s
      domain: default
  rules:
    - {destination: [10.0.0.0/8, 172.16.0.1], interface: tenant, bypass: true}
    - {pool: shared, mapping: address_dependent, filtering: address_dependent}
    - {pool: shared, mapping: address_and_port_dependent}
  static:
    - {inside: 192.0.2.10:8000-8099, outside: 203.0.113.30:9000-9099, protocol: udp}
    - {inside: 192.0.2.10:53, outside: 203.0.113.30:53, protocol: tcp_and_udp}
    - {inside: 10.7.0.16/28, outside: 203.0.113.32/28, domain: tenant7}
    - {inside: 192.0.2.12:80, outside: 198.51.100.2:80}
  deterministic:
    - {inside: 100.64.0.0/24, outside: 203.0.113.64/31, ports: 10000-59999, domain: tenant7}
  nat64: {prefix: "2001:db8:64::/56", pool: shared, filtering: address_dependent}
  nptv6: {inside: "fd00:1::/48", outside: "2001:db8:2::/48"}
  hairpin: false
  alg: [sip, pptp]
  port_control: {longest: 1h, shortest: 5m, nat_pmp: false, third_party: true, prefer_failure: true, mappings_per_subscriber: 8}
  timeouts: {tcp_established: 3h, tcp_transitory: 5m, tcp_syn: 10s, udp: 2m, udp_well_known: 10s, icmp: 2m, other: 1m}
  log: {syslog: {collector: logs.example.net:514}, events: sessions, destinations: true}
  subscribers: 10k
)");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const Section& own = loaded->own;
  const Pool& pool = own.pools[0];
  EXPECT_THAT(texts(pool.usable),
              ElementsAre("198.51.100.2", "203.0.113.1-203.0.113.13", "203.0.113.18-203.0.113.20"));
  EXPECT_EQ(*pool.ports, (PortRange{2000, 2999}));
  EXPECT_FALSE(pool.block.value);
  EXPECT_EQ(*pool.ports_per_subscriber, 100U);
  EXPECT_EQ(*pool.sessions_per_subscriber, 200U);
  EXPECT_EQ(pool.pairing, Pairing::kArbitrary);
  EXPECT_EQ(pool.quarantine, 0s);
  EXPECT_EQ(*pool.domain, "default");
  ASSERT_THAT(own.rules, SizeIs(3));
  EXPECT_TRUE(own.rules[0].bypass);
  EXPECT_FALSE(own.rules[0].pool);
  EXPECT_EQ(*own.rules[0].interface[0], "tenant");
  EXPECT_EQ(own.rules[0].destination[1]->to_string(), "172.16.0.1/32");
  EXPECT_EQ(own.rules[1].mapping, Dependence::kAddressDependent);
  EXPECT_EQ(*own.rules[1].filtering, Dependence::kAddressDependent);
  ASSERT_THAT(own.statics, SizeIs(4));
  EXPECT_EQ(own.statics[0].inside_ports, (PortRange{8000, 8099}));
  EXPECT_EQ(own.statics[0].outside_ports, (PortRange{9000, 9099}));
  EXPECT_EQ(own.statics[0].protocol, MappedProtocol::kUdp);
  EXPECT_EQ(own.statics[2].length, 28);
  EXPECT_EQ(*own.statics[2].domain, "tenant7");
  EXPECT_EQ(own.statics[3].protocol, MappedProtocol::kTcpAndUdp);
  ASSERT_THAT(own.deterministic, SizeIs(1));
  EXPECT_EQ(own.deterministic[0].ports, (PortRange{10000, 59999}));
  EXPECT_EQ(own.deterministic[0].outside->to_string(), "203.0.113.64/31");
  EXPECT_EQ(own.nat64->filtering, Dependence::kAddressDependent);
  ASSERT_THAT(own.nptv6, SizeIs(1));
  EXPECT_EQ(own.nptv6[0].outside->to_string(), "2001:db8:2::/48");
  EXPECT_FALSE(own.hairpin);
  ASSERT_THAT(own.alg, SizeIs(2));
  EXPECT_EQ(*own.alg[1], Alg::kPptp);
  EXPECT_EQ(own.port_control->longest, 1h);
  EXPECT_EQ(*own.port_control->shortest, 5min);
  EXPECT_FALSE(own.port_control->nat_pmp);
  EXPECT_TRUE(own.port_control->third_party);
  EXPECT_TRUE(own.port_control->prefer_failure);
  EXPECT_EQ(own.port_control->mappings_per_subscriber, 8U);
  EXPECT_EQ(own.timeouts.tcp_syn, 10s);
  EXPECT_EQ(*own.timeouts.tcp_opening, 5min);  // where none is given, that of tcp_transitory
  EXPECT_EQ(*own.timeouts.udp_well_known, 10s);
  EXPECT_EQ(own.timeouts.other, 1min);
  EXPECT_EQ(*own.log.syslog->collector, (control::Endpoint{"logs.example.net", 514}));
  EXPECT_EQ(own.log.events, LoggedEvents::kSessions);
  EXPECT_TRUE(*own.log.destinations);
  EXPECT_EQ(own.subscribers, 10'000U);
}

TEST(NatProfile, HasTheDefaultsOfTheRfcs) {
  const auto loaded = parse_section(
      "  pools: {a: {addresses: 203.0.113.1}}\n  rules: {pool: a}\n  port_control: {}\n  timeouts: {udp: "
      "2m}\n");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const Section& own = loaded->own;
  EXPECT_EQ(*own.pools[0].ports, (PortRange{1024, 65535}));
  EXPECT_EQ(own.pools[0].pairing, Pairing::kPaired);                  // RFC 6888 REQ-2
  EXPECT_EQ(own.pools[0].quarantine, 120s);                           // RFC 6888 REQ-8
  EXPECT_EQ(own.rules[0].mapping, Dependence::kEndpointIndependent);  // RFC 4787 REQ-1
  EXPECT_TRUE(own.hairpin);                                           // RFC 4787 REQ-9
  ASSERT_THAT(own.alg, SizeIs(1));                                    // RFC 5382 REQ-6
  EXPECT_EQ(*own.alg[0], Alg::kFtp);
  EXPECT_EQ(*own.timeouts.udp_well_known, 2min);    // never more than udp
  EXPECT_EQ(own.timeouts.tcp_established, 124min);  // RFC 5382 REQ-5
  EXPECT_EQ(own.timeouts.icmp, 60s);                // RFC 5508 REQ-2
  EXPECT_EQ(own.port_control->longest, 24h);        // RFC 6887 section 15
  EXPECT_FALSE(*own.log.destinations);              // RFC 6888 REQ-12
}

TEST(NatProfile, NoApplicationGatewayIsAChoice) {
  const auto loaded =
      parse_section("  pools: {a: {addresses: 203.0.113.1}}\n  rules: {pool: a}\n  alg: []\n");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_THAT(loaded->own.alg, IsEmpty());
}

TEST(NatProfile, RulesMayBeMissingWhereThereAreOtherMappings) {
  for (const char* text : {"  static: {inside: 192.0.2.10, outside: 203.0.113.1}\n",
                           "  deterministic: {inside: 192.0.2.0/24, outside: 203.0.113.1}\n",
                           "  pools: {a: {addresses: 203.0.113.1}}\n"
                           "  nat64: {prefix: \"64:ff9b::/96\", pool: a}\n",
                           "  nptv6: {inside: \"fd00::/48\", outside: \"2001:db8:2::/48\"}\n"}) {
    const auto loaded = parse_section(text);
    EXPECT_TRUE(loaded) << loaded.error().to_string();
  }
}

TEST(NatProfile, TenThousandStaticMappingsLoadInTime) {
  std::string text = "  static:\n";
  for (unsigned i = 0; i < 10'000; ++i) {
    const std::string port = std::to_string(1 + i);
    text += "    - {inside: 192.0.2.9:" + port + ", outside: 203.0.113.9:" + port + ", protocol: tcp}\n";
  }
  const auto start = std::chrono::steady_clock::now();
  const auto loaded = parse_section(text);
  const auto took = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_THAT(loaded->own.statics, SizeIs(10'000));
#ifdef NDEBUG
  EXPECT_LT(took, 2s);
#else
  static_cast<void>(took);  // a debug or sanitizer build promises no times
#endif
}

class ShippedNatProfile : public ::testing::TestWithParam<const char*> {};

TEST_P(ShippedNatProfile, IsValidAndExplainsEachLine) {
  const std::string path = std::string(MILLRACE_SOURCE_DIR) + "/vnfs/nat/profiles/" + GetParam() + ".yaml";
  const auto loaded = control::load_profile(schema(), path);
  EXPECT_TRUE(loaded) << loaded.error().to_string();
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const auto last = line.find_last_not_of(' ');
    const bool opens = last != std::string::npos && line[last] == ':';    // explained by what it opens
    const bool goes_on = last != std::string::npos && line[last] == ',';  // explained by its next line
    EXPECT_TRUE(line.empty() || opens || goes_on || line.find('#') != std::string::npos)
        << path << ":" << number << ": " << line;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ShippedNatProfile,
                         ::testing::Values("default", "throughput", "low-latency", "small"));

}  // namespace
}  // namespace millrace::nat::profile
