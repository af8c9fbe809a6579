// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/prefix_map.h"

#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

PrefixMap map_of(std::string_view inside, std::string_view outside) {
  return *PrefixMap::of(*Prefix::parse(inside), *Prefix::parse(outside));
}

std::string outward(const PrefixMap& map, std::string_view text) {
  Ipv6Address address = *Ipv6Address::parse(text);
  return map.to_outside(address) ? address.to_string() : "none, " + address.to_string();
}

std::string inward(const PrefixMap& map, std::string_view text) {
  Ipv6Address address = *Ipv6Address::parse(text);
  return map.to_inside(address) ? address.to_string() : "none, " + address.to_string();
}

// The one's complement sum of the eight words, with both zeros called 0; plain, so that it is not our own.
unsigned sum_of_words(const Ipv6Address& address) {
  unsigned long sum = 0;
  for (std::size_t i = 0; i < 16; i += 2) sum += address.bytes[i] * 256UL + address.bytes[i + 1];
  return static_cast<unsigned>(sum % 0xffff);
}

// Section 3.6, with erratum 3033.
TEST(PrefixMap, MapsTheExampleOfTheRfc) {
  const PrefixMap map = map_of("fd01:203:405::/48", "2001:db8:1::/48");
  EXPECT_EQ(outward(map, "fd01:203:405:1::1234"), "2001:db8:1:d550::1234");
  EXPECT_EQ(inward(map, "2001:db8:1:d550::1234"), "fd01:203:405:1::1234");
}

// By hand: fd01 + 0203 + 0405 gives 030a, 2001 + 0db8 + 0001 gives 2dba, and 030a - 2dba is d54f.
TEST(PrefixMap, ASubnetThatBecomesTheOtherZeroIsWrittenAsZero) {
  const PrefixMap map = map_of("fd01:203:405::/48", "2001:db8:1::/48");
  EXPECT_EQ(outward(map, "fd01:203:405:2ab0::1"), "2001:db8:1::1");
  EXPECT_EQ(inward(map, "2001:db8:1::1"), "fd01:203:405:2ab0::1");
  EXPECT_EQ(outward(map, "fd01:203:405::1"), "2001:db8:1:d54f::1");
  EXPECT_EQ(inward(map, "2001:db8:1:d54f::1"), "fd01:203:405::1");
}

// Sections 3.2, 4.2.
TEST(PrefixMap, TheSubnetOfAllOnesHasNoCounterpart) {
  const PrefixMap map = map_of("fd01:203:405::/48", "2001:db8:1::/48");
  EXPECT_EQ(outward(map, "fd01:203:405:ffff::1"), "none, fd01:203:405:ffff::1");
  EXPECT_EQ(inward(map, "2001:db8:1:ffff::1"), "none, 2001:db8:1:ffff::1");
  EXPECT_TRUE(map.adjusts_subnet());
}

// Section 3.4: bits 48 to 63, also where the prefix ends before. 2001 + 0db8 = 2db9; fd00 - 2db9 is cf47.
TEST(PrefixMap, AShorterPrefixAdjustsTheSameWord) {
  const PrefixMap map = map_of("fd00::/32", "2001:db8::/32");
  EXPECT_EQ(outward(map, "fd00:0:7:1::5"), "2001:db8:7:cf48::5");
  EXPECT_EQ(inward(map, "2001:db8:7:cf48::5"), "fd00:0:7:1::5");
}

// Section 3.5. fd00 + 0100 = fe00; 2001 + 0db8 + 0200 = 2fb9; fe00 - 2fb9 is ce47.
TEST(PrefixMap, ALongerPrefixAdjustsTheFirstWordOfTheInterfaceThatIsNotAllOnes) {
  const PrefixMap map = map_of("fd00:0:0:100::/56", "2001:db8:0:200::/56");
  EXPECT_FALSE(map.adjusts_subnet());
  EXPECT_EQ(outward(map, "fd00:0:0:1ab::5"), "2001:db8:0:2ab:ce47::5");
  EXPECT_EQ(outward(map, "fd00:0:0:1ff:ffff::5"), "2001:db8:0:2ff:ffff:ce47:0:5");
  EXPECT_EQ(outward(map, "fd00:0:0:1ff:ffff:ffff::5"), "2001:db8:0:2ff:ffff:ffff:ce47:5");
  EXPECT_EQ(outward(map, "fd00:0:0:1ff:ffff:ffff:ffff:5"), "2001:db8:0:2ff:ffff:ffff:ffff:ce4c");
  EXPECT_EQ(inward(map, "2001:db8:0:2ff:ffff:ffff:ffff:ce4c"), "fd00::1ff:ffff:ffff:ffff:5");
}

