// SPDX-License-Identifier: BSD-3-Clause
// The common profile: each mistake gives its error at its place, and nothing else.
#include <ostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/control/profile/section.h"
#include "common/control/profile/types.h"

namespace millrace::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// The appliance of these tests has a section without keys.
struct Nothing {};

const ProfileSchema<Nothing>& schema() {
  static const ProfileSchema<Nothing> one{.vnf = "probe",
                                          .doc = "Nothing.",
                                          .section = std::make_shared<Struct<Nothing>>("probe", "Nothing."),
                                          .check = [](Nothing&, const CheckContext&) {}};
  return one;
}

Checked<Loaded<Nothing>> parse(const std::string& text) {
  return parse_profile(schema(), text, "p.yaml", no_files());
}

// Lines 1 to 6; what a test adds starts at line 7.
const std::string kHead =
    "vnf: probe\n"
    "name: p\n"
    "probe: {}\n"
    "ports:\n"
    "  a: {device: \"0000:00:05.0\"}\n"
    "  b: {device: \"0000:00:06.0\", mtu: 9000}\n";

TEST(CommonProfile, ReadsAll) {
  const auto loaded = parse(kHead + R"(
dataplane: {workers: [2, 3], memory: 1GiB, burst: 7, idle: poll, sessions: 1M}
interfaces:
  one: {port: a, address: [192.0.2.1/24, "2001:db8:1::1/64"]}
  two: {port: a, vlan: 107, address: 10.7.0.1/24, domain: tenant7}
  three: {port: b, vlan: 5, outer_vlan: 6, mtu: 8000, address: 198.51.100.2/24}
forwarding: routed
routes:
  - {to: 0.0.0.0/0, via: 198.51.100.1}
  - {to: "::/0", via: "fe80::1", interface: one, metric: 5}
  - {to: 0.0.0.0/0, via: 10.7.0.2, domain: tenant7}
neighbors: {interface: one, address: 192.0.2.9, mac: "02:00:5e:10:00:01"}
telemetry: {log: debug, ipfix: {collector: "[2001:db8::5]:4739"}, flow_log: /var/log/flows,
            active_timeout: 10s}
)");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const Profile& profile = loaded->common;
  EXPECT_EQ(*profile.vnf, "probe");
  EXPECT_EQ(profile.dataplane.workers->count, 2);
  EXPECT_THAT(profile.dataplane.workers->cpus, ElementsAre(2, 3));
  EXPECT_EQ(profile.dataplane.memory_bytes, 1073741824U);
  EXPECT_EQ(profile.dataplane.burst, 7);
  EXPECT_EQ(profile.dataplane.idle, Idle::kPoll);
  EXPECT_EQ(profile.dataplane.sessions, 1'000'000U);
  ASSERT_THAT(profile.ports, SizeIs(2));
  EXPECT_EQ(*profile.ports[0].device, "0000:00:05.0");
  EXPECT_FALSE(profile.ports[0].queues);
  ASSERT_THAT(profile.interfaces, SizeIs(3));
  EXPECT_EQ(profile.interfaces[0].address[1]->to_string(), "2001:db8:1::1/64");
  EXPECT_EQ(*profile.interfaces[1].domain, "tenant7");
  EXPECT_EQ(*profile.interfaces[0].domain, "default");
  EXPECT_EQ(profile.interfaces[2].outer_vlan.value, 6);
  EXPECT_EQ(profile.mtu_of(profile.interfaces[0]), 1500);
  EXPECT_EQ(profile.mtu_of(profile.interfaces[2]), 8000);
  ASSERT_THAT(profile.routes, SizeIs(3));
  EXPECT_EQ(profile.routes[1].metric, 5U);
  EXPECT_EQ(profile.domain_of(profile.routes[2]), "tenant7");
  EXPECT_EQ(profile.domain_of(profile.routes[0]), "default");
  ASSERT_THAT(profile.neighbors, SizeIs(1));
  EXPECT_EQ(profile.telemetry.log, LogLevel::kDebug);
  ASSERT_TRUE(profile.telemetry.ipfix);
  EXPECT_EQ(profile.telemetry.ipfix->collector->host, "2001:db8::5");
  ASSERT_TRUE(profile.telemetry.flow_log);
  EXPECT_EQ(profile.telemetry.flow_log->file, "/var/log/flows");
  EXPECT_EQ(profile.telemetry.active_timeout, Milliseconds(10'000));
  EXPECT_EQ(profile.telemetry.updates(), Milliseconds(10'000));
  EXPECT_EQ(profile.port("b"), &profile.ports[1]);
  EXPECT_EQ(profile.port("c"), nullptr);
  EXPECT_EQ(profile.interface("two"), &profile.interfaces[1]);
}

// Who reads of sessions hears of those that go on: a collector always, the flow log when it wants to.
TEST(CommonProfile, UpdatesOfSessions) {
  const auto updates = [](const std::string& telemetry) {
    const auto loaded = parse(kHead + "interfaces: {one: {port: a}}\ntelemetry: " + telemetry + "\n");
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    return loaded->common.telemetry.updates();
  };
  const Milliseconds minute(60'000);
  EXPECT_EQ(updates("{}"), std::nullopt);
  EXPECT_EQ(updates("{ipfix: {collector: \"h:1\"}}"), minute);
  EXPECT_EQ(updates("{ipfix: {collector: \"h:1\"}, active_timeout: 5m}"), 5 * minute);
  EXPECT_EQ(updates("{ipfix: {collector: \"h:1\"}, active_timeout: off}"), std::nullopt);
  EXPECT_EQ(updates("{flow_log: f}"), std::nullopt);
  EXPECT_EQ(updates("{flow_log: {file: f}}"), std::nullopt);
  EXPECT_EQ(updates("{flow_log: {file: f, updates: true}}"), minute);
}

TEST(CommonProfile, HasDefaults) {
  const auto loaded = parse(kHead + "interfaces: {one: {port: a}}\n");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(loaded->common.dataplane.workers->count, 1);
  EXPECT_FALSE(loaded->common.dataplane.memory_bytes);
  EXPECT_EQ(loaded->common.dataplane.burst, 32);
  EXPECT_EQ(loaded->common.dataplane.idle, Idle::kAdaptive);
  EXPECT_FALSE(loaded->common.transparent());
  EXPECT_EQ(loaded->common.ports[0].mtu, 1500);
}

TEST(CommonProfile, ReadsTransparentForwarding) {
  const auto loaded = parse(kHead +
                            "interfaces: {one: {port: a}, two: {port: b}}\n"
                            "forwarding: {transparent: {pairs: [[a, b]]}}\n");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  ASSERT_TRUE(loaded->common.transparent());
  ASSERT_THAT(loaded->common.forwarding->pairs, SizeIs(1));
  EXPECT_EQ(*loaded->common.forwarding->pairs[0].first, "a");
  EXPECT_EQ(loaded->common.forwarding->pairs[0].second.at, (Position{8, 40}));
}

const std::string kWire =
    "interfaces: {one: {port: a}, two: {port: b}}\nforwarding: {transparent: {pairs: [[a, b]], ";

TEST(CommonProfile, ReadsWhichOtherFramesPass) {
  const auto other = [](const std::string& text) {
    const auto loaded = parse(kHead + kWire + text + "}}\n");
    EXPECT_TRUE(loaded) << text << loaded.error().to_string();
    return loaded ? loaded->common.forwarding->other : OtherFrames{};
  };
  for (const char* nothing : {"", "other: drop"}) {
    const OtherFrames none = other(nothing);
    EXPECT_FALSE(none.all || none.llc || none.spanning_tree);
    EXPECT_TRUE(none.types.empty());
  }
  EXPECT_TRUE(other("other: pass").all);
  const OtherFrames some = other("other: {pass: [stp, 0x88f7, lldp, 35061, pppoe, lldp, ptp]}");
  EXPECT_TRUE(some.spanning_tree);
  EXPECT_FALSE(some.all || some.llc);
  // IEEE Registration Authority, Ethernet types; 35061 is 0x88f5, MVRP.
  EXPECT_THAT(some.types, ::testing::ElementsAre(0x8863, 0x8864, 0x88cc, 0x88f5, 0x88f7));
  EXPECT_TRUE(other("other: {pass: llc}").llc);
  EXPECT_THAT(other("other: {pass: [eapol, lacp, mpls]}").types,
              ::testing::ElementsAre(0x8809, 0x8847, 0x8848, 0x888e));
}

TEST(CommonProfile, MissingAndForeignParts) {
  const auto loaded = parse("vnf: nat\nnat: {}\n");
  ASSERT_FALSE(loaded);
  const std::string text = loaded.error().to_string();
  EXPECT_THAT(text, HasSubstr("p.yaml:1:6: vnf: 'nat' is not the appliance this program is; give probe\n"));
  EXPECT_THAT(text, HasSubstr("p.yaml:2:1: unknown key 'nat' in the profile;"));
  for (const char* lacking : {"name", "ports", "interfaces", "probe"}) {
    EXPECT_THAT(text, HasSubstr("p.yaml:1:1: the profile lacks '" + std::string(lacking) + "'")) << lacking;
  }
  EXPECT_THAT(loaded.error().entries(), SizeIs(6));
}

struct BadText {
  std::string text;   // after kHead
  const char* where;  // of the only error
  const char* what;
};

void PrintTo(const BadText& bad, std::ostream* out) { *out << bad.text; }

class BadCommonProfile : public ::testing::TestWithParam<BadText> {};

TEST_P(BadCommonProfile, GivesOneErrorAtItsPlace) {
  const auto loaded = parse(kHead + GetParam().text);
  ASSERT_FALSE(loaded) << GetParam().text;
  ASSERT_THAT(loaded.error().entries(), SizeIs(1)) << GetParam().text << loaded.error().to_string();
  EXPECT_THAT(loaded.error().to_string(), StartsWith("p.yaml:" + std::string(GetParam().where) + ": "))
      << GetParam().text;
  EXPECT_THAT(loaded.error().to_string(), HasSubstr(GetParam().what)) << GetParam().text;
}

const char* const kOne = "interfaces: {one: {port: a, address: 192.0.2.1/24}}\n";

// The text is line 7 and on.
const BadText kBad[] = {
    {"interfaces: {}\n", "7:13", "without entries"},
    {"interfaces: {one: {port: c}}\n", "7:26", "port 'c' is not defined; defined ports are a, b"},
    {"interfaces: {one: {vlan: 5}}\n", "7:19", "interface lacks 'port'"},
    {"interfaces: {sixteencharacter: {port: a}}\n", "7:14", "1 to 15 letters"},
    {"interfaces: {a/b: {port: a}}\n", "7:14", "is not a name"},
    {"interfaces: {.: {port: a}}\n", "7:14", "is not a name"},
    {"interfaces: {lo: {port: a}}\n", "7:14", "meaning of its own in Linux"},
    {"interfaces: {one: {port: a, vlan: 0}}\n", "7:35", "1 to 4094"},
    {"interfaces: {one: {port: a, vlan: 4095}}\n", "7:35", "1 to 4094"},
    {"interfaces: {one: {port: a, outer_vlan: 5}}\n", "7:41", "outer_vlan without vlan"},
    {"interfaces: {one: {port: a}, two: {port: a}}\n", "7:42", "'one' already has the packets of port 'a'"},
    {"interfaces:\n  one: {port: a, vlan: 5, outer_vlan: 6}\n  two: {port: a, vlan: 5, outer_vlan: 6}\n",
     "9:15", "already has the packets"},
    {"interfaces: {one: {port: a, mtu: 1501}}\n", "7:34", "more than the 1500 of port 'a'"},
    {"interfaces: {one: {port: a, mtu: 575}}\n", "7:34", "576 to 9600"},
    {"interfaces: {one: {port: b, mtu: 1279, address: \"2001:db8::1/64\"}}\n", "7:49",
     "MTU of at least 1280"},
    {"interfaces: {one: {port: a, address: 192.0.2.1}}\n", "7:38",
     "an address with the length of its subnet"},
    {"interfaces: {one: {port: a, address: 192.0.2.0/24}}\n", "7:38", "is the subnet itself"},
    {"interfaces: {one: {port: a, address: 192.0.2.255/24}}\n", "7:38", "broadcast address"},
    {"interfaces: {one: {port: a, address: 127.0.0.1/8}}\n", "7:38", "loopback"},
    {"interfaces: {one: {port: a, address: 224.0.0.1/24}}\n", "7:38", "multicast"},
    {"interfaces: {one: {port: a, address: \"ff02::1/64\"}}\n", "7:38", "multicast"},
    {"interfaces: {one: {port: a, address: \"::1/128\"}}\n", "7:38", "loopback"},
    {"interfaces: {one: {port: a, address: [192.0.2.1/24, 192.0.2.1/25]}}\n", "7:53",
     "given twice, first in line 7"},
    {"interfaces: {one: {port: a, address: 192.0.2.1/24}, two: {port: b, address: 192.0.2.1/24}}\n", "7:77",
     "given twice"},
    {"interfaces: {one: {port: a, address: 10.0.0.1/8}, two: {port: b, address: 10.1.0.1/16}}\n", "7:75",
     "subnet 10.1.0.0/16 overlaps 10.0.0.0/8 of interface 'one' (line 7) in domain 'default'"},
    {"interfaces: {one: {port: a}}\nforwarding: nsh\n", "8:13",
     "does not say which paths belong together; give nsh: {pairs: [[INTERFACE, INTERFACE]]}"},
    {"interfaces: {one: {port: a}}\nforwarding: {nsh: {}}\n", "8:19", "lacks 'pairs'"},
    {"interfaces: {one: {port: a}}\nforwarding: {nsh: {pairs: [[one]]}}\n", "8:29",
     "service path 'one' is not defined"},
    {"interfaces: {one: {port: a, nsh: {path: 7}}}\n", "7:14", "service path 'one' is in no chain"},
    {"interfaces: {one: {port: a, nsh: {path: 7}}, two: {port: a, nsh: {path: 7}}}\n"
     "forwarding: {nsh: {pairs: [[one, two]]}}\n",
     "7:73", "'one' already has the packets of this path"},
    {"interfaces: {one: {port: a, nsh: {path: 7}}, two: {port: a, nsh: {path: 8}}}\n"
     "forwarding: {nsh: {pairs: [[one, two], [one]]}}\n",
     "8:41", "'one' is in a chain already, in line 8"},
    {"interfaces: {one: {port: a, nsh: {path: 7}, address: 192.0.2.1/24}}\n"
     "forwarding: {nsh: {pairs: [[one]]}}\n",
     "7:54", "an address of a path"},
    {"interfaces: {one: {port: a, nsh: {path: 16777216}}}\nforwarding: {nsh: {pairs: [[one]]}}\n", "7:41",
     "0 to 16777215"},
    {"interfaces: {one: {port: a, mpls: {label: 16}}}\nforwarding: {nsh: {pairs: [[one]]}}\n", "7:43",
     "17 to 1048575"},
    {"interfaces: {one: {port: a, nsh: {path: 7}}, two: {port: a, nsh: {path: 8}, domain: x}}\n"
     "forwarding: {nsh: {pairs: [[one, two]]}}\n",
     "8:34", "in different domains"},
    {"interfaces: {one: {port: a}}\nforwarding: {}\n", "8:13", "transparent, or nsh; give one of the two"},
    {"interfaces: {one: {port: a}}\nforwarding: transparent\n", "8:13",
     "give transparent: {pairs: [[PORT, PORT]]}"},
    {"interfaces: {one: {port: a}}\nforwarding: bridge\n", "8:13", "give routed"},
    {"interfaces: {one: {port: a}}\nforwarding: {transparent: {pairs: [[a]]}}\n", "8:37",
     "a pair with 1 port"},
    {"interfaces: {one: {port: a}}\nforwarding: {transparent: {pairs: []}}\n", "8:35", "without entries"},
    {"interfaces: {one: {port: a}}\nforwarding: {transparent: {pairs: [[a, c]]}}\n", "8:40",
     "port 'c' is not defined"},
    {"interfaces: {one: {port: a}}\nforwarding: {transparent: {pairs: [[a, a]]}}\n", "8:40",
     "in a pair already"},
    {"interfaces: {one: {port: a, address: 192.0.2.1/24}, two: {port: b}}\n"
     "forwarding: {transparent: {pairs: [[a, b]]}}\n",
     "7:38", "an address in transparent forwarding"},
    {"interfaces: {one: {port: a}, two: {port: b}}\nforwarding: {transparent: {pairs: [[a, b]]}}\n"
     "routes: {to: 0.0.0.0/0, via: 1.2.3.4}\n",
     "9:14", "a route in transparent forwarding"},
    {"interfaces: {one: {port: a}}\nforwarding: {transparent: {pairs: [[a, b]]}}\n", "8:40",
     "port 'b' has no interface; add one under interfaces"},
    {"interfaces: {one: {port: a}, two: {port: b, vlan: 7}}\nforwarding: {transparent: {pairs: [[a, b]]}}\n",
     "7:51", "a vlan in transparent forwarding"},
    {"interfaces: {one: {port: a}, two: {port: b, domain: x}}\nforwarding: {transparent: {pairs: [[a, "
     "b]]}}\n",
     "7:53", "a domain in transparent forwarding"},
    {kWire + "other: maybe}}\n", "8:52", "'maybe' is not possible; give drop or pass"},
    {kWire + "other: {}}}\n", "8:52", "lacks 'pass'"},
    {kWire + "other: {pass: []}}}\n", "8:59", "without entries"},
    {kWire + "other: {pass: [lldp, cdp]}}}\n", "8:66", "'cdp' is no protocol that is known here"},
    {kWire + "other: {pass: 0x05ff}}}\n", "8:59", "'0x05ff' is no protocol that is known here"},
    {kWire + "other: {pass: 0x10000}}}\n", "8:59", "'0x10000' is no protocol that is known here"},
    {kWire + "other: {pass: 0x0800}}}\n", "8:59", "'0x0800' is read and judged in any case"},
    {kWire + "other: {pass: 34525}}}\n", "8:59", "'34525' is read and judged in any case"},
};

INSTANTIATE_TEST_SUITE_P(Interfaces, BadCommonProfile, ::testing::ValuesIn(kBad));

// After one interface with 192.0.2.1/24 in line 7.
class BadWithInterface : public ::testing::TestWithParam<BadText> {};

TEST_P(BadWithInterface, GivesOneErrorAtItsPlace) {
  const auto loaded = parse(kHead + kOne + GetParam().text);
  ASSERT_FALSE(loaded) << GetParam().text;
  ASSERT_THAT(loaded.error().entries(), SizeIs(1)) << GetParam().text << loaded.error().to_string();
  EXPECT_THAT(loaded.error().to_string(), StartsWith("p.yaml:" + std::string(GetParam().where) + ": "))
      << GetParam().text;
  EXPECT_THAT(loaded.error().to_string(), HasSubstr(GetParam().what)) << GetParam().text;
}

const BadText kBadOthers[] = {
    {"routes:\n  - {to: 0.0.0.0/0, via: 198.51.100.1}\n", "9:26",
     "via 198.51.100.1 is on no subnet of domain 'default'; subnets there are 192.0.2.0/24"},
    {"routes: {to: 0.0.0.0/0, via: 192.0.2.1}\n", "8:30", "the appliance's own address, on interface 'one'"},
    {"routes: {to: \"::/0\", via: 192.0.2.2}\n", "8:27", "same family"},
    {"routes: {to: \"::/0\", via: \"fe80::1\"}\n", "8:27", "say which interface"},
    {"routes: {to: 10.0.0.1/8, via: 192.0.2.2}\n", "8:14", "where 10.0.0.0/8 has none"},
    {"routes: {via: 192.0.2.2}\n", "8:9", "route lacks 'to'"},
    {"routes: {to: 0.0.0.0/0, via: 192.0.2.2, interface: tow}\n", "8:52", "interface 'tow' is not defined"},
    {"routes: {to: 0.0.0.0/0, via: 192.0.2.2, domain: blue}\n", "8:49", "domain 'blue' is not defined"},
    {"routes: {to: 0.0.0.0/0, via: 192.0.2.2, interface: one, domain: blue}\n", "8:65",
     "is in domain 'default'"},
    {"routes:\n  - {to: 0.0.0.0/0, via: 192.0.2.2}\n  - {to: 0.0.0.0/0, via: 192.0.2.3}\n", "10:10",
     "given twice, first in line 9"},
    {"routes: {to: 0.0.0.0/0, via: 192.0.2.2, metric: -1}\n", "8:49", "0 to 4294967295"},
    {"neighbors: {interface: on, address: 192.0.2.2, mac: \"02:00:5e:10:00:01\"}\n", "8:24",
     "did you mean 'one'?"},
    {"neighbors: {interface: one, address: 192.0.3.2, mac: \"02:00:5e:10:00:01\"}\n", "8:38",
     "is no neighbor"},
    {"neighbors: {interface: one, address: 192.0.2.1, mac: \"02:00:5e:10:00:01\"}\n", "8:38",
     "is no neighbor"},
    {"neighbors: {interface: one, address: 192.0.2.2, mac: \"03:00:5e:10:00:01\"}\n", "8:54", "unicast"},
    {"neighbors: {interface: one, address: 192.0.2.2, mac: \"02:00:5e:10:00\"}\n", "8:54",
     "MAC address, such as"},
    {"dataplane: {workers: 0}\n", "8:22", "1 to 64"},
    {"dataplane: {workers: 65}\n", "8:22", "1 to 64"},
    {"dataplane: {workers: []}\n", "8:22", "at least one entry"},
    {"dataplane: {workers: [1, 2, 1]}\n", "8:29", "in the list twice"},
    {"dataplane: {workers: {a: 1}}\n", "8:22", "a mapping does not fit"},
    {"dataplane: {memory: lots}\n", "8:21", "neither auto nor a size"},
    {"dataplane: {memory: 1MiB}\n", "8:21", "out of range"},
    {"dataplane: {burst: 65}\n", "8:20", "1 to 64"},
    {"dataplane: {burst: 0}\n", "8:20", "1 to 64"},
    {"dataplane: {burst: 3.5}\n", "8:20", "not an integer"},
    {"dataplane: {idle: adaptiv}\n", "8:19", "did you mean 'adaptive'?"},
    {"dataplane: {sessions: 1023}\n", "8:23", "from 1024 to 64M"},
    {"dataplane: {sessions: 65M}\n", "8:23", "from 1024 to 64M"},
    {"dataplane: {brust: 3}\n", "8:13", "unknown key 'brust' in dataplane; did you mean 'burst'?"},
    {"telemetry: {log: verbose}\n", "8:18", "trace, debug, info, warning or error"},
    {"telemetry: {ipfix: {}}\n", "8:20", "ipfix lacks 'collector'"},
    {"telemetry: {ipfix: {collector: 192.0.2.5}}\n", "8:32", "a host and a port"},
    {"telemetry: {active_timeout: 10}\n", "8:29", "neither off nor a time with its unit"},
    {"telemetry: {active_timeout: 900ms}\n", "8:29", "out of range"},
    {"telemetry: {active_timeout: 2d}\n", "8:29", "out of range"},
    {"telemetry: {flow_log: \"\"}\n", "8:23", "is empty"},
    {"telemetry: {flow_log: {updates: true}}\n", "8:23", "flow_log lacks 'file'"},
    {"telemetry: {active_timeout: off, flow_log: {file: f, updates: true}}\n", "8:63",
     "active_timeout is off"},
};

INSTANTIATE_TEST_SUITE_P(Others, BadWithInterface, ::testing::ValuesIn(kBadOthers));

TEST(CommonProfile, PortsAreChecked) {
  const auto loaded = parse(
      "vnf: probe\nname: p\nprobe: {}\n"
      "ports:\n"
      "  a: {device: x, mtu: 575}\n"
      "  b: {device: x}\n"
      "  c: {mtu: 9601}\n"
      "  a: {device: y}\n"
      "interfaces: {one: {port: a}}\n");
  ASSERT_FALSE(loaded);
  std::string places;
  for (const Diagnostic& one : loaded.error().entries()) {
    places += std::to_string(one.at.line) + ":" + std::to_string(one.at.column) + " ";
  }
  EXPECT_EQ(places, "5:23 6:15 7:6 7:12 8:3 ") << loaded.error().to_string();
}

TEST(CommonProfile, DomainsMayUseTheSameAddresses) {
  EXPECT_TRUE(parse(kHead +
                    "interfaces: {one: {port: a, address: 10.0.0.1/24}, two: {port: b, address: 10.0.0.1/24, "
                    "domain: blue}}\n"));
  // A link-local subnet is on every link; two addresses of one subnet on one interface are common.
  EXPECT_TRUE(parse(kHead +
                    "interfaces: {one: {port: a, address: [\"fe80::1/64\", 10.0.0.1/24, 10.0.0.2/24]}, two: "
                    "{port: b, address: \"fe80::1/64\"}}\n"));
  // RFC 3021.
  EXPECT_TRUE(parse(kHead + "interfaces: {one: {port: a, address: 10.0.0.0/31}}\n"));
}

TEST(CommonProfile, AFileThatIsNotThereIsAnErrorOfTheFile) {
  const auto loaded = load_profile(schema(), "/nonexistent/p.yaml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().to_string(),
            "/nonexistent/p.yaml: cannot read '/nonexistent/p.yaml': No such file or directory\n");
}

}  // namespace
}  // namespace millrace::control
