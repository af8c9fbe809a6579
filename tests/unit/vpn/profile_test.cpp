// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/profile.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/control/profile/section.h"
#include "vnfs/vpn/compile_policy.h"

namespace millrace::vpn::profile {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// A folder with key files of 16, 20, 32 and 36 bytes.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("millrace-keys-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
    for (const int bytes : {16, 20, 32, 36})
      write(std::to_string(bytes), std::string(2 * static_cast<std::size_t>(bytes), 'a') + "\n");
    write("odd", "abc");
    write("text", "a secret, but in words");
    write("spaced", "0x00112233 44556677\n8899aabb ccddeeff\n01020304\n");
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }
  [[nodiscard]] std::string profile() const { return (path_ / "vpn.yaml").string(); }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// Lines 1 to 10; what a test adds starts at line 11, within the section.
const std::string kHead =
    "vnf: vpn\n"
    "name: gw\n"
    "ports:\n"
    "  p: {device: \"0000:00:05.0\"}\n"
    "  q: {device: \"0000:00:06.0\"}\n"
    "interfaces:\n"
    "  lan: {port: p, address: [10.1.0.1/16, \"2001:db8:a::1/48\"]}\n"
    "  wan: {port: q, address: [192.0.2.1/24, \"2001:db8:ff::1/64\"]}\n"
    "routes: [{to: 0.0.0.0/0, via: 192.0.2.254}]\n"
    "vpn:\n";

control::Checked<control::Loaded<Section>> parse(const std::string& text, const Folder& folder) {
  return control::parse_profile(schema(), kHead + text, "vpn.yaml", control::files_beside(folder.profile()));
}

constexpr const char* kTunnel =
    "  tunnels:\n"
    "    hq:\n"
    "      local: 192.0.2.1\n"
    "      remote: 198.51.100.1\n"
    "      networks:\n"
    "        - {local: 10.1.0.0/16, remote: 10.2.0.0/16}\n"
    "        - {local: 10.1.5.0/24, remote: 10.3.0.0/16, protocol: 6, remote_ports: 80-443}\n"
    "      nat_traversal: {remote_port: 40000}\n"
    "      replay_window: 256\n"
    "      in: {spi: 4096, suite: aes128gcm16, key: \"20\"}\n"
    "      out: {spi: 0x2000, suite: aes256-sha256, key: \"32\", integrity_key: \"32\"}\n"
    "  exceptions:\n"
    "    - {local: 10.1.0.0/16, remote: 10.2.9.0/24}\n"
    "    - {local: 10.1.0.0/16, remote: 10.2.8.0/24, action: discard}\n"
    "  mss: 1300\n";

TEST(VpnProfile, IsReadWithAllItsParts) {
  const Folder folder;
  const auto loaded = parse(kTunnel, folder);
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  const auto configured = read_tunnels(loaded->own);
  ASSERT_TRUE(configured) << configured.error().message();
  ASSERT_THAT(configured->associations, SizeIs(2));
  const AssociationSpec& in = configured->associations[0];
  EXPECT_FALSE(in.key.outbound);
  EXPECT_EQ(in.key.spi, 4096U);
  EXPECT_EQ(in.window, 256U);
  EXPECT_TRUE(in.extended);
  EXPECT_EQ(in.udp, (UdpPorts{4500, 40000}));
  EXPECT_THAT(in.cipher_key.bytes(), SizeIs(20));
  ASSERT_THAT(in.selectors, SizeIs(2));
  EXPECT_EQ(in.selectors[1].protocol, 6);
  EXPECT_EQ(in.selectors[1].remote_ports, (Ports{80, 443}));
  const AssociationSpec& out = configured->associations[1];
  EXPECT_TRUE(out.key.outbound);
  EXPECT_EQ(out.suite, (crypto::Suite{crypto::Cipher::kAesCbc256, crypto::Integrity::kHmacSha256}));
  EXPECT_THAT(out.integrity_key.bytes(), SizeIs(32));
  ASSERT_THAT(configured->policies, SizeIs(4));
  EXPECT_EQ(configured->policies[0].action, Action::kProtect);
  EXPECT_EQ(configured->policies[0].outbound, out.key);
  EXPECT_EQ(configured->policies[2].action, Action::kBypass);
  EXPECT_LT(configured->policies[2].priority, configured->policies[0].priority);
  EXPECT_EQ(configured->policies[3].action, Action::kDiscard);
  EXPECT_EQ(loaded->own.mss, 1300);
}

// RFC 4106 section 3.1: a nonce must not come twice with a key, and the file has the same key after a
// restart.
TEST(VpnProfile, KeysThatAreReadAgainHaveOtherNonces) {
  const Folder folder;
  const auto loaded = parse(kTunnel, folder);
  ASSERT_TRUE(loaded);
  const auto first = read_tunnels(loaded->own);
  const auto second = read_tunnels(loaded->own);
  ASSERT_TRUE(first && second);
  EXPECT_GT(second->associations[1].iv_base, first->associations[1].iv_base);
}

TEST(VpnProfile, KeysMayBeWrittenInGroups) {
  const Folder folder;
  const auto key = read_key(folder.file("spaced"), 20);
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(key->bytes()[1], 0x11);
  EXPECT_EQ(key->bytes()[19], 0x04);
}

struct Bad {
  const char* text;   // after kHead
  const char* where;  // of the first error
  const char* what;
};
void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.text; }

