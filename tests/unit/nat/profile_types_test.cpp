// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/profile_types.h"

#include <gtest/gtest.h>

namespace millrace::nat::profile {
namespace {

net::Ipv4Address address(const char* text) { return net::Ipv4Address::parse(text).value(); }

TEST(NatTypes, PrefixesAreRanges) {
  const auto range = [](const char* text) { return range_of(net::Prefix::parse(text).value()); };
  EXPECT_EQ(range("203.0.113.0/28"), (AddressRange{address("203.0.113.0"), address("203.0.113.15")}));
  EXPECT_EQ(range("203.0.113.7/32"), (AddressRange{address("203.0.113.7"), address("203.0.113.7")}));
  EXPECT_EQ(range("0.0.0.0/0"), (AddressRange{address("0.0.0.0"), address("255.255.255.255")}));
  EXPECT_EQ(range("0.0.0.0/0").size(), 1ULL << 32U);
}

TEST(NatTypes, RangesArePrintedAsShortAsTheyCanBe) {
  const auto print = [](const char* first, const char* last) {
    return print_range({address(first), address(last)});
  };
  EXPECT_EQ(print("203.0.113.1", "203.0.113.1"), "203.0.113.1");
  EXPECT_EQ(print("203.0.113.0", "203.0.113.15"), "203.0.113.0/28");
  EXPECT_EQ(print("203.0.113.8", "203.0.113.23"), "203.0.113.8-203.0.113.23");
  EXPECT_EQ(print("203.0.113.0", "203.0.113.9"), "203.0.113.0-203.0.113.9");
  EXPECT_EQ(print("0.0.0.0", "255.255.255.255"), "0.0.0.0/0");
}

TEST(NatTypes, EndsOfStaticMappingsSpeakTheNotation) {
  std::string wrong;
  const auto end = [&](const char* text) { return parse_static_end(text, wrong).value(); };
  EXPECT_EQ(end("192.0.2.10"), (StaticEnd{address("192.0.2.10"), 32, {}}));
  EXPECT_EQ(end("192.0.2.10:8443"), (StaticEnd{address("192.0.2.10"), 32, PortRange{8443, 8443}}));
  EXPECT_EQ(end("192.0.2.10:8000-8099"), (StaticEnd{address("192.0.2.10"), 32, PortRange{8000, 8099}}));
  EXPECT_EQ(end("192.0.2.0/28"), (StaticEnd{address("192.0.2.0"), 28, {}}));
  for (const char* bad : {"", ":", "192.0.2.10:", ":80", "192.0.2.10:0", "192.0.2.10:0-80", "192.0.2.10:2-1",
                          "192.0.2.10:65536", "192.0.2.10:http", "192.0.2.0/28:80", "192.0.2.1/28",
                          "192.0.2.1-192.0.2.9", "2001:db8::1", "2001:db8::/64", "host:80"}) {
    EXPECT_FALSE(parse_static_end(bad, wrong)) << bad;
    EXPECT_FALSE(wrong.empty()) << bad;
  }
}

}  // namespace
}  // namespace millrace::nat::profile
