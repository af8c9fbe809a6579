// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/translation_prefix.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

TranslationPrefix pref64(std::string_view text) { return *TranslationPrefix::of(*Prefix::parse(text)); }
Ipv4Address v4(std::string_view text) { return *Ipv4Address::parse(text); }
Ipv6Address v6(std::string_view text) { return *Ipv6Address::parse(text); }

// RFC 6052 section 2.4, tables 1 and 2.
TEST(TranslationPrefix, EmbedsAsTheTablesSay) {
  struct Example {
    std::string_view prefix;
    std::string_view embedded;
  };
  for (const auto& [text, embedded] :
       {Example{"2001:db8::/32", "2001:db8:c000:221::"}, Example{"2001:db8:100::/40", "2001:db8:1c0:2:21::"},
        Example{"2001:db8:122::/48", "2001:db8:122:c000:2:2100::"},
        Example{"2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"},
        Example{"2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"},
        Example{"2001:db8:122:344::/96", "2001:db8:122:344::c000:221"},
        Example{"64:ff9b::/96", "64:ff9b::c000:221"}}) {
    EXPECT_EQ(pref64(text).embed(v4("192.0.2.33")), v6(embedded)) << text;
    EXPECT_EQ(pref64(text).extract(v6(embedded)), v4("192.0.2.33")) << text;
    EXPECT_TRUE(pref64(text).contains(v6(embedded))) << text;
    EXPECT_EQ(pref64(text).prefix().to_string(), text);
  }
}

TEST(TranslationPrefix, GivesBackWhatItTook) {
  std::mt19937 random(1);
  for (const std::string length : {"32", "40", "48", "56", "64", "96"}) {
    const TranslationPrefix one = pref64("2001:db8::/" + length);
    for (unsigned i = 0; i < 1000; ++i) {
      const Ipv4Address address{be32(static_cast<std::uint32_t>(random()))};
      const Ipv6Address embedded = one.embed(address);
      ASSERT_EQ(one.extract(embedded), address) << length;
      ASSERT_EQ(embedded.bytes[8], 0) << length;
      ASSERT_TRUE(one.contains(embedded));
    }
  }
}

TEST(TranslationPrefix, ReadsAnAddressWhateverItsSuffix) {
  EXPECT_EQ(pref64("2001:db8::/32").extract(v6("2001:db8:c000:221:ff:ffff:ffff:ffff")), v4("192.0.2.33"));
}

TEST(TranslationPrefix, ContainsNoOthers) {
  EXPECT_FALSE(pref64("64:ff9b::/96").contains(v6("64:ff9b::1:c000:221")));
  EXPECT_FALSE(pref64("2001:db8:122:344::/64").contains(v6("2001:db8:122:345:c0:2:2100::")));
  EXPECT_FALSE(pref64("2001:db8::/32").contains(v6("2001:db9:c000:221::")));
}

TEST(TranslationPrefix, IsOfSixLengths) {
  for (unsigned length = 0; length <= 128; ++length) {
    const bool good =
        length == 32 || length == 40 || length == 48 || length == 56 || length == 64 || length == 96;
    const Prefix one = Prefix::of(v6("2001:db8::"), length);
    EXPECT_EQ(TranslationPrefix::of(one).has_value(), good) << length;
  }
  EXPECT_FALSE(TranslationPrefix::of(*Prefix::parse("10.0.0.0/32")));
  EXPECT_FALSE(TranslationPrefix::of(*Prefix::parse("2001:db8:0:0:100::/96")));  // bits 64 to 71
  EXPECT_TRUE(TranslationPrefix::of(*Prefix::parse("2001:db8:0:0:1::/96")));
}

// RFC 6052 section 3.1.
TEST(TranslationPrefix, OfAllHasNoAddressesThatAreNotGlobal) {
  const TranslationPrefix well_known = pref64("64:ff9b::/96");
  for (const char* text :
       {"0.0.0.1", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.31.255.255", "192.0.0.8",
        "192.0.2.33", "192.88.99.1", "192.168.0.1", "198.19.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.1.1.1", "240.0.0.1", "255.255.255.255"}) {
    EXPECT_FALSE(well_known.may_embed(v4(text))) << text;
    EXPECT_TRUE(pref64("64:ff9b:1::/48").may_embed(v4(text))) << text;
    EXPECT_TRUE(pref64("2001:db8::/96").may_embed(v4(text))) << text;
  }
  for (const char* text : {"1.0.0.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
                           "172.32.0.0", "192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255"})
    EXPECT_TRUE(well_known.may_embed(v4(text))) << text;
}

}  // namespace
}  // namespace millrace::net
