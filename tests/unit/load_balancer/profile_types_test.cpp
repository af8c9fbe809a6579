// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/profile_types.h"

#include <gtest/gtest.h>

#include "common/control/profile/section.h"

namespace millrace::load_balancer::profile {
namespace {

using namespace std::string_literals;

TEST(LoadBalancerTypes, PortsOfServicesSpeakTheNotation) {
  std::string wrong;
  const auto ports = [&](const char* text) { return parse_service_ports(text, wrong).value(); };
  EXPECT_EQ(ports("tcp/443"), (ServicePorts{Protocol::kTcp, {443, 443}}));
  EXPECT_EQ(ports("udp/5000-5100"), (ServicePorts{Protocol::kUdp, {5000, 5100}}));
  EXPECT_EQ(ports("sctp/1-65535"), (ServicePorts{Protocol::kSctp, {1, 65535}}));
  EXPECT_EQ(ports("tcp"), (ServicePorts{Protocol::kTcp, {0, 65535}}));
  EXPECT_TRUE(ports("tcp").all());
  EXPECT_FALSE(ports("sctp/1-65535").all());
  for (const char* text : {"tcp/443", "udp/5000-5100", "sctp/1-65535", "tcp", "udp", "sctp"}) {
    EXPECT_EQ(print_service_ports(ports(text)), text);
  }
}

TEST(LoadBalancerTypes, WhatIsWrongWithPortsIsSaid) {
  const auto wrong_with = [](const char* text) {
    std::string wrong;
    EXPECT_FALSE(parse_service_ports(text, wrong)) << text;
    return wrong;
  };
  for (const char* text : {"", "80", "icmp", "TCP/80", "tcp 80", "/80", "tcp:80"}) {
    EXPECT_EQ(wrong_with(text), "has no protocol that has ports") << text;
  }
  for (const char* text : {"tcp/", "tcp/http", "tcp/65536", "tcp/90-80", "tcp/80-", "tcp/80/81", "tcp/-1"}) {
    EXPECT_EQ(wrong_with(text), "has neither a port nor a range of ports after '/'") << text;
  }
  EXPECT_EQ(wrong_with("tcp/0"), "has port 0, which no packet may have");
  EXPECT_EQ(wrong_with("udp/0-53"), "has port 0, which no packet may have");
}

TEST(LoadBalancerTypes, PayloadsAreTextOrDigits) {
  EXPECT_EQ(parse_payload("ping"), "ping");
  EXPECT_EQ(parse_payload("0x00ff41"), "\x00\xff\x41"s);
  EXPECT_EQ(parse_payload("0xAb"), "\xab"s);
  EXPECT_EQ(parse_payload(std::string(1024, 'a')), std::string(1024, 'a'));
  for (const std::string& bad : {""s, "0x"s, "0x1"s, "0xzz"s, "0x0 "s, std::string(1025, 'a')}) {
    EXPECT_FALSE(parse_payload(bad)) << bad;
  }
  EXPECT_EQ(print_payload("ping"), "ping");
  EXPECT_EQ(print_payload("\x00\xff"s), "0x00ff");
  EXPECT_EQ(print_payload("0xping"), "0x307870696e67");  // 30 78 70 69 6e 67 in ASCII
}

// Reads `text` as a value of the type; when it is refused, gives the error.
template <class T>
std::string read(const control::TypePtr<T>& type, const std::string& text, T& out) {
  control::Diagnostics diagnostics("f");
  const auto document = control::Document::parse(text, diagnostics);
  if (!document) return diagnostics.to_string();
  control::Reader reader(diagnostics);
  const control::Reader::Scope scope(reader, "key");
  static_cast<void>(type->read(document->root(), out, reader));
  return diagnostics.to_string();
}

TEST(LoadBalancerTypes, ServerIdsArePairsOfDigits) {
  std::string id;
  EXPECT_EQ(read(server_id(), "0A1b2C3d", id), "");
  EXPECT_EQ(id, "0a1b2c3d");
  EXPECT_EQ(read(server_id(), "00112233445566778899aabbccddee", id), "");  // 15 bytes
  for (const char* bad : {"0a1", "0g", "00112233445566778899aabbccddeeff", "\"\""}) {
    EXPECT_NE(read(server_id(), bad, id), "") << bad;
  }
}

TEST(LoadBalancerTypes, NamesAreThoseOfDns) {
  std::string name;
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'a');  // 253
  for (const std::string& good : {"www.example.net"s, "localhost"s, "_dns.a-b.c0"s, "1.example"s, longest}) {
    EXPECT_EQ(read(host_name(), good, name), "") << good;
    EXPECT_EQ(name, good);
  }
  for (const std::string& bad : {"a..b"s, ".a"s, "a."s, "-a.b"s, "a-.b"s, "a b"s, "192.0.2.1"s,
                                 "\"2001:db8::1\""s, label + "a.b", longest + "a"}) {
    EXPECT_NE(read(host_name(), bad, name), "") << bad;
  }
}

TEST(LoadBalancerTypes, RatesAreBySecond) {
  std::uint64_t rate = 0;
  EXPECT_EQ(read(per_second(), "10k/s", rate), "");
  EXPECT_EQ(rate, 10'000U);
  EXPECT_EQ(read(per_second(), "90/min", rate), "");
  EXPECT_EQ(rate, 1U);
  EXPECT_EQ(read(per_second(), "59/min", rate),
            "f:1:1: key: '59/min' is less than one in a second; give a rate of at least 1/s\n");
  EXPECT_EQ(read(per_second(), "10", rate),
            "f:1:1: key: '10' is not a rate; give a rate per s, min or h, such as 500/s, 10k/s or 10/min\n");
}

TEST(LoadBalancerTypes, SourcePortsBeginWithOne) {
  PortRange ports;
  EXPECT_EQ(read(source_ports(), "1-1023", ports), "");
  EXPECT_EQ(ports, (PortRange{1, 1023}));
  EXPECT_EQ(
      read(source_ports(), "0-1023", ports),
      "f:1:1: key: '0-1023' has port 0, which no packet may have; give a range of ports from 1 on, such "
      "as 1024-65535\n");
  EXPECT_EQ(read(source_ports(), "all", ports),
            "f:1:1: key: 'all' does not fit; give a range of ports from 1 on, such as 1024-65535\n");
}

}  // namespace
}  // namespace millrace::load_balancer::profile
