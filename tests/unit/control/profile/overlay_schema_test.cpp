// SPDX-License-Identifier: BSD-3-Clause
// Interfaces that are overlays': what a profile may say of them, and what it may not.
#include <gmock/gmock.h>

#include "tests/unit/control/profile/probe_profile.h"

namespace millrace::control {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

Checked<Loaded<NoSection>> read_overlays(const std::string& interfaces) {
  const std::string head =
      "ports:\n"
      "  a: {device: \"0000:00:05.0\"}\n"
      "  b: {device: \"0000:00:06.0\", mtu: 9000}\n"
      "interfaces:\n"
      "  low: {port: a, address: [192.0.2.1/24, \"2001:db8::1/64\"]}\n"
      "  jumbo: {port: b, vlan: 5, address: 198.51.100.1/24}\n";
  return read_probe(head + interfaces);
}

TEST(OverlayProfile, ReadsAllKinds) {
  const auto loaded = read_overlays(
      R"(  vx: {port: a, vxlan: {vni: 7001, local: 192.0.2.1, remote: 192.0.2.9}, address: 10.1.0.1/24}
  vx6: {port: a, vxlan: {vni: 7001, local: "2001:db8::1", peers: ["2001:db8::9", "2001:db8::a"], learn: true,
                         zero_checksum: true, dscp: 46, ttl: 3, udp_port: 8472}}
  gpe: {port: a, vxlan_gpe: {vni: 7001, local: 192.0.2.1, remote: 192.0.2.9, payload: ip}}
  gen: {port: b, geneve: {vni: 7001, local: 198.51.100.1, remote: 198.51.100.9}}
  gre: {port: b, gre: {key: 7, local: 198.51.100.1, remote: 198.51.100.9}, address: 10.2.0.1/30}
routes:
  - {to: 10.9.0.0/16, interface: gre}
)");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const Profile& profile = loaded->common;
  const auto overlay = [&](const char* name) { return profile.interface(name)->overlay().value(); };
  const auto mtu = [&](const char* name) { return profile.mtu_of(*profile.interface(name)); };
  EXPECT_FALSE(profile.interface("low")->overlay());
  EXPECT_EQ(overlay("vx").type, net::OverlayType::kVxlan);
  EXPECT_EQ(overlay("vx").id(), 7001U);
  EXPECT_EQ(overlay("vx").udp_port(), 4789);
  EXPECT_TRUE(overlay("vx").ethernet());
  EXPECT_THAT(overlay("vx")->far_ends(), SizeIs(1));
  EXPECT_EQ(mtu("vx"), 1450);  // RFC 7348 section 4.3: 14 + 8 + 8 + 20
  EXPECT_EQ(overlay("vx6").udp_port(), 8472);
  EXPECT_EQ(overlay("vx6")->dscp, 46);
  EXPECT_EQ(overlay("vx6")->ttl, 3);
  EXPECT_TRUE(*overlay("vx6")->learn);
  EXPECT_TRUE(overlay("vx6")->zero_checksum);
  EXPECT_THAT(overlay("vx6")->far_ends(), SizeIs(2));
  EXPECT_EQ(mtu("vx6"), 1430);
  EXPECT_EQ(overlay("gpe").udp_port(), 4790);
  EXPECT_FALSE(overlay("gpe").ethernet());
  EXPECT_EQ(mtu("gpe"), 1464);
  EXPECT_EQ(overlay("gen").type, net::OverlayType::kGeneve);
  EXPECT_EQ(overlay("gen").udp_port(), 6081);
  EXPECT_EQ(mtu("gen"), 8950);
  EXPECT_FALSE(overlay("gre").ethernet());  // RFC 2784's own payload
  EXPECT_EQ(overlay("gre").id(), 7U);
  EXPECT_EQ(mtu("gre"), 8972);  // 20 + 4 + 4
}

struct BadInterface {
  const char* text;   // one line behind the interfaces above: line 10
  const char* where;  // of the only error
  const char* what;
};
void PrintTo(const BadInterface& bad, std::ostream* out) { *out << bad.text; }

class BadOverlay : public ::testing::TestWithParam<BadInterface> {};

TEST_P(BadOverlay, GivesOneErrorAtItsPlace) {
  const auto loaded = read_overlays(GetParam().text);
  ASSERT_FALSE(loaded);
  ASSERT_THAT(loaded.error().entries(), SizeIs(1)) << loaded.error().to_string();
  EXPECT_THAT(loaded.error().to_string(), StartsWith("p.yaml:" + std::string(GetParam().where) + ": "));
  EXPECT_THAT(loaded.error().to_string(), HasSubstr(GetParam().what));
}

const BadInterface kBadInterfaces[] = {
    {"  x: {port: a, vxlan: {local: 192.0.2.1, remote: 192.0.2.9}}\n", "10:23", "vxlan lacks 'vni'"},
    {"  x: {port: a, vxlan: {vni: 16777216, local: 192.0.2.1, remote: 192.0.2.9}}\n", "10:29",
     "0 to 16777215"},
    {"  x: {port: a, vxlan: {vni: 7, remote: 192.0.2.9}}\n", "10:23", "vxlan lacks 'local'"},
    {"  x: {port: a, vxlan: {vni: 7, local: 192.0.2.1}}\n", "10:39",
     "without a far end; give remote, or peers"},
    {"  x: {port: a, vxlan: {vni: 7, local: 192.0.2.1, remote: \"2001:db8::9\"}}\n", "10:58",
     "is not of the family of local 192.0.2.1"},
    {"  x: {port: a, vxlan: {vni: 7, local: 192.0.2.1, remote: 192.0.2.1}}\n", "10:58", "is the local end"},
    {"  x: {port: a, vxlan: {vni: 7, local: 192.0.2.1, peers: [192.0.2.8, 192.0.2.8]}}\n", "10:69",
     "given twice"},
    {"  x: {port: a, vxlan: {vni: 7, local: 192.0.2.1, remote: 192.0.2.8, peers: [192.0.2.9]}}\n", "10:77",
     "peers beside remote"},
    {"  x: {port: a, vxlan: {vni: 7, local: 192.0.2.2, remote: 192.0.2.9}}\n", "10:39",
     "local 192.0.2.2 is no address of another interface on port 'a'"},
    {"  x: {port: b, vxlan: {vni: 7, local: 192.0.2.1, remote: 192.0.2.9}}\n", "10:39",
     "is no address of another interface on port 'b'"},
    {"  x: {port: a, vlan: 9, vxlan: {vni: 7, local: 192.0.2.1, remote: 192.0.2.9}}\n", "10:22",
     "a vlan of an overlay"},
    {"  x: {port: a, mtu: 1451, vxlan: {vni: 7, local: 192.0.2.1, remote: 192.0.2.9}}\n", "10:21",
     "mtu 1451 does not fit into the 1500 of interface 'low' with the overlay's headers; give at most 1450"},
    {"  x: {port: a, vxlan: {vni: 7, local: 192.0.2.1, remote: 192.0.2.9, dscp: 64}}\n", "10:75", "0 to 63"},
    {"  x: {port: a, geneve: {vni: 7, local: 192.0.2.1, peers: [192.0.2.8, 192.0.2.9], payload: ip}}\n",
     "10:40", "payload ip goes to one far end"},
    {"  x: {port: a, gre: {local: 192.0.2.1, remote: 192.0.2.9, udp_port: 7}}\n", "10:59",
     "unknown key 'udp_port'"},
    {"  x: {port: a, vxlan: {vni: 7, local: 192.0.2.1, remote: 192.0.2.9}, "
     "geneve: {vni: 7, local: 192.0.2.1, remote: 192.0.2.9}}\n",
     "10:94", "an interface is one overlay"},
    {"  x: {port: a, vxlan: {vni: 7, local: 192.0.2.1, remote: 192.0.2.9}}\n"
     "  y: {port: a, vxlan: {vni: 7, local: 192.0.2.1, remote: 192.0.2.9}}\n",
     "11:39", "interface 'x' already has the packets of VNI 7 from this far end"},
    {"  x: {port: a, vxlan: {vni: 7, local: 192.0.2.1, remote: 192.0.2.9}}\n"
     "  y: {port: a, geneve: {vni: 8, local: 192.0.2.1, remote: 192.0.2.9, udp_port: 4789}}\n",
     "11:40", "UDP port 4789 of 192.0.2.1 has an overlay of another kind already"},
    {"  x: {port: a, gre: {local: 192.0.2.1, remote: 192.0.2.9}}\n"
     "routes: {to: 10.9.0.0/16, interface: low}\n",
     "11:14", "a route without via"},
};

INSTANTIATE_TEST_SUITE_P(Interfaces, BadOverlay, ::testing::ValuesIn(kBadInterfaces));

}  // namespace
}  // namespace millrace::control
