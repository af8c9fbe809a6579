// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::net {
namespace {

TEST(IpAddress, SpeaksTheNotationOfBothFamilies) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->to_string(), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("2001:DB8:0:0:0:0:0:1")->to_string(), "2001:db8::1");  // RFC 5952
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->v4().value.host(), 0xc0000201U);
  for (const char* bad : {"", "192.0.2", "192.0.2.256", "2001:db8::1::2", "fe80::1%eth0", "192.0.2.1 "}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
}

TEST(Prefix, RefusesHostBitsAndLengthsOutOfRange) {
  EXPECT_EQ(Prefix::parse("10.0.0.0/8")->to_string(), "10.0.0.0/8");
  EXPECT_EQ(Prefix::parse("10.1.2.3")->length, 32);
  for (const char* bad : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "2001:db8::/129"}) {
    EXPECT_FALSE(Prefix::parse(bad)) << bad;
  }
}

TEST(Prefix, ContainsWhatItsBitsSay) {
  const Prefix net = *Prefix::parse("192.0.2.128/25");
  EXPECT_TRUE(net.contains(*IpAddress::parse("192.0.2.255")));
  EXPECT_FALSE(net.contains(*IpAddress::parse("192.0.2.127")));
  EXPECT_FALSE(net.contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_TRUE(Prefix::parse("::/0")->contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_FALSE(Prefix::parse("::/0")->contains(*IpAddress::parse("10.0.0.1")));
  EXPECT_TRUE(Prefix::parse("2001:db8::/33")->contains(*Prefix::parse("2001:db8:7fff::/48")));
  EXPECT_FALSE(Prefix::parse("2001:db8::/33")->contains(*Prefix::parse("2001:db8:8000::/48")));
}

TEST(InterfaceAddress, KeepsTheHostAndGivesTheSubnet) {
  const auto address = InterfaceAddress::parse("192.0.2.1/24");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->subnet(), *Prefix::parse("192.0.2.0/24"));
  EXPECT_FALSE(InterfaceAddress::parse("192.0.2.1"));
}

TEST(MacAddress, RoundTrips) {
  EXPECT_EQ(MacAddress::parse("02:00:5e:10:00:ff")->to_string(), "02:00:5e:10:00:ff");
  for (const char* bad : {"", "02:00:5e:10:00", "02-00-5e-10-00-ff", "02:00:5e:10:00:fg", "2:0:5e:10:0:ff"}) {
    EXPECT_FALSE(MacAddress::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace millrace::net
