// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/profile.h"

#include <chrono>
#include <fstream>
#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/firewall/profile_fixture.h"
#include "vnfs/firewall/profile_types.h"

namespace millrace::firewall::profile {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

control::Checked<Whole> parse_section(const std::string& text) {
  return control::parse_profile(schema(), kHead + text, "fw.yaml", control::no_files());
}

TEST(FirewallProfile, TheDesignsExampleParses) {
  const Folder folder;
  folder.write("blocklist.txt", "203.0.113.0/24\n");
  // Section 7 of the design, less inspection.
  const auto loaded = control::load_profile(
      schema(),
      folder.write("fw.yaml", R"(vnf: firewall                     # firewall | load_balancer | nat | vpn
name: fw-edge-1
dataplane:
  workers: 2                      # a count, or CPU ids: [2, 3]
  memory: auto                    # huge pages when the machine has them, ordinary pages otherwise; or 1GiB
  burst: 32
  idle: adaptive                  # poll | adaptive (sleeps when quiet)
  sessions: 1M                    # flow capacity, allocated at start
ports:
  inside:  {device: "0000:00:05.0"}                          # DPDK device arguments, as DPDK documents them
  outside: {device: "net_af_packet0,iface=eth2", mtu: 1500}  # also net_af_xdp, net_memif, net_virtio_user
interfaces:
  trust:   {port: inside, address: [192.0.2.1/24, "2001:db8:1::1/64"]}
  tenant7: {port: inside, vlan: 107, address: [10.7.0.1/24], domain: tenant7}
  overlay: {port: outside, vxlan: {vni: 7001, local: 198.51.100.2, remote: 198.51.100.9, udp_port: 4789}, address: [10.99.0.1/24]}
  untrust: {port: outside, address: [198.51.100.2/24]}
forwarding: routed                # routed | transparent: {pairs: [[inside, outside]]} | nsh
routes:
  - {to: 0.0.0.0/0, via: 198.51.100.1}
telemetry: {log: info, ipfix: {collector: 192.0.2.50:4739}}

firewall:
  zones: {inside: [trust, tenant7], internet: [untrust]}
  groups: {web_servers: [192.0.2.10, 192.0.2.16/28], bad_hosts: {file: blocklist.txt}}
  default: drop
  rules:
    - {name: block-known-bad, from: internet, source: "@bad_hosts", action: drop, log: true}
    - {name: web-in, from: internet, to: inside, destination: "@web_servers", service: [tcp/80, tcp/443], action: accept}
    - {name: out, from: inside, to: internet, action: accept}
  protect: {syn_cookies: {above: 10k/s}, new_sessions_per_source: 500/s, sessions_per_source: 20000, reverse_path: strict}
  timeouts: {tcp_established: 1h, tcp_transitory: 4m, udp: 2m, icmp: 30s}
)"));
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const Section& own = loaded->own;
  EXPECT_THAT(texts(own.group("web_servers")->prefixes), ElementsAre("192.0.2.10/32", "192.0.2.16/28"));
  EXPECT_THAT(texts(own.group("bad_hosts")->prefixes), ElementsAre("203.0.113.0/24"));
  ASSERT_THAT(own.rules, SizeIs(3));
  EXPECT_EQ(own.rules[0].source[0]->group, "bad_hosts");
  EXPECT_TRUE(own.rules[0].log);
  EXPECT_EQ(own.rules[1].action, Action::kAccept);
  EXPECT_EQ(*own.rules[1].service[1],
            (Service{.protocol = 6, .ports = {443, 443}, .icmp_type = {}, .icmp_code = {}}));
  EXPECT_EQ(own.rules[1].at, (Position{28, 7}));
  EXPECT_EQ(*own.rules[2].from[0], "inside");
  EXPECT_EQ(own.rules[2].from[0].at, (Position{29, 25}));
  EXPECT_EQ(own.protect.syn_cookies->above, (Rate{10'000, 1}));
  EXPECT_EQ(own.protect.sessions_per_source, 20'000U);
  EXPECT_EQ(*own.protect.reverse_path, ReversePath::kStrict);
  EXPECT_EQ(own.timeouts.tcp_established, 1h);
}

TEST(FirewallProfile, ReadsEveryKeyOfARule) {
  const auto loaded = parse_section(R"(
  schedules:
    office: {days: [mon..fri], from: "08:00", to: "18:30", timezone: local}
    night: {days: [sat..mon, wed], from: "22:00", to: "06:00"}
    always: {}
  default: reject
  rules:
    - name: all
      from: any
      to: [inside, outside]
      interface: untrust
      source: [10.0.0.0/8, "!10.1.0.0/16", 192.0.2.1 - 192.0.2.2]
      destination: any
      service: [tcp/1000-2000, udp]
      source_port: [53, 1024-65535]
      dscp: [ef, 0, af11]
      schedule: office
      action: accept
      log: true
      limit: {rate: 10/min, burst: 1k}
      max_sessions: 1M
      max_sessions_per_source: 5
      new_sessions_per_source: 3/s
    - {name: syn, service: tcp, tcp_flags: "syn/syn,ack,rst,fin", action: drop}
    - {name: null_scan, service: tcp, tcp_flags: "none/fin,syn,rst,psh,ack,urg", action: drop}
  tcp: {midstream_pickup: true, liberal_window: true}
  protect: {reverse_path: off}
)");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const Section& own = loaded->own;
  EXPECT_EQ(own.default_action, Action::kReject);
  EXPECT_EQ(own.schedule("office")->days, 0b0011111);
  EXPECT_EQ(own.schedule("office")->from_minute, 8 * 60);
  EXPECT_EQ(own.schedule("office")->to_minute, 18 * 60 + 30);
  EXPECT_TRUE(own.schedule("office")->local_time);
  EXPECT_EQ(own.schedule("night")->days, 0b1100101);
  EXPECT_EQ(own.schedule("always")->to_minute, 24 * 60);
  const Rule& rule = own.rules[0];
  EXPECT_THAT(rule.from, IsEmpty());
  ASSERT_THAT(rule.to, SizeIs(2));
  EXPECT_EQ(*rule.interface[0], "untrust");
  ASSERT_THAT(rule.source, SizeIs(3));
  EXPECT_FALSE(rule.source[0]->negated);
  EXPECT_TRUE(rule.source[1]->negated);
  EXPECT_THAT(texts(rule.source[1]->prefixes), ElementsAre("10.1.0.0/16"));
  EXPECT_THAT(texts(rule.source[2]->prefixes), ElementsAre("192.0.2.1/32", "192.0.2.2/32"));
  EXPECT_THAT(texts(rule.destination[0]->prefixes), ElementsAre("0.0.0.0/0", "::/0"));
  EXPECT_THAT(rule.source_port, ElementsAre(PortRange{53, 53}, PortRange{1024, 65535}));
  EXPECT_THAT(rule.dscp, ElementsAre(46, 0, 10));
  EXPECT_EQ(rule.schedule.value, "office");
  EXPECT_EQ(rule.limit->rate, (Rate{10, 60}));
  EXPECT_EQ(rule.limit->burst, 1000U);
  EXPECT_EQ(rule.max_sessions, 1'000'000U);
  EXPECT_EQ(rule.max_sessions_per_source, 5U);
  EXPECT_EQ(rule.new_sessions_per_source, (Rate{3, 1}));
  EXPECT_EQ(own.rules[1].tcp_flags.value, (TcpFlags{0x02, 0x17}));
  EXPECT_EQ(own.rules[2].tcp_flags.value, (TcpFlags{0, 0x3f}));
  EXPECT_TRUE(own.tcp.midstream_pickup);
  EXPECT_EQ(*own.protect.reverse_path, ReversePath::kOff);
}

TEST(FirewallProfile, TransparentForwardingHasNoReversePath) {
  const std::string head =
      "vnf: firewall\nname: fw\nports: {a: {device: x}, b: {device: y}}\ninterfaces: {i: {port: a}, o: "
      "{port: b}}\n"
      "forwarding: {transparent: {pairs: [[a, b]]}}\n";
  const auto loaded = control::parse_profile(schema(), head + "firewall: {zones: {in: i, out: o}}\n",
                                             "fw.yaml", control::no_files());
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(*loaded->own.protect.reverse_path, ReversePath::kOff);
  const auto bad = control::parse_profile(schema(), head + "firewall: {protect: {reverse_path: loose}}\n",
                                          "fw.yaml", control::no_files());
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().to_string(), StartsWith("fw.yaml:6:36: reverse_path needs routes"));
}

TEST(Groups, TextFromElsewhereMayNameNoFiles) {
  const auto loaded = parse_section("  groups: {a: {file: /etc/passwd}}\n");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().to_string(), StartsWith("fw.yaml:12:22: cannot use file /etc/passwd"));
}

struct Bad {
  const char* text;   // after kHead
  const char* where;  // of the only error
  const char* what;
};

void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.text; }

class BadFirewallProfile : public ::testing::TestWithParam<Bad> {};

TEST_P(BadFirewallProfile, GivesOneErrorAtItsPlace) {
  const auto loaded = parse_section(GetParam().text);
  ASSERT_FALSE(loaded);
  ASSERT_THAT(loaded.error().entries(), SizeIs(1)) << loaded.error().to_string();
  EXPECT_THAT(loaded.error().to_string(), StartsWith("fw.yaml:" + std::string(GetParam().where) + ": "));
  EXPECT_THAT(loaded.error().to_string(), HasSubstr(GetParam().what));
}

// Rules stand in line 12: "  rules: {name: r, " is 18 characters, so what follows starts in column 19.
#define RULE "  rules: {name: r, "
const Bad kBad[] = {
    {RULE "from: dmzz, action: accept}\n", "12:26",
     "zone 'dmzz' is not defined; defined zones are inside, outside"},
    {RULE "from: insde, action: accept}\n", "12:26", "did you mean 'inside'?"},
    {RULE "to: [inside, x], action: accept}\n", "12:33", "zone 'x' is not defined"},
    {RULE "from: [any, inside], action: accept}\n", "12:27", "give any alone"},
    {RULE "interface: eth0, action: accept}\n", "12:31", "interface 'eth0' is not defined"},
    {RULE "source: \"@g\", action: accept}\n", "12:28", "group 'g' is not defined; no groups are defined"},
    {RULE "source: \"!@g\", action: accept}\n", "12:28", "group 'g' is not defined"},
    {RULE "source: \"@\", action: accept}\n", "12:28", "does not fit"},
    {RULE "source: [{a: b}], action: accept}\n", "12:29", "a mapping does not fit"},
    {RULE "source: [], action: accept}\n", "12:28", "give at least one entry"},
    {RULE "from: [], action: accept}\n", "12:26", "give at least one entry"},
    {RULE "service: [], action: accept}\n", "12:29", "give at least one entry"},
    {RULE "source: 10.0.0.1/8, action: accept}\n", "12:28", "where 10.0.0.0/8 has none"},
    {RULE "source: \"!any\", action: accept}\n", "12:28", "is not an address"},
    {RULE "source: 10.0.0.0/8, destination: \"2001:db8::/32\", action: accept}\n", "12:53",
     "the rule never matches"},
    {RULE "source: !10.0.0.0/8 , action: accept}\n", "12:28", "put the value in double quotes"},
    {RULE "service: tcp/99999, action: accept}\n", "12:29", "give a service, such as"},
    {RULE "service: [tcp/80, http], action: accept}\n", "12:38", "'http' does not fit"},
    {RULE "service: icmp, source: \"2001:db8::/32\", action: accept}\n", "12:29", "for IPv6 use icmpv6"},
    {RULE "service: icmpv6, destination: 192.0.2.0/24, action: accept}\n", "12:29", "for IPv4 use icmp"},
    {RULE "source_port: 53, action: accept}\n", "12:10", "source_port for protocols without ports"},
    {RULE "service: [udp, icmp], source_port: 53, action: accept}\n", "12:10", "source_port for protocols"},
    {RULE "service: udp, source_port: 70000, action: accept}\n", "12:47", "a port or a range of ports"},
    {RULE "dscp: 64, action: accept}\n", "12:26", "a DSCP from 0 to 63"},
    {RULE "dscp: [ef, gold], action: accept}\n", "12:31", "a DSCP from 0 to 63"},
    {RULE "tcp_flags: \"syn/ack\", service: tcp, action: accept}\n", "12:31", "the flags that are on"},
    {RULE "tcp_flags: \"syn\", service: tcp, action: accept}\n", "12:31", "the flags that are on"},
    {RULE "tcp_flags: \"syn/syn\", service: udp, action: accept}\n", "12:31", "give service: tcp"},
    {RULE "schedule: office, action: accept}\n", "12:30", "schedule 'office' is not defined"},
    {RULE "action: allow}\n", "12:28", "'allow' is not possible; give accept, drop or reject"},
    {RULE "action: acept}\n", "12:28", "did you mean 'accept'? give"},
    {RULE "log: 1, action: accept}\n", "12:25", "neither true nor false"},
    {RULE "limit: {burst: 5}, action: accept}\n", "12:27", "limit lacks 'rate'"},
    {RULE "limit: {rate: 5}, action: accept}\n", "12:34", "a rate per s, min or h"},
    {RULE "limit: {rate: 0/s}, action: accept}\n", "12:34", "out of range"},
    {RULE "max_sessions: 5, action: drop}\n", "12:10", "has limits but accepts nothing"},
    {RULE "max_sessions: 0, action: accept}\n", "12:34", "out of range"},
    {RULE "inspect: web, action: accept}\n", "12:29", "inspection 'web'"},
    {RULE "application: tlss, action: accept}\n", "12:33",
     "application 'tlss' is not defined; did you mean 'tls'?"},
    {RULE "application: [tls, othr], action: accept}\n", "12:39", "did you mean 'other'?"},
    {RULE "application: [], action: accept}\n", "12:33", "without entries"},
    {RULE "application: unknown, action: accept}\n", "12:33", "application 'unknown' is not defined"},
    {"  application_limits: {packets: 33}\n", "12:33", "out of range"},
    {"  application_limits: {when_overloaded: pass}\n", "12:41", "give drop or other"},
    {RULE "servce: tcp, action: accept}\n", "12:20", "did you mean 'service'?"},
    {RULE "log: true}\n", "12:10", "rule lacks 'action'"},
    {"  rules: {action: accept}\n", "12:10", "rule lacks 'name'"},
    {"  rules: {name: a b, action: accept}\n", "12:17", "is not a name"},
    {"  rules:\n    - {name: a, action: drop}\n    - {name: b, action: drop}\n    - {name: a, action: "
     "drop}\n",
     "15:14", "rule 'a' is given twice, first in line 13"},
    {"  rules: accept\n", "12:10", "'accept' does not fit"},
    {"  inspection: {web: {}}\n", "12:21", "rules"},
    {"  anomalies: {except: [192.0.2.1, \"@own\"]}\n", "12:35", "group 'own' is not defined"},
    {"  anomalies: {except: \"!192.0.2.1\"}\n", "12:23", "name only sources that are never blocked"},
    {"  anomalies: {sensitivity: 2}\n", "12:28", "give low, normal or high"},
    {"  anomalies: {port_scn: {}}\n", "12:15", "did you mean 'port_scan'?"},
    {"  anomalies: {port_scan: {above: 50}}\n", "12:34", "as a mapping with the keys 10s, 5m, 1h"},
    {"  anomalies: {port_scan: {above: {10s: 50, 1h: 99}}}\n", "12:34", "lacks '5m'"},
    {"  anomalies: {host_sweep: {above: {10s: 50, 5m: 49, 1h: 99}}}\n", "12:35",
     "numbers that do not fall from 10s to 5m to 1h"},
    {"  anomalies: {dns_tunnel: {block_for: 5m}}\n", "12:39", "add action: block, or remove block_for"},
    {"  anomalies: {dns_tunnel: {action: block, block_for: 30d}}\n", "12:54", "out of range"},
    {"  anomalies: {dns_tunnel: {domains_without: [org]}}\n", "12:46", "a domain as it is registered"},
    {"  anomalies: {syn_flood: {action: block}}\n", "12:35", "give ignore or alarm, and protect.syn_cookies"},
    {"  anomalies: {syn_flood: {above: {10s: 50, 5m: 50, 1h: 99}}}\n", "12:34", "a rate per s, min or h"},
    {"  anomalies: {brute_force: {ports: [1, 2, 3, 4, 5, 6, 7, 8, 9]}}\n", "12:36", "give at most 8"},
    {"  anomalies: {brute_force: {at_least_bytes: 9000}}\n", "12:45", "give at most at_most_bytes"},
    {"  default: deny\n", "12:12", "accept, drop or reject"},
    {"  zones: {}\n", "12:3", "key 'zones' is given twice, first in line 11"},
    {"  groups: {a: [\"@b\"], b: [\"@c\"], c: \"@a\"}\n", "12:37",
     "group \'a\' contains itself by way of 'c'"},
    {"  groups: {a: \"@a\"}\n", "12:15", "contains itself"},
    {"  groups: {a: \"@bb\", bc: []}\n", "12:15", "group 'bb' is not defined; did you mean 'bc'?"},
    {"  groups: {a: [1.2.3.4, 1.2.3]}\n", "12:25", "is not an address, prefix or range"},
    {"  groups: {a: {fil: x}}\n", "12:16", "did you mean 'file'?"},
    {"  groups: {a: {}}\n", "12:15", "give either file or geoip"},
    {"  groups: {a: {geoip: {database: x}}}\n", "12:23", "geoip lacks 'countries'"},
    {"  schedules: {s: {days: monday}}\n", "12:25", "a day or a range of days"},
    {"  schedules: {s: {days: []}}\n", "12:25", "at least one entry"},
    {"  schedules: {s: {from: \"8:00\"}}\n", "12:25", "a time of day"},
    {"  schedules: {s: {to: \"24:01\"}}\n", "12:23", "a time of day"},
    {"  schedules: {s: {timezone: CET}}\n", "12:29", "UTC or local"},
    {"  protect: {syn_cookies: {}}\n", "12:26", "syn_cookies lacks 'above'"},
    {"  protect: {syn_cookies: 10k/s}\n", "12:26", "syn_cookies as a mapping with the keys above"},
    {"  protect: {reverse_path: true}\n", "12:27", "off, loose or strict"},
    {"  timeouts: {udp: 120}\n", "12:19", "not a time with its unit"},
    {"  timeouts: {udp: 0s}\n", "12:19", "out of range"},
    {"  timeouts: {upd: 1s}\n", "12:14", "did you mean 'udp'?"},
    {"  tcp: {midstream_pickup: maybe}\n", "12:27", "true or false"},
};
#undef RULE

INSTANTIATE_TEST_SUITE_P(Table, BadFirewallProfile, ::testing::ValuesIn(kBad));

TEST(FirewallProfile, ZonesAreChecked) {
  const auto loaded = control::parse_profile(
      schema(),
      "vnf: firewall\nname: fw\nports: {p: {device: x}}\ninterfaces: {a: {port: p}, b: {port: p, vlan: 1}}\n"
      "firewall:\n"
      "  zones:\n"
      "    any: a\n"
      "    in: [b, eth0]\n"
      "    out: [a]\n"
      "    none: []\n",
      "fw.yaml", control::no_files());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().to_string(),
            "fw.yaml:7:5: zone name 'any' stands for all zones in rules; choose another\n"
            "fw.yaml:8:13: interface 'eth0' is not defined; defined interfaces are a, b\n"
            "fw.yaml:9:11: interface 'a' is already in zone 'any'; an interface is in one zone, once\n"
            "fw.yaml:10:11: none: a list without entries is of no use; give at least one entry\n");
}

TEST(FirewallProfile, DeepGroupsAreRefused) {
  std::string text = "  groups:\n    g0: []\n";
  for (int i = 1; i < 10'000; ++i)
    text += "    g" + std::to_string(i) + ": \"@g" + std::to_string(i - 1) + "\"\n";
  EXPECT_TRUE(parse_section(text));  // each is filled before the next one needs it
  std::string reversed = "  groups:\n";
  for (int i = 0; i < 10'000; ++i)
    reversed += "    g" + std::to_string(i) + ": \"@g" + std::to_string(i + 1) + "\"\n";
  const auto loaded = parse_section(reversed + "    g10000: []\n");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().to_string(), HasSubstr("deep in other groups"));
}

TEST(FirewallProfile, TenThousandRulesLoadInTime) {
  std::string text = "  groups: {web: [192.0.2.16/28]}\n  rules:\n";
  for (unsigned i = 0; i < 10'000; ++i) {
    text += "    - {name: r" + std::to_string(i) + ", from: outside, to: inside, source: 10." +
            std::to_string(i >> 8U) + "." + std::to_string(i & 255U) +
            ".0/24, destination: [192.0.2.9, \"@web\"], " + "service: [tcp/" + std::to_string(i) +
            ", udp/53-80], action: accept, log: true}\n";
  }
  const auto start = std::chrono::steady_clock::now();
  const auto loaded = parse_section(text);
  const auto took = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_THAT(loaded->own.rules, SizeIs(10'000));
#ifdef NDEBUG
  EXPECT_LT(took, 2s);
#else
  static_cast<void>(took);  // a debug or sanitizer build promises no times
#endif
}

class ShippedProfile : public ::testing::TestWithParam<const char*> {};

TEST_P(ShippedProfile, IsValidAndExplainsEachLine) {
  const std::string path =
      std::string(MILLRACE_SOURCE_DIR) + "/vnfs/firewall/profiles/" + GetParam() + ".yaml";
  const auto loaded = control::load_profile(schema(), path);
  EXPECT_TRUE(loaded) << loaded.error().to_string();
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const auto colon = line.find_last_not_of(' ');
    const bool opens = colon != std::string::npos && line[colon] == ':';    // explained by what it opens
    const bool goes_on = colon != std::string::npos && line[colon] == ',';  // explained by its next line
    EXPECT_TRUE(line.empty() || opens || goes_on || line.find('#') != std::string::npos)
        << path << ":" << number << ": " << line;
  }
}

TEST(ShippedProfiles, ThoseThatAreShownAreValid) {
  for (const char* name : {"quickstart", "inspection"}) {
    const auto loaded = control::load_profile(
        schema(), std::string(MILLRACE_SOURCE_DIR) + "/vnfs/firewall/profiles/" + name + ".yaml");
    EXPECT_TRUE(loaded) << loaded.error().to_string();
  }
}

INSTANTIATE_TEST_SUITE_P(All, ShippedProfile,
                         ::testing::Values("default", "throughput", "low-latency", "small", "transparent"));

}  // namespace
}  // namespace millrace::firewall::profile
