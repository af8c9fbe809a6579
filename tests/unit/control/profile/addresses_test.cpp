// SPDX-License-Identifier: BSD-3-Clause
// Addresses and ports as they are written.
#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/control/profile/types.h"

namespace millrace::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Addresses, RangesAreCoveredExactly) {
  const auto cover = [](const char* text) {
    std::vector<net::Prefix> out;
    std::string wrong;
    EXPECT_TRUE(parse_addresses(text, out, wrong)) << text << wrong;
    std::vector<std::string> texts;
    for (const net::Prefix& prefix : out) texts.push_back(prefix.to_string());
    return texts;
  };
  EXPECT_THAT(cover("192.0.2.0-192.0.2.255"), ElementsAre("192.0.2.0/24"));
  EXPECT_THAT(cover("0.0.0.0-255.255.255.255"), ElementsAre("0.0.0.0/0"));
  EXPECT_THAT(cover("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ElementsAre("::/0"));
  EXPECT_THAT(cover("192.0.2.1-192.0.2.6"),
              ElementsAre("192.0.2.1/32", "192.0.2.2/31", "192.0.2.4/31", "192.0.2.6/32"));
  EXPECT_THAT(cover("255.255.255.254-255.255.255.255"), ElementsAre("255.255.255.254/31"));
  EXPECT_THAT(cover("2001:db8::1 - 2001:db8::2"), ElementsAre("2001:db8::1/128", "2001:db8::2/128"));
  EXPECT_THAT(cover("192.0.2.7-192.0.2.7"), ElementsAre("192.0.2.7/32"));
  for (const char* bad :
       {"", "-", "192.0.2.1-", "-192.0.2.1", "192.0.2.2-192.0.2.1", "192.0.2.1-2001:db8::1",
        "192.0.2.0/24-192.0.3.0/24", "10.0.0.1/8", "host", "192.0.2.1-192.0.2.2-192.0.2.3"}) {
    std::vector<net::Prefix> out;
    std::string wrong;
    EXPECT_FALSE(parse_addresses(bad, out, wrong)) << bad;
    EXPECT_THAT(out, IsEmpty()) << bad;
    EXPECT_FALSE(wrong.empty()) << bad;
  }
}

TEST(Addresses, RandomRangesContainWhatLiesBetweenTheirEnds) {
  std::mt19937 random(1);  // NOLINT: the same ranges in every run
  for (int i = 0; i < 200; ++i) {
    std::uint32_t first = 0xc0000200U + static_cast<std::uint32_t>(random() % 500);
    std::uint32_t last = 0xc0000200U + static_cast<std::uint32_t>(random() % 500);
    if (last < first) std::swap(first, last);
    const auto address = [](std::uint32_t value) { return net::IpAddress(net::Ipv4Address{be32(value)}); };
    std::vector<net::Prefix> out;
    std::string wrong;
    ASSERT_TRUE(parse_addresses(address(first).to_string() + "-" + address(last).to_string(), out, wrong));
    for (std::uint32_t value = 0xc0000200U - 5; value < 0xc0000200U + 510; ++value) {
      const auto hits =
          std::ranges::count_if(out, [&](const auto& prefix) { return prefix.contains(address(value)); });
      ASSERT_EQ(hits, value >= first && value <= last ? 1 : 0) << first << " " << last << " " << value;
    }
  }
}

TEST(Ports, AreOneOrARange) {
  EXPECT_EQ(parse_ports("80"), (PortRange{80, 80}));
  EXPECT_EQ(parse_ports("0-65535"), (PortRange{0, 65535}));
  EXPECT_EQ(print_ports({80, 80}), "80");
  EXPECT_EQ(print_ports({1024, 65535}), "1024-65535");
  for (const char* bad : {"", "-", "80-", "-80", "2-1", "65536", "1-65536", "+1", "http", "1 - 2"}) {
    EXPECT_FALSE(parse_ports(bad)) << bad;
  }
}

}  // namespace
}  // namespace millrace::control