// Section 3.7.
TEST(PrefixMap, AnInterfaceOfAllOnesHasNoCounterpart) {
  const PrefixMap map = map_of("fd00:0:0:100::/64", "2001:db8:0:200::/64");
  EXPECT_EQ(outward(map, "fd00:0:0:100:ffff:ffff:ffff:ffff"), "none, fd00::100:ffff:ffff:ffff:ffff");
  EXPECT_EQ(inward(map, "2001:db8:0:200:ffff:ffff:ffff:ffff"), "none, 2001:db8:0:200:ffff:ffff:ffff:ffff");
}

TEST(PrefixMap, PrefixesOfTheSameSumChangeNothingElse) {
  const PrefixMap map = map_of("2001:db8::/48", "db8:2001::/48");
  EXPECT_EQ(outward(map, "2001:db8:0:7::1"), "db8:2001:0:7::1");
  EXPECT_EQ(outward(map, "2001:db8::1"), "db8:2001::1");
  EXPECT_EQ(inward(map, "db8:2001::1"), "2001:db8::1");
}

TEST(PrefixMap, IsNeutralAndGivesBackWhatItTook) {
  std::mt19937_64 random(1);
  const auto any_address = [&] {
    Ipv6Address address;
    for (std::size_t i = 0; i < 16; i += 2) {
      // All ones and all zeros often: that is where a mapping goes wrong.
      const auto kind = random() % 4;
      const auto word = kind == 0 ? 0xffffU : kind == 1 ? 0U : static_cast<unsigned>(random() & 0xffffU);
      address.bytes[i] = static_cast<std::uint8_t>(word >> 8);
      address.bytes[i + 1] = static_cast<std::uint8_t>(word);
    }
    return address;
  };
  unsigned mapped = 0;
  for (unsigned round = 0; round < 20'000; ++round) {
    const auto length = static_cast<unsigned>(random() % (PrefixMap::kLongest + 1));
    const Prefix inside = Prefix::of(any_address(), length);
    const Prefix outside = Prefix::of(any_address(), length);
    const auto map = PrefixMap::of(inside, outside);
    ASSERT_TRUE(map);
    Ipv6Address address = any_address();
    for (unsigned bit = 0; bit < length; ++bit) {
      const auto one = static_cast<std::uint8_t>(0x80U >> bit % 8);
      auto& byte = address.bytes[bit / 8];
      byte = static_cast<std::uint8_t>((byte & ~one) | (inside.address.bytes()[bit / 8] & one));
    }
    const Ipv6Address before = address;
    if (!map->to_outside(address)) {
      ASSERT_EQ(address, before);
      continue;
    }
    ++mapped;
    ASSERT_TRUE(outside.contains(address)) << before.to_string() << " " << outside.to_string();
    ASSERT_EQ(sum_of_words(address), sum_of_words(before)) << before.to_string();
    ASSERT_TRUE(map->to_inside(address));
    ASSERT_EQ(address, before);
  }
  EXPECT_GT(mapped, 10'000U);
}

TEST(PrefixMap, IsOfTwoIpv6PrefixesOfOneLength) {
  const auto made = [](std::string_view inside, std::string_view outside) {
    return PrefixMap::of(*Prefix::parse(inside), *Prefix::parse(outside)).has_value();
  };
  EXPECT_TRUE(made("fd00::/64", "2001:db8::/64"));
  EXPECT_FALSE(made("fd00::/65", "2001:db8::/65"));
  EXPECT_FALSE(made("fd00::/48", "2001:db8::/56"));
  EXPECT_FALSE(made("10.0.0.0/8", "2001:db8::/8"));
}

}  // namespace
}  // namespace millrace::net
