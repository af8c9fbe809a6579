// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/query_name.h"

#include <array>
#include <memory>
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

// A header with these flags and number of questions, and what follows it.
std::string name_in(std::uint16_t flags, std::uint8_t questions, std::string_view rest) {
  std::string message = "id";
  for (const int byte : {flags >> 8, flags & 0xff, 0, int{questions}, 0, 0, 0, 0, 0, 0})
    message += static_cast<char>(byte);
  message += rest;
  std::array<std::uint8_t, QueryName::kLongest> text;
  const Bytes name =
      read_query_name({reinterpret_cast<const std::uint8_t*>(message.data()), message.size()}, text);
  return {name.begin(), name.end()};
}

TEST(QueryName, IsReadFromAQuery) {
  using namespace std::string_view_literals;
  constexpr std::string_view kName = "\3www\7example\3org\0\0\1\0\1"sv;
  EXPECT_EQ(name_in(0x0100, 1, kName), "www.example.org");
  EXPECT_EQ(name_in(0, 2, kName), "www.example.org");
  EXPECT_EQ(name_in(0, 1, "\3a.b\1\xff\0"sv), "a.b.\xff");
  EXPECT_EQ(name_in(0, 1, "\0"sv), "") << "the root";
  EXPECT_EQ(name_in(0x8180, 1, kName), "") << "an answer";
  EXPECT_EQ(name_in(0x2800, 1, kName), "") << "an update";
  EXPECT_EQ(name_in(0, 0, kName), "") << "no question";
  EXPECT_EQ(name_in(0, 1, "\300\14"sv), "") << "a pointer";
  for (std::size_t length = 0; length < kName.find('\0') + 1; ++length)
    EXPECT_EQ(name_in(0, 1, kName.substr(0, length)), "") << length;
  EXPECT_EQ(read_query_name({}, *std::make_unique<std::array<std::uint8_t, QueryName::kLongest>>()).size(),
            0U);
  // The longest there is: 255 octets with lengths and root (RFC 1035 section 2.3.4), and one more.
  std::string labels;
  for (int i = 0; i < 3; ++i) labels += "\77" + std::string(63, 'a');
  EXPECT_EQ(name_in(0, 1, labels + "\75" + std::string(61, 'b') + '\0').size(), 253U);
  EXPECT_EQ(name_in(0, 1, labels + "\77" + std::string(63, 'b') + '\0').size(), 0U);
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