class BadVpnProfile : public ::testing::TestWithParam<Bad> {};

TEST_P(BadVpnProfile, IsRefusedWithThePlaceAndWhatWouldBeRight) {
  const Folder folder;
  const auto loaded = parse(GetParam().text, folder);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().to_string(), StartsWith("vpn.yaml:" + std::string(GetParam().where) + ": "));
  EXPECT_THAT(loaded.error().to_string(), HasSubstr(GetParam().what));
}

#define HQ(ends, networks, in, out) \
  "  tunnels:\n    hq:\n      " ends "\n      networks: " networks "\n      in: " in "\n      out: " out "\n"
#define ENDS "local: 192.0.2.1\n      remote: 198.51.100.1"
#define NETWORKS "{local: 10.1.0.0/16, remote: 10.2.0.0/16}"
#define IN "{spi: 4096, suite: aes128gcm16, key: \"20\"}"
#define OUT "{spi: 8192, suite: aes128gcm16, key: \"20\"}"

constexpr Bad kBad[] = {
    {"  tunnels: {}\n", "11:3", "nothing is protected; give tunnels or key_exchange"},
    {HQ("local: 192.0.2.9\n      remote: 198.51.100.1", NETWORKS, IN, OUT), "13:14",
     "no interface has the address 192.0.2.9; give one of the gateway's own"},
    {HQ("local: 192.0.2.1\n      remote: \"2001:db8::1\"", NETWORKS, IN, OUT), "14:15",
     "2001:db8::1 is of IPv6 and local of IPv4"},
    {HQ(ENDS, "{local: 10.1.0.0/16, remote: \"2001:db8:b::/48\"}", IN, OUT), "15:46",
     "give two networks of one family"},
    {HQ(ENDS, "{local: 10.1.0.0/16, remote: 10.2.0.0/16, local_ports: 80}", IN, OUT), "15:17",
     "ports are of TCP, UDP or SCTP"},
    {HQ(ENDS, "[]", IN, OUT), "12:5", "the tunnel 'hq' carries nothing; give networks"},
    {HQ(ENDS, NETWORKS, "{spi: 255, suite: aes128gcm16, key: \"20\"}", OUT), "16:17",
     "give a number of at least 256 and 32 bits"},
    {HQ(ENDS, NETWORKS, "{spi: 4096, suite: aes128gcm12, key: \"20\"}", OUT), "16:30", "aes128gcm16"},
    {HQ(ENDS, NETWORKS, "{spi: 4096, suite: aes128gcm16, key: \"16\"}", OUT), "16:48",
     "it has 16 bytes; give 40 hexadecimal digits"},
    {HQ(ENDS, NETWORKS, "{spi: 4096, suite: aes128gcm16, key: none}", OUT), "16:48", "none"},
    {HQ(ENDS, NETWORKS, "{spi: 4096, suite: aes128gcm16, key: text}", OUT), "16:48",
     "something else than hexadecimal digits; give 40 of them"},
    {HQ(ENDS, NETWORKS, "{spi: 4096, suite: aes128gcm16, key: odd}", OUT), "16:48", "hexadecimal digits"},
    {HQ(ENDS, NETWORKS, "{spi: 4096, suite: aes128-sha256, key: \"16\"}", OUT), "16:11",
     "the suite has a hash, and its key is missing; give integrity_key"},
    {HQ(ENDS, NETWORKS, "{spi: 4096, suite: aes128gcm16, key: \"20\", integrity_key: \"32\"}", OUT), "16:69",
     "takes no hash; remove the key"},
    {HQ(ENDS "\n      replay_window: 100", NETWORKS, IN, OUT), "15:22", "100 is no power of two; give 128"},
    {HQ(ENDS, NETWORKS, IN,
        OUT) "    lab:\n      local: 192.0.2.1\n      remote: 198.51.100.2\n      networks: " NETWORKS
             "\n      in: " IN "\n      out: " OUT "\n",
     "22:17", "what comes in to the tunnel 'hq' has the number 0x1000 too; give another"},
    {"  key_exchange: {port: 500}\n", "11:18", "port"},
};

INSTANTIATE_TEST_SUITE_P(Table, BadVpnProfile, ::testing::ValuesIn(kBad));

// docs/profile.vpn.md and the JSON Schema are generated; MILLRACE_UPDATE=1 in the environment writes them
// anew.
void expect_generated(const std::string& name, const std::string& wanted) {
  const std::string path = std::string(MILLRACE_SOURCE_DIR) + "/docs/" + name;
  if (const char* update = std::getenv("MILLRACE_UPDATE");
      update != nullptr && std::string_view(update) == "1")
    std::ofstream(path, std::ios::binary) << wanted;
  std::ifstream file(path, std::ios::binary);
  std::stringstream found;
  found << file.rdbuf();
  EXPECT_EQ(found.str(), wanted) << "docs/" << name << " is not what the table gives; run this test with "
                                 << "MILLRACE_UPDATE=1 and commit the result";
}

TEST(Generated, ReferencePageIsUpToDate) {
  expect_generated("profile.vpn.md",
                   control::to_markdown(schema().whole()->shape(), "The profile of the VPN gateway"));
}

TEST(Generated, JsonSchemaIsUpToDate) {
  expect_generated("profile.vpn.schema.json",
                   control::to_json_schema(schema().whole()->shape(), "Profile of the Millrace VPN gateway"));
}

}  // namespace
}  // namespace millrace::vpn::profile
