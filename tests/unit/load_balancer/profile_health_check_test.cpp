// SPDX-License-Identifier: BSD-3-Clause
// How backends are found and judged.
#include <chrono>
#include <filesystem>
#include <fstream>

#include "common/control/profile/text.h"
#include "tests/unit/load_balancer/profile_fixture.h"
#include "vnfs/load_balancer/profile_check.h"

namespace millrace::load_balancer::profile {
namespace {

using namespace std::chrono_literals;
using control::quote;

class BadHealth : public ::testing::TestWithParam<Bad> {};

TEST_P(BadHealth, GivesOneErrorAtItsPlace) { expect_one_error(GetParam()); }

// The mapping begins in line 15 and column 16, what is in it in column 17.
#define HEALTH                                                                                               \
  "  services:\n    - {name: web, address: 203.0.113.80, ports: tcp/80, backends: {address: 10.0.0.11},\n  " \
  "     health: {"
#define END "}}\n"
#define PASSIVE                                                                                              \
  "  services:\n    - {name: web, address: 203.0.113.80, ports: tcp/80, backends: {address: 10.0.0.11},\n  " \
  "     passive: {"
#define DISCOVER "  services:\n    - {name: web, address: 203.0.113.80, ports: tcp/80,\n       discover: {"
#define ALL_PORTS "  services:\n    - {name: web, address: 203.0.113.80, ports: [tcp, udp],\n       "
const Bad kBadHealth[] = {
    {HEALTH "type: ping" END, "15:23", "give tcp, http, https, udp, dns, icmp or script"},
    {HEALTH "interval: 99ms" END, "15:27", "'99ms' is out of range; give a time from 100ms to 1h"},
    {HEALTH "timeout: 2001ms" END, "15:26", "timeout is more than interval, which is 2s; give at most that"},
    {HEALTH "interval: 1s, timeout: 2s" END, "15:40", "timeout is more than interval, which is 1s"},
    {HEALTH "rise: 0" END, "15:23", "give an integer from 1 to 100"},
    {HEALTH "jitter: 51" END, "15:25", "give an integer from 0 to 50"},
    {HEALTH "port: 0" END, "15:23", "give an integer from 1 to 65535"},

    // Keys of other types.
    {HEALTH "type: icmp, port: 80" END, "15:35",
     "port is of a check of a port, and the check's type is icmp; remove it, or give another type"},
    {HEALTH "path: /" END, "15:23",
     "path is of http and https, and the check's type is tcp; remove it, or give another type"},
    {HEALTH "type: dns, name: a.b, host: a" END, "15:45", "host is of http and https"},
    {HEALTH "type: udp, send: a, expect: [200, 204]" END, "15:46", "expect is of http and https"},
    {HEALTH "type: icmp, body: a" END, "15:35", "body is of http and https, and the check's type is icmp"},
    {HEALTH "type: http, server_name: a" END, "15:42",
     "server_name is of https, and the check's type is http"},
    {HEALTH "type: http, verify: false" END, "15:37", "verify is of https"},
    {HEALTH "send: a" END, "15:23", "send is of udp, and the check's type is tcp"},
    {HEALTH "receive: a" END, "15:26", "receive is of udp"},
    {HEALTH "name: a" END, "15:23", "name is of dns"},

    // What a type needs.
    {HEALTH "type: udp" END, "15:23", "type udp needs send; give it"},
    {HEALTH "type: dns" END, "15:23", "type dns needs name; give it"},
    {HEALTH "type: script" END, "15:23", "type script needs command; give it"},
    {ALL_PORTS "backends: {address: 10.0.0.11}, health: {}}\n", "15:48",
     "the service names no port, and nothing says which one is checked; give port, or type: icmp"},
    {ALL_PORTS "discover: {dns: web.example.net}, health: {type: http}}\n", "15:50",
     "the service names no port"},

    {HEALTH "type: http, path: healthz" END, "15:35",
     "'healthz' is no path of HTTP; give one that begins with '/' and has no space"},
    {HEALTH "type: http, path: /a b" END, "15:35", "'/a b' is no path of HTTP"},
    {HEALTH "type: http, host: a b" END, "15:35", "'a b' is no host of HTTP; give a name without a space"},
    {HEALTH "type: http, path: \"/a\\r\\nb\"" END, "15:35", "has more than one line or a control character"},
    {HEALTH "type: http, expect: 100" END, "15:37", "'100' is out of range; give an integer from 200 to 599"},
    {HEALTH "type: http, expect: [200, 600]" END, "15:43", "'600' is out of range"},
    {HEALTH "type: https, server_name: 10.0.0.11" END, "15:43",
     "'10.0.0.11' does not fit; give a domain name, such as www.example.net"},
    {HEALTH "type: udp, send: 0xabc" END, "15:34",
     "'0xabc' does not fit; give a text, or pairs of hexadecimal digits after 0x, of 1 to 1024 bytes"},

    // Files, of a profile that may not name any.
    {HEALTH "type: https, ca: ca.pem" END, "15:34",
     "cannot use file ca.pem: this profile may not name files"},
    {HEALTH "type: script, command: check.sh" END, "15:40", "cannot use file check.sh"},
    {DISCOVER "file: web.txt" END, "15:25", "cannot use file web.txt"},

    {DISCOVER END, "15:18", "discover has nowhere to look; give file or dns"},
    {DISCOVER "interval: 5s" END, "15:18", "discover has nowhere to look"},
    {DISCOVER "dns: a_b..c" END, "15:24", "'a_b..c' does not fit; give a domain name"},
    {PASSIVE "eject: 10s, longest: 9s" END, "15:39",
     "longest is less than eject, which is 10s; give at least that"},
    {PASSIVE "failures: 0" END, "15:28", "give an integer from 1 to 1000"},
    {PASSIVE "most_ejected: 101" END, "15:32", "give an integer from 1 to 100"},
};
#undef ALL_PORTS
#undef DISCOVER
#undef PASSIVE
#undef END
#undef HEALTH

INSTANTIATE_TEST_SUITE_P(Table, BadHealth, ::testing::ValuesIn(kBadHealth));

TEST(LoadBalancerHealth, TimesThatAreNotGivenFollowThoseThatAre) {
  const auto loaded = parse_section(
      "  services: {name: a, address: 203.0.113.1, ports: tcp/80, backends: {address: 10.0.0.11},\n"
      "             health: {interval: 500ms}, passive: {eject: 10m}}\n");
  ASSERT_TRUE(loaded) << loaded.error().to_string();
  EXPECT_EQ(*loaded->own.services[0].health->timeout, 500ms);
  EXPECT_EQ(*loaded->own.services[0].passive->longest, 10min);
}

TEST(LoadBalancerHealth, ACheckKnowsItsPort) {
  for (const char* text : {"ports: [tcp, udp/53], backends: {address: 10.0.0.11}, health: {}",
                           "backends: {address: 10.0.0.11}, health: {port: 80}",
                           "backends: {address: 10.0.0.11}, health: {type: icmp}",
                           "ports: tcp/1-9, backends: {address: 10.0.0.11}, health: {}"}) {
    const auto loaded =
        parse_section("  services: {name: a, address: 203.0.113.1, " + std::string(text) + "}\n");
    EXPECT_TRUE(loaded) << text << ": " << loaded.error().to_string();
  }
}

// Files in a folder of their own, which goes with the test.
class LoadBalancerFiles : public ::testing::Test {
 protected:
  LoadBalancerFiles() {
    std::string name = (std::filesystem::temp_directory_path() / "load_balancer_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~LoadBalancerFiles() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }

  control::Checked<Whole> with(const std::string& keys) {
    return control::parse_profile(
        schema(),
        kHead + "  services:\n    - {name: web, address: 203.0.113.80, ports: tcp/80,\n       " + keys +
            "}\n",
        "lb.yaml", control::files_beside((folder_ / "lb.yaml").string()));
  }
  std::string errors_with(const std::string& keys) {
    const auto loaded = with(keys);
    return loaded ? "" : loaded.error().to_string();
  }
  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

TEST_F(LoadBalancerFiles, NamesBecomePaths) {
  write("ca.pem", "-----BEGIN CERTIFICATE-----\n");
  write("check.sh", "#!/bin/sh\n");
  write("web.txt", "10.0.0.11\n");
  std::filesystem::permissions(path("check.sh"), std::filesystem::perms::owner_all);
  const auto https = with("discover: {file: web.txt}, health: {type: https, ca: ca.pem}");
  ASSERT_TRUE(https) << https.error().to_string();
  EXPECT_EQ(*https->own.services[0].discover->file, path("web.txt"));
  EXPECT_EQ(*https->own.services[0].health->ca, path("ca.pem"));
  const auto script = with("backends: {address: 10.0.0.11}, health: {type: script, command: check.sh}");
  ASSERT_TRUE(script) << script.error().to_string();
  EXPECT_EQ(*script->own.services[0].health->command, path("check.sh"));
}

TEST_F(LoadBalancerFiles, WhatIsWrongWithAFileIsSaid) {
  write("empty.pem", "");
  write("text.txt", "");
  std::filesystem::create_directory(path("folder"));
  EXPECT_EQ(errors_with("discover: {file: web.txt}"),
            "lb.yaml:15:25: cannot read '" + path("web.txt") +
                "': No such file or directory; give the path of a text file with a backend per line\n");
  EXPECT_EQ(errors_with("backends: {address: 10.0.0.11}, health: {type: https, ca: ca.pem}"),
            "lb.yaml:15:66: cannot read '" + path("ca.pem") +
                "': No such file or directory; give the path of a file of certificates\n");
  EXPECT_EQ(errors_with("backends: {address: 10.0.0.11}, health: {type: https, ca: empty.pem}"),
            "lb.yaml:15:66: " + quote(path("empty.pem")) +
                " has no certificate in PEM; give a file that has one\n");
  const auto script = [&](const std::string& command) {
    return errors_with("backends: {address: 10.0.0.11}, health: {type: script, command: " + command + "}");
  };
  const std::string cannot = "lb.yaml:15:72: cannot run ";
  EXPECT_EQ(script("none.sh"),
            cannot + quote(path("none.sh")) + ": No such file or directory; give the path of a program\n");
  EXPECT_EQ(script("folder"),
            cannot + quote(path("folder")) + ": it is not a regular file; give the path of a program\n");
  EXPECT_EQ(script("text.txt"),
            cannot + quote(path("text.txt")) + ": Permission denied; give the path of a program\n");
}

TEST_F(LoadBalancerFiles, CertificatesAreForChecksThatVerify) {
  write("ca.pem", "-----BEGIN CERTIFICATE-----\n");
  EXPECT_EQ(errors_with("backends: {address: 10.0.0.11}, health: {type: https, verify: false, ca: ca.pem}"),
            "lb.yaml:15:81: verify is false, and no certificate is compared with ca; remove one of them\n");
  EXPECT_EQ(errors_with("backends: {address: 10.0.0.11}, health: {type: http, ca: ca.pem}"),
            "lb.yaml:15:65: ca is of https, and the check's type is http; remove it, or give another type\n");
  EXPECT_EQ(errors_with("backends: {address: 10.0.0.11}, health: {type: tcp, command: ca.pem}"),
            "lb.yaml:15:69: command is of script, and the check's type is tcp; remove it, or give another "
            "type\n");
}

}  // namespace
}  // namespace millrace::load_balancer::profile
