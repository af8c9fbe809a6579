// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/address_list.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/firewall/inspection/threat_list_bed.h"

namespace millrace::firewall::inspection {
namespace {

using enum ListKind;

TEST(AddressList, BothFamiliesByAddressPrefixAndRange) {
  const ThreatLists lists =
      list_of(kAddress,
              "192.0.2.1\n198.51.100.0/24\n203.0.113.5-203.0.113.9\n203.0.113.8-203.0.113.20\n"
              "2001:db8:1::/48\n2001:db8:2::7\n255.255.255.255\n0.0.0.0\n"
              "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124\n");
  for (const char* listed :
       {"192.0.2.1", "198.51.100.0", "198.51.100.255", "203.0.113.5", "203.0.113.9", "203.0.113.20",
        "2001:db8:1::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff", "2001:db8:2::7", "255.255.255.255", "0.0.0.0",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"})
    EXPECT_TRUE(has_address(lists, listed)) << listed;
  for (const char* other :
       {"192.0.2.0", "192.0.2.2", "198.51.99.255", "198.51.101.0", "203.0.113.4", "203.0.113.21",
        "2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db8:2::", "::", "::c000:201", "0.0.0.1"})
    EXPECT_FALSE(has_address(lists, other)) << other;
  EXPECT_EQ(lists.member(0).list->size(), 8U);  // two ranges overlap
}

TEST(AddressList, FindsWhatANaiveOneFinds) {
  ListRandom random(3);
  for (int round = 0; round < 40; ++round) {
    std::vector<net::Prefix> prefixes;
    std::string text;
    for (std::uint32_t count = 1 + random.below(60); count > 0; --count) {
      net::IpAddress address = net::Ipv4Address{be32(0xc0000200U + random.below(256))};
      if (random.below(2) == 0) {
        net::Ipv6Address v6{{0x20, 0x01}};
        v6.bytes[15] = static_cast<std::uint8_t>(random.below(256));
        address = v6;
      }
      prefixes.push_back(net::Prefix::of(address, address.bits() - random.below(5)));
      text += prefixes.back().to_string() + "\n";
    }
    const ThreatLists lists = list_of(kAddress, text);
    for (std::uint32_t i = 0; i < 512; ++i) {
      net::Ipv6Address v6{{0x20, 0x01}};
      v6.bytes[15] = static_cast<std::uint8_t>(i);
      const net::IpAddress address =
          i < 256 ? net::IpAddress(net::Ipv4Address{be32(0xc0000200U + i)}) : net::IpAddress(v6);
      const bool listed =
          std::ranges::any_of(prefixes, [&](const net::Prefix& prefix) { return prefix.contains(address); });
      ASSERT_EQ(!lists.find_address(address).empty(), listed) << address.to_string() << " in\n" << text;
    }
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection
