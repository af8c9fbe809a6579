// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/profile.h"

#include <chrono>
#include <fstream>

#include "tests/unit/load_balancer/profile_fixture.h"

namespace millrace::load_balancer::profile {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(LoadBalancerProfile, TheDesignsExampleParses) {
  const auto loaded = control::parse_profile(schema(), R"(vnf: load_balancer
name: lb-1
ports:
  inside:  {device: "0000:00:05.0"}
  outside: {device: "0000:00:06.0"}
interfaces:
  trust:   {port: inside, address: [10.0.0.1/24]}
  untrust: {port: outside, address: [198.51.100.2/24]}
load_balancer:
  services:
    - name: web
      address: 203.0.113.80
      ports: [tcp/80, tcp/443]
      scheduler: maglev            # maglev | weighted_round_robin | least_connections
      forwarding: nat              # nat | full_nat | direct (MAC rewrite, same L2) | ipip | gue
      affinity: none               # none | client
      health: {type: http, port: 80, path: /healthz, expect: 200, interval: 2s, timeout: 1s, rise: 2, fall: 3}
      drain: 30s
      backends:
        - {address: 10.0.0.11, weight: 2}
        - {address: 10.0.0.12}
)",
                                             "lb.yaml", control::no_files());
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const Section& own = loaded->own;
  EXPECT_EQ(own.at, (Position{10, 3}));
  const Service& web = *own.service("web");
  EXPECT_EQ(web.at, (Position{11, 7}));
  EXPECT_EQ(web.name.at, (Position{11, 13}));
  EXPECT_EQ(web.address->to_string(), "203.0.113.80");
  ASSERT_THAT(web.ports, SizeIs(2));
  EXPECT_EQ(*web.ports[1], (ServicePorts{Protocol::kTcp, {443, 443}}));
  EXPECT_EQ(*web.scheduler, Scheduler::kMaglev);
  EXPECT_EQ(*web.forwarding, Forwarding::kNat);
  EXPECT_EQ(web.affinity, Affinity::kNone);
  EXPECT_EQ(*web.health->type, CheckType::kHttp);
  EXPECT_EQ(*web.health->port, 80);
  EXPECT_EQ(*web.health->path, "/healthz");
  ASSERT_THAT(web.health->expect, SizeIs(1));
  EXPECT_EQ(*web.health->expect[0], 200);
  EXPECT_EQ(web.health->interval, 2s);
  EXPECT_EQ(*web.health->timeout, 1s);
  EXPECT_EQ(web.health->rise, 2U);
  EXPECT_EQ(web.health->fall, 3U);
  EXPECT_EQ(web.drain, 30s);
  ASSERT_THAT(web.backends, SizeIs(2));
  EXPECT_EQ(web.backends[0].address->to_string(), "10.0.0.11");
  EXPECT_EQ(web.backends[0].address.at, (Position{20, 21}));
  EXPECT_EQ(web.backends[0].weight, 2U);
  EXPECT_EQ(web.backends[1].weight, 1U);
}

