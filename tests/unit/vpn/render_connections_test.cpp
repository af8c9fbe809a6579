// SPDX-License-Identifier: BSD-3-Clause
// Connections of the profile: what is refused, and what charon is told of them.
#include "vnfs/vpn/render_connections.h"

#include <filesystem>
#include <fstream>
#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/control/profile/section.h"
#include "vnfs/vpn/compile_policy.h"

namespace millrace::vpn {
namespace {

using boost::json::array;
using boost::json::object;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class Files {
 public:
  Files() : path_(std::filesystem::temp_directory_path() / ("millrace-ike-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
    write("psk", "what both know\n");
    write("chain.pem", "-----BEGIN CERTIFICATE-----\none\n-----BEGIN CERTIFICATE-----\ntwo\n");
    write("key.pem", "-----BEGIN PRIVATE KEY-----\nkey\n");
    write("ca.pem", "-----BEGIN CERTIFICATE-----\nca\n");
    write("empty", "\n");
  }
  ~Files() { std::filesystem::remove_all(path_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }
  [[nodiscard]] std::string profile() const { return (path_ / "vpn.yaml").string(); }

 private:
  std::filesystem::path path_;
};

// Lines 1 to 9; what a test adds starts at line 10, within the section.
const std::string kBegin =
    "vnf: vpn\n"
    "name: gw\n"
    "ports:\n"
    "  p: {device: \"0000:00:05.0\"}\n"
    "  q: {device: \"0000:00:06.0\"}\n"
    "interfaces:\n"
    "  lan: {port: p, address: [10.1.0.1/16]}\n"
    "  wan: {port: q, address: [192.0.2.1/24]}\n"
    "vpn:\n";

control::Checked<control::Loaded<profile::Section>> parsed(const std::string& text, const Files& files) {
  return control::parse_profile(profile::schema(), kBegin + text, "vpn.yaml",
                                control::files_beside(files.profile()));
}

std::vector<IkeSetting> rendered(const std::string& text) {
  const Files files;
  const auto loaded = parsed(text, files);
  EXPECT_TRUE(loaded) << loaded.error().to_string();
  if (!loaded) return {};
  auto settings = render_connections(loaded->own);
  EXPECT_TRUE(settings) << settings.error().message();
  return settings ? std::move(*settings) : std::vector<IkeSetting>();
}

constexpr const char* kBranch =
    "  key_exchange: {}\n"
    "  connections:\n"
    "    branch:\n"
    "      local: 192.0.2.1\n"
    "      remote: 198.51.100.1\n"
    "      authentication: secret\n"
    "      identity: hq.example.net\n"
    "      peer: branch.example.net\n"
    "      secret: psk\n"
    "      start: always\n"
    "      force_udp: true\n"
    "      renewal: {keys: 30m, bytes: 1G, exchange: 2h, authentication: 1d}\n"
    "      esp_proposals: [aes256gcm16-esn]\n"
    "      networks:\n"
    "        - {local: 10.1.0.0/16, remote: 10.2.0.0/16}\n"
    "        - {local: 10.1.5.0/24, remote: 10.3.0.0/16, protocol: 6, remote_ports: 80-443}\n";

TEST(Connections, AreToldInTheWordsOfCharon) {
  const auto settings = rendered(kBranch);
  ASSERT_THAT(settings, SizeIs(2));
  EXPECT_EQ(settings[0].command, "load-shared");
  EXPECT_EQ(settings[0].message, (object{{"data", "what both know"},
                                         {"id", "IKE branch"},
                                         {"type", "IKE"},
                                         {"owners", array{"hq.example.net", "branch.example.net"}}}));
  EXPECT_EQ(settings[1].command, "load-conn");
  const object& told = settings[1].message.at("branch").as_object();
  EXPECT_EQ(told.at("local_addrs"), array{"192.0.2.1"});
  EXPECT_EQ(told.at("remote_addrs"), array{"198.51.100.1"});
  EXPECT_EQ(told.at("local"), (object{{"auth", "psk"}, {"id", "hq.example.net"}}));
  EXPECT_EQ(told.at("remote"), (object{{"auth", "psk"}, {"id", "branch.example.net"}}));
  EXPECT_EQ(told.at("version"), "2");
  EXPECT_EQ(told.at("encap"), "yes");
  EXPECT_EQ(told.at("rekey_time"), "7200s");
  EXPECT_EQ(told.at("reauth_time"), "86400s");
  EXPECT_EQ(told.at("keyingtries"), "0");
  const object& children = told.at("children").as_object();
  ASSERT_THAT(children, SizeIs(2));
  const object& first = children.at("branch-1").as_object();
  EXPECT_EQ(first.at("local_ts"), array{"10.1.0.0/16"});
  EXPECT_EQ(first.at("rekey_time"), "1800s");
  EXPECT_EQ(first.at("rand_time"), "180s");
  EXPECT_EQ(first.at("life_time"), "1980s");
  EXPECT_EQ(first.at("rekey_bytes"), "1000000000");
  EXPECT_EQ(first.at("start_action"), "trap|start");
  EXPECT_EQ(first.at("esp_proposals"), array{"aes256gcm16-esn"});
  const object& second = children.at("branch-2").as_object();
  EXPECT_EQ(second.at("local_ts"), array{"10.1.5.0/24[6]"});
  EXPECT_EQ(second.at("remote_ts"), array{"10.3.0.0/16[6/80-443]"});
}

TEST(Connections, APeerThatIsNotNamedIsItsAddress) {
  const std::string begin =
      "  key_exchange: {}\n  connections:\n    branch:\n      authentication: secret\n      secret: psk\n";
  const auto by_address = rendered(begin + "      remote: 198.51.100.1\n");
  EXPECT_EQ(by_address[0].message.at("owners"), array{"198.51.100.1"});
  EXPECT_EQ(by_address[1].message.at("branch").at("remote").at("id"), "198.51.100.1");
  const auto by_name = rendered(begin + "      remote: branch.example.net\n");
  EXPECT_EQ(by_name[0].message.at("owners"), array{});
  EXPECT_FALSE(by_name[1].message.at("branch").at("remote").as_object().contains("id"));
}

TEST(Connections, NetworksAreClosedWhileThereIsNoTunnel) {
  const Files files;
  const auto loaded = parsed(kBranch, files);
  ASSERT_TRUE(loaded);
  const auto configured = read_tunnels(loaded->own);
  ASSERT_TRUE(configured);
  ASSERT_THAT(configured->policies, SizeIs(2));
  EXPECT_EQ(configured->policies[0].action, Action::kProtect);
  EXPECT_EQ(configured->policies[0].selector.remote.to_string(), "10.2.0.0/16");
  EXPECT_FALSE(configured->policies[0].outbound);
  EXPECT_EQ(configured->policies[0].tunnel, kNoTunnel) << "charon is not asked for one";
}

// As strongSwan has to be asked for several: see render_children.cpp.
TEST(Connections, ParallelPairsAreChildrenOfOneNumberThatDifferInTheirLifeAlone) {
  const auto settings = rendered(
      "  key_exchange: {}\n  connections:\n    west:\n"
      "      {remote: 198.51.100.1, authentication: secret, secret: psk, parallel: 3, start: always,\n"
      "       networks: {local: 10.1.0.0/16, remote: 10.2.0.0/16}}\n");
  ASSERT_THAT(settings, SizeIs(2));
  const object& children = settings[1].message.at("west").at("children").as_object();
  ASSERT_THAT(children, SizeIs(3));
  EXPECT_EQ(children.at("west").at("start_action"), "trap|start");
  EXPECT_EQ(children.at("west.2").at("start_action"), "start");
  EXPECT_EQ(children.at("west").at("life_time"), "3960s");
  EXPECT_EQ(children.at("west.2").at("life_time"), "3961s");
  EXPECT_EQ(children.at("west.3").at("life_time"), "3962s");
  EXPECT_TRUE(is_shared(
      static_cast<std::uint32_t>(std::stoul(std::string(children.at("west").at("reqid").as_string())))));
  EXPECT_EQ(children.at("west").at("reqid"), children.at("west.3").at("reqid"));
  object second = children.at("west.2").as_object();
  object third = children.at("west.3").as_object();
  second.erase("life_time");
  third.erase("life_time");
  EXPECT_EQ(second, third);
}

TEST(Connections, RoadwarriorsGetAddressesAndProveThemselvesByPassword) {
  const auto settings = rendered(
      "  key_exchange: {}\n"
      "  authorities: {ours: {certificate: ca.pem, crl: \"http://pki.example.net/ca.crl\"}}\n"
      "  users: {alice: {secret: psk}}\n"
      "  pools: {staff: {addresses: 10.9.0.0/24, dns: 10.1.0.53, split: [10.1.0.0/16]}}\n"
      "  connections:\n"
      "    staff:\n"
      "      authentication: eap-mschapv2\n"
      "      certificate: chain.pem\n"
      "      key: key.pem\n"
      "      authorities: ours\n"
      "      strict_revocation: true\n"
      "      pools: staff\n"
      "      networks: {local: 10.1.0.0/16}\n");
  std::vector<std::string> commands;
  for (const IkeSetting& setting : settings) commands.push_back(setting.command);
  EXPECT_THAT(commands, ElementsAre("load-authority", "load-shared", "load-pool", "load-cert", "load-key",
                                    "load-conn"));
  EXPECT_EQ(settings[0].message.at("ours").at("crl_uris"), array{"http://pki.example.net/ca.crl"});
  EXPECT_EQ(settings[1].message.at("type"), "EAP");
  EXPECT_EQ(settings[1].message.at("owners"), array{"alice"});
  EXPECT_EQ(settings[2].message.at("staff"), (object{{"addrs", "10.9.0.0/24"},
                                                     {"dns", array{"10.1.0.53"}},
                                                     {"split_include", array{"10.1.0.0/16"}}}));
  EXPECT_EQ(settings[3].message.at("data"), "-----BEGIN CERTIFICATE-----\ntwo\n");
  EXPECT_EQ(settings[4].message.at("type"), "any");
  const object& told = settings[5].message.at("staff").as_object();
  EXPECT_EQ(told.at("local").at("auth"), "pubkey");
  EXPECT_EQ(told.at("local").at("certs"), array{"-----BEGIN CERTIFICATE-----\none\n"});
  EXPECT_EQ(told.at("remote").at("auth"), "eap-mschapv2");
  EXPECT_EQ(told.at("remote").at("cacerts"), array{"-----BEGIN CERTIFICATE-----\nca\n"});
  EXPECT_EQ(told.at("remote").at("revocation"), "strict");
  EXPECT_EQ(told.at("pools"), array{"staff"});
  EXPECT_FALSE(told.contains("remote_addrs"));
  EXPECT_EQ(told.at("children").at("staff").at("remote_ts"), array{"dynamic"});
}

TEST(Connections, ProposalsThatAreGivenByDefaultAreGood) {
  for (const auto kind : {profile::ProposalKind::kIke, profile::ProposalKind::kEsp}) {
    for (const auto& proposal : profile::default_proposals(kind))
      EXPECT_EQ(profile::fault_of_proposal(*proposal, kind), std::nullopt) << *proposal;
  }
}

struct Wrong {
  const char* text;
  const char* where;
  const char* what;
};
void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.text; }

class WrongConnection : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongConnection, IsRefusedWithThePlaceAndWhatWouldBeRight) {
  const Files files;
  const auto loaded = parsed(GetParam().text, files);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().to_string(), StartsWith("vpn.yaml:" + std::string(GetParam().where) + ": "));
  EXPECT_THAT(loaded.error().to_string(), HasSubstr(GetParam().what));
}

#define TO_BRANCH(lines) "  key_exchange: {}\n  connections:\n    branch:\n" lines
#define SECRET "      remote: 198.51.100.1\n      authentication: secret\n      secret: psk\n"

constexpr Wrong kWrong[] = {
    {"  connections:\n    branch:\n" SECRET, "11:5",
     "connections need strongSwan's charon; give key_exchange: {}"},
    {TO_BRANCH("      remote: 198.51.100.1\n"), "13:7", "lacks 'authentication'"},
    {TO_BRANCH("      authentication: secret\n"), "13:23", "the secret is missing; give secret: FILE"},
    {TO_BRANCH("      authentication: secret\n      secret: none\n"), "14:15", "none"},
    {TO_BRANCH("      authentication: secret\n      secret: empty\n"), "14:15",
     "is empty; give a line of text"},
    {TO_BRANCH("      authentication: certificate\n      key: key.pem\n"), "13:23",
     "this gateway has to show a certificate; give certificate: FILE"},
    {TO_BRANCH("      authentication: certificate\n      key: key.pem\n      certificate: psk\n"), "15:20",
     "has nothing in PEM form"},
    {TO_BRANCH("      authentication: eap-mschapv2\n      key: key.pem\n      certificate: ca.pem\n"),
     "13:23", "nobody has a password; give users"},
    {TO_BRANCH(SECRET "      local: 192.0.2.77\n"), "16:14", "no interface has the address 192.0.2.77"},
    {TO_BRANCH("      authentication: secret\n      secret: psk\n      start: traffic\n"), "12:5",
     "nobody says where the peer of 'branch' is"},
    {TO_BRANCH(SECRET "      esp_proposals: [aes128gcm16, aes128gcm15]\n"), "16:36",
     "the algorithm 'aes128gcm15' is not defined; did you mean 'aes128gcm16'?"},
    {TO_BRANCH(SECRET "      esp_proposals: [aes128-ecp256]\n"), "16:23", "its cipher needs a hash"},
    {TO_BRANCH(SECRET "      ike_proposals: [aes128gcm16-ecp256]\n"), "16:23",
     "it has no pseudo-random function"},
    {TO_BRANCH(SECRET "      ike_proposals: [aes128gcm16-aes128-sha256-ecp256]\n"), "16:23",
     "give two proposals"},
    {TO_BRANCH(SECRET "      ike_proposals: [aes128-sha256]\n"), "16:23", "it has no group for keys"},
    {TO_BRANCH(SECRET "      pools: [stuff]\n"), "16:15", "the pool 'stuff' is not defined"},
    {TO_BRANCH(SECRET "      authorities: [nobody]\n"), "16:21", "the authority 'nobody' is not defined"},
    {TO_BRANCH(SECRET "      networks: [{local: 10.1.0.0/16, remote: \"2001:db8::/48\"}]\n"), "16:18",
     "are of two families"},
    {TO_BRANCH(SECRET "      networks: [{local: 10.1.0.0/16, local_ports: 80}]\n"), "16:18",
     "ports are of TCP"},
    {TO_BRANCH(SECRET "      replay_window: 100\n"), "16:22", "100 is no power of two; give 128"},
    {"  key_exchange: {}\n  pools: {p: {addresses: everything}}\n", "11:26", "'everything'"},
};

INSTANTIATE_TEST_SUITE_P(Table, WrongConnection, ::testing::ValuesIn(kWrong));

}  // namespace
}  // namespace millrace::vpn
