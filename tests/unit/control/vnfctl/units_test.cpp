// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/units.h"

#include <limits>

#include <gtest/gtest.h>

namespace millrace::vnfctl {
namespace {

TEST(Units, Counts) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(9999), "9999");
  EXPECT_EQ(human_count(10000), "10.0k");
  EXPECT_EQ(human_count(12345), "12.3k");
  EXPECT_EQ(human_count(999949), "1.00M");  // not 1000k
  EXPECT_EQ(human_count(123456789), "123M");
  EXPECT_EQ(human_count(5e15), "5000T");
  EXPECT_EQ(human_count(-1), "-");
  EXPECT_EQ(human_count(std::numeric_limits<double>::quiet_NaN()), "-");
}

TEST(Units, BitsAndBytes) {
  EXPECT_EQ(human_bits(0), "0 bit/s");
  EXPECT_EQ(human_bits(1500), "1.50 kbit/s");
  EXPECT_EQ(human_bits(1e10), "10.0 Gbit/s");
  EXPECT_EQ(human_bytes(512), "512 B");
  EXPECT_EQ(human_bytes(1536), "1.50 KiB");
  EXPECT_EQ(human_bytes(1024.0 * 1024 * 1024), "1.00 GiB");
}

TEST(Units, Durations) {
  EXPECT_EQ(human_duration(0.44), "0.4s");
  EXPECT_EQ(human_duration(59), "59s");
  EXPECT_EQ(human_duration(59.6), "1m00s");
  EXPECT_EQ(human_duration(3599), "59m59s");
  EXPECT_EQ(human_duration(3723), "1h02m");
  EXPECT_EQ(human_duration(3 * 86400 + 4 * 3600), "3d04h");
}

TEST(Units, Ratios) {
  EXPECT_EQ(percent(0), "0%");
  EXPECT_EQ(percent(0.424), "42%");
  EXPECT_EQ(percent(1), "100%");
}

TEST(Units, DurationsAreRead) {
  EXPECT_EQ(parse_duration_ms("10s"), 10'000U);
  EXPECT_EQ(parse_duration_ms("10"), 10'000U);
  EXPECT_EQ(parse_duration_ms("250ms"), 250U);
  EXPECT_EQ(parse_duration_ms("2m"), 120'000U);
  EXPECT_EQ(parse_duration_ms("10m"), 600'000U);
  for (const char* wrong :
       {"", "s", "-1s", "1h", "1.5s", "0", "11m", "601s", "10 s", "4294967296", "99999999999999s"}) {
    EXPECT_FALSE(parse_duration_ms(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace millrace::vnfctl
