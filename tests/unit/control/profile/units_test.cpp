// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/control/profile/text.h"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;
using ::testing::Optional;

TEST(Units, CountsAreDecimal) {
  EXPECT_THAT(parse_count("0"), Optional(0U));
  EXPECT_THAT(parse_count("20000"), Optional(20000U));
  EXPECT_THAT(parse_count("10k"), Optional(10'000U));
  EXPECT_THAT(parse_count("1M"), Optional(1'000'000U));
  EXPECT_THAT(parse_count("2G"), Optional(2'000'000'000U));
  EXPECT_THAT(parse_count("18446744073709551615"), Optional(18446744073709551615U));
  for (const char* bad : {"", "k", "1 k", "1K", "1m", "-1", "+1", "1.5k", "0x10", "18446744073709551616",
                          "18446744073709552k", "1kk", " 1"}) {
    EXPECT_FALSE(parse_count(bad)) << bad;
  }
}

TEST(Units, SizesAreBinaryAndNameTheirUnit) {
  EXPECT_THAT(parse_size("64KiB"), Optional(65536U));
  EXPECT_THAT(parse_size("512MiB"), Optional(536870912U));
  EXPECT_THAT(parse_size("1GiB"), Optional(1073741824U));
  EXPECT_THAT(parse_size("1TiB"), Optional(1099511627776U));
  EXPECT_THAT(parse_size("7B"), Optional(7U));
  for (const char* bad : {"", "1", "1G", "1GB", "1gib", "1 GiB", "GiB", "16777216TiB"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(Units, BandwidthsAreDecimalAndNameTheirUnit) {
  EXPECT_THAT(parse_bandwidth("64kbit"), Optional(64'000U));
  EXPECT_THAT(parse_bandwidth("50Mbit"), Optional(50'000'000U));
  EXPECT_THAT(parse_bandwidth("10Gbit"), Optional(10'000'000'000U));
  EXPECT_THAT(parse_bandwidth("7bit"), Optional(7U));
  EXPECT_EQ(print_bandwidth(1'500'000), "1500kbit");
  for (const char* bad : {"", "1", "1M", "1mbit", "1 Mbit", "1.5Mbit", "bit"})
    EXPECT_FALSE(parse_bandwidth(bad)) << bad;
}

TEST(Units, RatesSayPerWhat) {
  EXPECT_THAT(parse_rate("500/s"), Optional(Rate{500, 1}));
  EXPECT_THAT(parse_rate("10k/s"), Optional(Rate{10'000, 1}));
  EXPECT_THAT(parse_rate("10/min"), Optional(Rate{10, 60}));
  EXPECT_THAT(parse_rate("1M/h"), Optional(Rate{1'000'000, 3600}));
  EXPECT_DOUBLE_EQ(parse_rate("30/min")->per_second(), 0.5);
  for (const char* bad : {"", "500", "500/", "/s", "500/m", "500/ms", "500 /s", "500/s/s"}) {
    EXPECT_FALSE(parse_rate(bad)) << bad;
  }
}

TEST(Units, DurationsAddUpTheirParts) {
  EXPECT_THAT(parse_duration("1h"), Optional(3600s));
  EXPECT_THAT(parse_duration("2h4m"), Optional(7440s));
  EXPECT_THAT(parse_duration("500ms"), Optional(500ms));
  EXPECT_THAT(parse_duration("1m500ms"), Optional(60'500ms));
  EXPECT_THAT(parse_duration("1d"), Optional(86400s));
  EXPECT_THAT(parse_duration("0s"), Optional(0s));
  for (const char* bad :
       {"", "1", "h", "4m2h", "1h1h", "1h 2m", "-1s", "1.5s", "1min", "99999999999999999d"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Units, PrintingIsTheInverseOfParsing) {
  for (const std::uint64_t value : {0UL, 1UL, 999UL, 1000UL, 1001UL, 250'000UL, 1'048'576UL, 64'000'000UL}) {
    EXPECT_THAT(parse_count(print_count(value)), Optional(value)) << print_count(value);
    EXPECT_THAT(parse_size(print_size(value)), Optional(value)) << print_size(value);
    EXPECT_THAT(parse_duration(print_duration(Milliseconds(value))), Optional(Milliseconds(value)));
    for (const std::uint32_t seconds : {1U, 60U, 3600U}) {
      EXPECT_THAT(parse_rate(print_rate({value, seconds})), Optional(Rate{value, seconds}));
    }
  }
  EXPECT_EQ(print_count(250'000), "250k");
  EXPECT_EQ(print_size(1U << 30U), "1GiB");
  EXPECT_EQ(print_duration(7440s), "2h4m");
  EXPECT_EQ(print_rate({10, 60}), "10/min");
}

TEST(Text, GuessesSlipsButNotOtherWords) {
  const std::vector<std::string> words{"workers", "memory", "burst", "idle"};
  EXPECT_THAT(closest("brust", words), Optional(std::string("burst")));  // swapped
  EXPECT_THAT(closest("worker", words), Optional(std::string("workers")));
  EXPECT_THAT(closest("memmory", words), Optional(std::string("memory")));
  EXPECT_FALSE(closest("queues", words));
  EXPECT_FALSE(closest("x", words));
  EXPECT_FALSE(closest(std::string(100'000, 'b'), words));
}

TEST(Text, QuotesOnOneLineAndInWholeCharacters) {
  EXPECT_EQ(quote("plain"), "'plain'");
  EXPECT_EQ(quote("a\nb\x1b"), "'a\\x0ab\\x1b'");
  EXPECT_EQ(quote(std::string(59, 'a') + "\xc3\xa9" + "bc"), "'" + std::string(59, 'a') + "...'");
  EXPECT_EQ(quote(std::string(60, 'a')), "'" + std::string(60, 'a') + "'");
}

TEST(Text, ListsAreKeptShort) {
  EXPECT_EQ(listing(std::vector<std::string>{}), "none");
  EXPECT_EQ(listing(std::vector<std::string>{"a", "b"}), "a, b");
  EXPECT_EQ(listing(std::vector<std::string>(14, "x")), "x, x, x, x, x, x, x, x, x, x, x, x and 2 more");
}

}  // namespace
}  // namespace millrace::control