TEST(LoadBalancerProfile, ReadsEveryKeyOfTheSection) {
  const auto loaded = parse_section(R"(
  table_size: 1009
  hash_seed: 81985529216486895
  announce: false
  source_pools:
    inner: {addresses: [10.0.0.8, 10.0.0.9], ports: 2000-2999}
    six: {addresses: "2001:db8:2::9"}
  services:
    - name: web
      address: 203.0.113.80
      ports: tcp/443
      domain: default
      scheduler: least_connections
      forwarding: full_nat
      affinity: client
      source_pool: inner
      client_address: proxy_protocol
      passive: {failures: 7, eject: 20s, longest: 1m, most_ejected: 25}
      slow_start: 90s
      drain: 1h
      all_down: last_resort
      last_resort: {address: 10.0.0.19, port: 81}
      mss: 1400
      protect: {connections_per_client: 200, new_connections_per_client: 100/s,
                connections: 1M}
      timeouts: {tcp_established: 2h, tcp_opening: 30s, tcp_closing: 10s, udp: 40s, sctp: 50s}
      discover: {dns: web.example.net, interval: 5s}
      backends:
        - {address: 10.0.0.11, port: 8443, weight: 0}
    - name: quic
      address: "2001:db8::80"
      ports: [udp/443, udp/8443-8450, sctp]
      scheduler: source_hash
      quic: {config: 6, server_id_bytes: 2}
      all_down: drop
      backends: {address: "2001:db8:2::11", server_id: "0A0b"}
    - name: dns
      address: 203.0.113.53
      ports: udp/53
      domain: blue
      scheduler: weighted_round_robin
      forwarding: direct
      per: packet
      backends: {address: 10.0.0.11}
    - {name: gate, address: 203.0.113.54, protect: {syn_proxy: {}}, backends: {address: 10.0.0.12}}
    - {name: wall, address: 203.0.113.55, ports: tcp/80, protect: {syn_proxy: {above: 10k/s}},
       backends: {address: 10.0.0.13}}
)");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const Section& own = loaded->own;
  EXPECT_EQ(*own.table_size, 1009U);
  EXPECT_EQ(own.hash_seed, 81985529216486895U);
  EXPECT_FALSE(own.announce);
  const SourcePool& pool = *own.source_pool("inner");
  ASSERT_THAT(pool.addresses, SizeIs(2));
  EXPECT_EQ(pool.addresses[1]->to_string(), "10.0.0.9");
  EXPECT_EQ(*pool.ports, (PortRange{2000, 2999}));
  EXPECT_EQ(*own.source_pool("six")->ports, (PortRange{1024, 65535}));
  EXPECT_EQ(own.source_pool("outer"), nullptr);

  const Service& web = *own.service("web");
  EXPECT_EQ(web.routing_domain(), "default");
  EXPECT_TRUE(web.takes_only(Protocol::kTcp));
  EXPECT_EQ(*web.scheduler, Scheduler::kLeastConnections);
  EXPECT_EQ(*web.forwarding, Forwarding::kFullNat);
  EXPECT_EQ(web.affinity, Affinity::kClient);
  EXPECT_EQ(*web.source_pool, "inner");
  EXPECT_EQ(*web.client_address, ClientAddress::kProxyProtocol);
  EXPECT_EQ(web.passive->failures, 7U);
  EXPECT_EQ(web.passive->eject, 20s);
  EXPECT_EQ(*web.passive->longest, 1min);
  EXPECT_EQ(web.passive->most_ejected, 25U);
  EXPECT_EQ(web.slow_start, 90s);
  EXPECT_EQ(web.drain, 1h);
  EXPECT_EQ(*web.all_down, AllDown::kLastResort);
  EXPECT_EQ(web.last_resort->address->to_string(), "10.0.0.19");
  EXPECT_EQ(*web.last_resort->port, 81);
  EXPECT_EQ(*web.mss, 1400);
  EXPECT_EQ(*web.protect.connections_per_client, 200U);
  EXPECT_EQ(*web.protect.new_connections_per_client, 100U);
  EXPECT_EQ(*web.protect.connections, 1'000'000U);
  EXPECT_EQ(web.timeouts.tcp_established, 2h);
  EXPECT_EQ(web.timeouts.tcp_opening, 30s);
  EXPECT_EQ(web.timeouts.tcp_closing, 10s);
  EXPECT_EQ(web.timeouts.udp, 40s);
  EXPECT_EQ(web.timeouts.sctp, 50s);
  EXPECT_EQ(*web.discover->dns, "web.example.net");
  EXPECT_EQ(web.discover->interval, 5s);
  EXPECT_EQ(*web.backends[0].port, 8443);
  EXPECT_EQ(web.backends[0].weight, 0U);

  const Service& quic = *own.service("quic");
  EXPECT_TRUE(quic.takes(Protocol::kUdp));
  EXPECT_TRUE(quic.takes(Protocol::kSctp));
  EXPECT_FALSE(quic.takes(Protocol::kTcp));
  EXPECT_FALSE(quic.takes_only(Protocol::kUdp));
  EXPECT_TRUE(quic.ports[2]->all());
  EXPECT_EQ(*quic.scheduler, Scheduler::kSourceHash);
  EXPECT_EQ(quic.quic->config, 6U);
  EXPECT_EQ(quic.quic->server_id_bytes, 2U);
  EXPECT_EQ(*quic.all_down, AllDown::kDrop);
  EXPECT_EQ(*quic.backends[0].server_id, "0a0b");

  const Service& dns = *own.service("dns");
  EXPECT_EQ(dns.routing_domain(), "blue");
  EXPECT_EQ(*dns.scheduler, Scheduler::kWeightedRoundRobin);
  EXPECT_EQ(*dns.forwarding, Forwarding::kDirect);
  EXPECT_EQ(*dns.per, Per::kPacket);

  const Service& gate = *own.service("gate");
  EXPECT_TRUE(gate.takes(Protocol::kTcp));
  EXPECT_FALSE(gate.takes_only(Protocol::kTcp));
  EXPECT_EQ(*gate.protect.syn_proxy_above, 0U);  // always
  EXPECT_EQ(*own.service("wall")->protect.syn_proxy_above, 10'000U);
  EXPECT_EQ(own.service("none"), nullptr);
}

TEST(LoadBalancerProfile, ReadsEveryKeyOfHealth) {
  const auto loaded = parse_section(R"(
  services:
    - {name: a, address: 203.0.113.1, ports: tcp/443, backends: {address: 10.0.0.11}, health:
       {type: https, port: 8443, interval: 10s, timeout: 3s, rise: 4, fall: 5, jitter: 20, path: "/up?q=1",
        host: www.example.net:8443, expect: [200, 204], body: all is well, server_name: www.example.net,
        verify: false}}
    - {name: b, address: 203.0.113.2, ports: udp/5000, backends: {address: 10.0.0.11}, health:
       {type: udp, send: 0x0001ff, receive: pong}}
    - {name: c, address: 203.0.113.3, ports: udp/53, backends: {address: 10.0.0.11}, health:
       {type: dns, name: www.example.net}}
    - {name: d, address: 203.0.113.4, ports: tcp/9, forwarding: ipip, backends: {address: 10.0.0.11}, health: {}}
)");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const auto& services = loaded->own.services;
  ASSERT_THAT(services, SizeIs(4));
  const Health& https = *services[0].health;
  EXPECT_EQ(*https.type, CheckType::kHttps);
  EXPECT_EQ(*https.port, 8443);
  EXPECT_EQ(https.interval, 10s);
  EXPECT_EQ(*https.timeout, 3s);
  EXPECT_EQ(https.rise, 4U);
  EXPECT_EQ(https.fall, 5U);
  EXPECT_EQ(https.jitter, 20U);
  EXPECT_EQ(*https.path, "/up?q=1");
  EXPECT_EQ(*https.host, "www.example.net:8443");
  ASSERT_THAT(https.expect, SizeIs(2));
  EXPECT_EQ(*https.expect[1], 204);
  EXPECT_EQ(*https.body, "all is well");
  EXPECT_EQ(*https.server_name, "www.example.net");
  EXPECT_FALSE(*https.verify);
  EXPECT_EQ(*services[1].health->send, "\x00\x01\xff"s);
  EXPECT_EQ(*services[1].health->receive, "pong");
  EXPECT_EQ(*services[2].health->name, "www.example.net");
  const Health& tcp = *services[3].health;
  EXPECT_EQ(*tcp.type, CheckType::kTcp);
  EXPECT_EQ(tcp.port.value, std::nullopt);
  EXPECT_THAT(tcp.expect, IsEmpty());
  EXPECT_TRUE(*tcp.verify);
}

TEST(LoadBalancerProfile, HasDefaults) {
  const auto loaded =
      parse_section("  services: {name: a, address: 203.0.113.1, backends: {address: 10.0.0.11}}\n");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(*loaded->own.table_size, 65'537U);
  EXPECT_TRUE(loaded->own.announce);
  const Service& service = loaded->own.services[0];
  EXPECT_THAT(service.ports, IsEmpty());
  EXPECT_EQ(*service.scheduler, Scheduler::kMaglev);
  EXPECT_EQ(*service.forwarding, Forwarding::kNat);
  EXPECT_EQ(*service.per, Per::kConnection);
  EXPECT_EQ(*service.all_down, AllDown::kReject);
  EXPECT_FALSE(service.health);
  EXPECT_FALSE(service.passive);
  EXPECT_FALSE(service.discover);
  EXPECT_FALSE(service.quic);
  EXPECT_EQ(service.slow_start, 0s);
  EXPECT_EQ(service.drain, 30s);
  EXPECT_FALSE(service.protect.syn_proxy_above.value);
}

TEST(LoadBalancerProfile, TenThousandServicesLoadInTime) {
  std::string text = "  services:\n";
  for (unsigned i = 1; i <= 10'000; ++i) {
    const std::string port = std::to_string(i);
    text += "    - {name: s" + port + ", address: 203.0.113.1, ports: tcp/" + port +
            ", backends: {address: 10.0.0.11}}\n";
  }
  const auto start = std::chrono::steady_clock::now();
  const auto loaded = parse_section(text);
  const auto took = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_THAT(loaded->own.services, SizeIs(10'000));
#ifdef NDEBUG
  EXPECT_LT(took, 2s);
#else
  static_cast<void>(took);  // a debug or sanitizer build promises no times
#endif
}

class ShippedLoadBalancerProfile : public ::testing::TestWithParam<const char*> {};

TEST_P(ShippedLoadBalancerProfile, IsValidAndExplainsEachLine) {
  const std::string path =
      std::string(MILLRACE_SOURCE_DIR) + "/vnfs/load_balancer/profiles/" + GetParam() + ".yaml";
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

INSTANTIATE_TEST_SUITE_P(All, ShippedLoadBalancerProfile,
                         ::testing::Values("default", "throughput", "low-latency", "small"));

}  // namespace
}  // namespace millrace::load_balancer::profile
