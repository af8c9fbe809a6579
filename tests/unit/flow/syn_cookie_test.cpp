// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/syn_cookie.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace millrace::flow {
namespace {

constexpr std::uint64_t kCookieSeed = 0x5eed;
constexpr Tick kPeriod = 65'536;

FlowLookup flow_of(std::string_view source, std::string_view destination, std::uint16_t source_port = 1024,
                   std::uint16_t destination_port = 80, std::uint16_t domain = 0) {
  FlowLookup lookup;
  const auto from = *net::IpAddress::parse(source);
  const auto to = *net::IpAddress::parse(destination);
  if (from.is_v4()) {
    make_ipv4_lookup(lookup, from.v4(), to.v4(), be16(source_port), be16(destination_port), 6, domain,
                     kCookieSeed);
  } else {
    make_ipv6_lookup(lookup, from.v6(), to.v6(), be16(source_port), be16(destination_port), 6, domain,
                     kCookieSeed);
  }
  return lookup;
}

const FlowLookup kIpv4 = flow_of("10.0.0.1", "192.0.2.1");
const FlowLookup kIpv6 = flow_of("2001:db8::1", "2001:db8:1::1");

TEST(SynCookies, ComeBackWithTheGreatestSegmentSizeNotAboveTheClients) {
  const SynCookies cookies(kCookieSeed);
  const std::pair<std::uint16_t, std::uint16_t> cases[] = {{1460, 1460}, {1461, 1460},  {1459, 1440},
                                                           {536, 536},   {65535, 8940}, {1220, 1220},
                                                           {1219, 536},  {1, 536}};
  for (const auto& [told, kept] : cases) {
    for (const auto* flow : {&kIpv4, &kIpv6}) {
      const std::uint32_t cookie = cookies.make(*flow, 12345, told, 1000);
      const auto size = cookies.check(*flow, 12345, cookie, 1000);
      ASSERT_TRUE(size) << told;
      EXPECT_EQ(*size, kept);
    }
  }
}

TEST(SynCookies, AreGoodInTheirPeriodAndTheNext) {
  const SynCookies cookies(kCookieSeed);
  for (const Tick given :
       {Tick{0}, kPeriod - 1, 7 * kPeriod, Tick{0} - kPeriod, Tick{0} - 1}) {  // and as the clock wraps
    const std::uint32_t cookie = cookies.make(kIpv4, 1, 1460, given);
    const Tick begin = given / kPeriod * kPeriod;
    EXPECT_TRUE(cookies.check(kIpv4, 1, cookie, given));
    EXPECT_TRUE(cookies.check(kIpv4, 1, cookie, begin + 2 * kPeriod - 1));
    EXPECT_FALSE(cookies.check(kIpv4, 1, cookie, begin + 2 * kPeriod));
    EXPECT_FALSE(cookies.check(kIpv4, 1, cookie, begin - 1));
  }
}

TEST(SynCookies, AreGoodForTheirOwnFlowOnly) {
  const SynCookies cookies(kCookieSeed);
  const std::uint32_t cookie = cookies.make(kIpv4, 1, 1460, 0);
  for (const auto& other :
       {flow_of("10.0.0.2", "192.0.2.1"), flow_of("10.0.0.1", "192.0.2.2"),
        flow_of("10.0.0.1", "192.0.2.1", 1025), flow_of("10.0.0.1", "192.0.2.1", 1024, 81),
        flow_of("10.0.0.1", "192.0.2.1", 1024, 80, 1), flow_of("192.0.2.1", "10.0.0.1", 80, 1024), kIpv6}) {
    EXPECT_FALSE(cookies.check(other, 1, cookie, 0));
  }
  const std::uint32_t cookie6 = cookies.make(kIpv6, 1, 1460, 0);
  EXPECT_FALSE(cookies.check(flow_of("2001:db8::2", "2001:db8:1::1"), 1, cookie6, 0));
  // The key alone holds only the end of IPv6 addresses; the cookie is over the whole of them.
  const auto same_key = flow_of("2001:db9::1", "2001:db8:1::1");
  ASSERT_EQ(same_key.key, kIpv6.key);
  EXPECT_FALSE(cookies.check(same_key, 1, cookie6, 0));
  EXPECT_FALSE(cookies.check(kIpv4, 2, cookie, 0));
  EXPECT_FALSE(SynCookies(kCookieSeed + 1).check(kIpv4, 1, cookie, 0));
  EXPECT_TRUE(SynCookies(kCookieSeed).check(kIpv4, 1, cookie, 0));
}

// Every change of the cookie itself makes it bad, the size's bits included.
TEST(SynCookies, CanNotBeChanged) {
  const SynCookies cookies(kCookieSeed);
  const std::uint32_t cookie = cookies.make(kIpv4, 1, 1460, 0);
  for (unsigned bit = 0; bit < 32; ++bit) EXPECT_FALSE(cookies.check(kIpv4, 1, cookie ^ 1U << bit, 0)) << bit;
}

// A guess is right with 2 chances in 2^29: among four million, 0.0156 are expected, and three would have a
// chance below one in a million.
TEST(SynCookies, AreNotGuessed) {
  const SynCookies cookies(kCookieSeed);
  std::mt19937 random(1);
  unsigned right = 0;
  for (unsigned i = 0; i < (1U << 22); ++i) {
    right += cookies.check(kIpv4, i, static_cast<std::uint32_t>(random()), kPeriod) ? 1 : 0;
  }
  EXPECT_LT(right, 3U);
}

// Over flows and numbers the signed bits are each set about half the time, and cookies do not repeat.
TEST(SynCookies, LookRandom) {
  const SynCookies cookies(kCookieSeed);
  constexpr unsigned kCount = 20'000;
  std::array<unsigned, 32> set{};
  std::set<std::uint32_t> seen;
  for (unsigned i = 0; i < kCount; ++i) {
    const std::uint32_t cookie = cookies.make(kIpv4, i, 1460, 0);
    seen.insert(cookie);
    for (unsigned bit = 3; bit < 32; ++bit) set[bit] += cookie >> bit & 1U;
  }
  for (unsigned bit = 3; bit < 32; ++bit) EXPECT_NEAR(set[bit], kCount / 2, 5 * 71) << bit;  // sigma is 71
  EXPECT_GE(seen.size(), kCount - 5);  // 0.4 collisions are expected in 29 bits
}

}  // namespace
}  // namespace millrace::flow
