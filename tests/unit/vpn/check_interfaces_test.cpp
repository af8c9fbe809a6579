// SPDX-License-Identifier: BSD-3-Clause
// Tunnels with interfaces of their own, as the profile says them and as charon is told.
#include <filesystem>
#include <fstream>
#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/control/profile/section.h"
#include "vnfs/vpn/compile_policy.h"
#include "vnfs/vpn/interface_watch.h"
#include "vnfs/vpn/render_connections.h"

namespace millrace::vpn {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// A folder with a secret and a key.
class Place {
 public:
  Place() : path_(std::filesystem::temp_directory_path() / ("millrace-tun-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ / "psk") << "what both know\n";
    std::ofstream(path_ / "key") << std::string(40, 'a') << "\n";
  }
  ~Place() { std::filesystem::remove_all(path_); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  // `interfaces` begin in line 8, and what follows them behind.
  [[nodiscard]] control::Checked<control::Loaded<profile::Section>> parse(const std::string& rest) const {
    const std::string text =
        "vnf: vpn\n"
        "name: gw\n"
        "ports:\n"
        "  p: {device: \"0000:00:05.0\"}\n"
        "interfaces:\n"
        "  wan: {port: p, address: [192.0.2.1/24]}\n"
        "# the rest:\n" +
        rest;
    return control::parse_profile(profile::schema(), text, "vpn.yaml",
                                  control::files_beside((path_ / "vpn.yaml").string()));
  }

 private:
  std::filesystem::path path_;
};

constexpr const char* kVpn =
    "vpn:\n"
    "  key_exchange: {}\n"
    "  connections:\n"
    "    west: {remote: 198.51.100.1, authentication: secret, secret: psk}\n"
    "    east: {remote: 198.51.100.2, authentication: secret, secret: psk, start: traffic}\n"
    "    south:\n"
    "      {remote: 198.51.100.3, authentication: secret, secret: psk, mode: transport}\n"
    "  tunnels:\n"
    "    north:\n"
    "      local: 192.0.2.1\n"
    "      remote: 198.51.100.4\n"
    "      in: {spi: 4096, suite: aes128gcm16, key: key}\n"
    "      out: {spi: 8192, suite: aes128gcm16, key: key}\n";

constexpr const char* kGood =
    "  tun0: {tunnel: west, address: [169.254.0.1/30], mtu: 1380}\n"
    "  tun1: {tunnel: east}\n"
    "  tun2: {tunnel: north}\n"
    "routes: [{to: 10.2.0.0/16, interface: tun1}]\n";

TEST(TunnelInterfaces, AreReadWithTheRoutesThatLeadThere) {
  const Place place;
  const auto loaded = place.parse(std::string(kGood) + kVpn);
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const control::Profile& common = loaded->common;
  EXPECT_EQ(common.interface("tun0")->tunnel.value, "west");
  EXPECT_EQ(common.mtu_of(*common.interface("tun0")), 1380);
  EXPECT_EQ(common.mtu_of(*common.interface("tun1")), 1400);
  EXPECT_FALSE(common.routes[0].via.value);
  EXPECT_EQ(loaded->own.connections[0].interface, control::tunnel_number("west"));
  EXPECT_EQ(loaded->own.connections[2].interface, 0U);
}

// FNV-1a of 32 bits; the numbers are those of the test suite in draft-eastlake-fnv, appendix C.
TEST(TunnelInterfaces, HaveNumbersThatEveryMachineKnows) {
  EXPECT_EQ(control::tunnel_number("a"), 0xe40c292cU);
  EXPECT_EQ(control::tunnel_number("foobar"), 0xbf9cf968U);
}

TEST(TunnelInterfaces, CarryWhateverRoutesSendThere) {
  const Place place;
  const auto loaded = place.parse(std::string(kGood) + kVpn);
  ASSERT_TRUE(loaded);
  const auto configured = read_tunnels(loaded->own);
  ASSERT_TRUE(configured) << configured.error().message();
  ASSERT_THAT(configured->policies, SizeIs(2)) << "of the connections charon tells them";
  for (const PolicySpec& policy : configured->policies) {
    EXPECT_EQ(policy.interface, control::tunnel_number("north"));
    EXPECT_EQ(policy.selector.remote.length, 0);
  }
  EXPECT_EQ(configured->associations[1].interface, control::tunnel_number("north"));

  const auto settings = render_connections(loaded->own);
  ASSERT_TRUE(settings);
  const auto child = [&](const char* name) {
    for (const IkeSetting& one : *settings)
      if (one.kind == IkeSetting::Kind::kConnection && one.name == name)
        return one.message.at(name).at("children").at(name).as_object();
    return boost::json::object();
  };
  const boost::json::object west = child("west");
  EXPECT_EQ(west.at("if_id_in").as_string(), std::to_string(control::tunnel_number("west")));
  EXPECT_EQ(west.at("if_id_out"), west.at("if_id_in"));
  EXPECT_EQ(west.at("local_ts"), (boost::json::array{"0.0.0.0/0", "::/0"}));
  EXPECT_EQ(west.at("remote_ts"), (boost::json::array{"0.0.0.0/0", "::/0"}));
  EXPECT_FALSE(child("south").contains("if_id_in"));
}

TEST(TunnelInterfaces, HaveNoLinkWithoutAnAssociation) {
  const Place place;
  const auto loaded = place.parse(std::string(kGood) + kVpn);
  ASSERT_TRUE(loaded);
  InterfaceWatch watch;
  watch.follow(loaded->own);
  const std::uint32_t west = control::tunnel_number("west");
  const Associations nothing;
  EXPECT_EQ(watch.look(nothing), std::set<std::uint32_t>{west})
      << "one that the first packet makes, and one with keys of the profile, are never down";
  EXPECT_EQ(watch.look(nothing), std::nullopt) << "it has been told";
  auto made = std::make_shared<Outbound>();
  made->interface = west;
  Associations::Content content;
  content.outbound = std::make_shared<const std::vector<OutboundPtr>>(std::vector<OutboundPtr>{made});
  Associations some(std::move(content));
  EXPECT_EQ(watch.look(some), std::set<std::uint32_t>{});
  watch.follow(loaded->own);
  EXPECT_EQ(watch.look(some), std::set<std::uint32_t>{}) << "a new profile is told anew";
}

struct WrongInterface {
  const char* text;
  const char* where;  // of the first error
  const char* what;
};
void PrintTo(const WrongInterface& wrong, std::ostream* out) { *out << wrong.text; }

class WrongInterfaces : public ::testing::TestWithParam<WrongInterface> {};

TEST_P(WrongInterfaces, AreRefusedWithThePlaceAndWhatWouldBeRight) {
  const Place place;
  const auto loaded = place.parse(std::string(GetParam().text) + kVpn);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().to_string(), StartsWith("vpn.yaml:" + std::string(GetParam().where) + ": "));
  EXPECT_THAT(loaded.error().to_string(), HasSubstr(GetParam().what));
}

constexpr WrongInterface kWrongOnes[] = {
    {"  tun0: {tunnel: wets}\n", "8:18", "did you mean 'west'?"},
    {"  tun0: {address: 10.9.0.1/24}\n", "8:3",
     "the interface 'tun0' has nothing under it; give port or tunnel"},
    {"  tun0: {port: p, vlan: 3, tunnel: west}\n", "8:36", "takes no tunnel; remove one of them"},
    {"  tun0: {tunnel: west, vlan: 7}\n", "8:30", "a tunnel has no VLANs; remove it"},
    {"  tun0: {tunnel: west}\n  tun1: {tunnel: west}\n", "9:18",
     "'west' is under the interface 'tun0' already; give each interface a tunnel of its own"},
    {"  tun0: {tunnel: south}\n", "8:18", "'south' is of transport mode, which carries no routed packets"},
    {"  tun0: {tunnel: north}\nroutes: [{to: 10.2.0.0/16}]\n", "9:15",
     "a route without via; give its next hop, or an interface that is a tunnel"},
    {"  tun0: {tunnel: north}\nroutes: [{to: 10.2.0.0/16, interface: wan}]\n", "9:15",
     "a route without via; give its next hop, or an interface that is a tunnel"},
    {"  tun0: {tunnel: north}\nroutes: [{to: 10.2.0.0/16, via: 10.9.9.9, interface: tun0}]\n", "9:33",
     "via 10.9.9.9 is on no subnet of interface 'tun0'"},
};

INSTANTIATE_TEST_SUITE_P(Table, WrongInterfaces, ::testing::ValuesIn(kWrongOnes));

}  // namespace
}  // namespace millrace::vpn
