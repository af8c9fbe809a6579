// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/query_name.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

QueryName weigh(std::string_view name) {
  return weigh_query_name({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
}
std::string domain_of(std::string_view name) {
  const Bytes domain = weigh(name).domain;
  return {domain.begin(), domain.end()};
}

TEST(QueryName, TheDomainIsWhatSomeoneRegisters) {
  EXPECT_EQ(domain_of("www.example.com"), "example.com");
  EXPECT_EQ(domain_of("www.example.com."), "example.com");
  EXPECT_EQ(domain_of("a.b.example.co.uk"), "example.co.uk");
  EXPECT_EQ(domain_of("example.co.uk"), "example.co.uk");
  EXPECT_EQ(domain_of("www.example.de"), "example.de");
  EXPECT_EQ(domain_of("localhost"), "localhost");
  EXPECT_EQ(domain_of("co.uk"), "co.uk");
  EXPECT_EQ(domain_of(""), "");
  EXPECT_EQ(domain_of("."), "");
  EXPECT_EQ(domain_of("..."), ".");
}

TEST(QueryName, EntropyIsShannons) {
  // 32 different bytes: 5 bits each. Two in equal shares: 1 bit. One: none.
  const QueryName all = weigh("abcdefghijklmnopqrstuvwxyz234567.example.net");
  EXPECT_EQ(all.carried, 32);
  EXPECT_EQ(all.longest, 32);
  EXPECT_NEAR(all.entropy_16, 5 * 16, 1);
  EXPECT_NEAR(weigh(std::string(20, 'a') + std::string(20, 'b') + ".example.net").entropy_16, 16, 1);
  EXPECT_EQ(weigh(std::string(40, 'a') + ".example.net").entropy_16, 0);
  // Case does not carry anything.
  EXPECT_NEAR(weigh(std::string(20, 'a') + std::string(20, 'A') + ".example.net").entropy_16, 0, 1);
}

TEST(QueryName, OnlyLongLabelsWithoutOrderAreLaden) {
  EXPECT_TRUE(weigh("abcdefghijklmnopqrstuvwxyz234567.example.net").laden());
  EXPECT_TRUE(weigh("mzxw6ytboi4gk3tpoi.2dcnrygm4q5tsmfrg.example.co.uk").laden());
  EXPECT_FALSE(weigh("www.example.net").laden());
  EXPECT_FALSE(weigh(std::string(60, 'a') + ".example.net").laden());
  std::string reverse;
  for (int i = 0; i < 32; ++i) reverse += std::string(1, "0123456789abcdef"[i % 16]) + ".";
  EXPECT_FALSE(weigh(reverse + "ip6.arpa").laden());
}

TEST(QueryName, LooksAtNoMoreThanANameMayBe) {
  const std::string long_one = std::string(70'000, 'x') + ".example.net";
  const QueryName weighed = weigh(long_one);
  EXPECT_EQ(weighed.carried, QueryName::kLongest - std::string_view(".example.net").size());
}

}  // namespace
}  // namespace millrace::firewall::inspection
