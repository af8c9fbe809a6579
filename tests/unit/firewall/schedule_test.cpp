// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/schedule.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace millrace::firewall {
namespace {

constexpr std::time_t kMonday = 1704067200;  // 2024-01-01 00:00 UTC, a Monday
constexpr std::time_t kHour = 3600;
constexpr std::time_t kDay = 24 * kHour;
constexpr std::uint8_t kWeekdays = 0x1f;

profile::Schedule schedule(std::uint8_t days, unsigned from_minute, unsigned to_minute) {
  profile::Schedule one;
  one.name.value = "s";
  one.days = days;
  one.from_minute = static_cast<std::uint16_t>(from_minute);
  one.to_minute = static_cast<std::uint16_t>(to_minute);
  return one;
}

profile::Section section_of(const profile::Schedule& one) {
  profile::Section section;
  section.schedules.push_back(one);
  profile::Rule rule;
  rule.schedule.value = "s";
  section.rules.push_back(rule);
  return section;
}

TEST(Schedule, OfficeHours) {
  const auto office = schedule(kWeekdays, 9 * 60, 17 * 60);
  EXPECT_FALSE(is_active(office, kMonday + 9 * kHour - 1));
  EXPECT_TRUE(is_active(office, kMonday + 9 * kHour));
  EXPECT_TRUE(is_active(office, kMonday + 17 * kHour - 1));
  EXPECT_FALSE(is_active(office, kMonday + 17 * kHour));
  EXPECT_TRUE(is_active(office, kMonday + 4 * kDay + 12 * kHour));   // Friday
  EXPECT_FALSE(is_active(office, kMonday + 5 * kDay + 12 * kHour));  // Saturday
}

TEST(Schedule, OverMidnightBelongsToTheDayItBegins) {
  const auto night = schedule(0x10, 22 * 60, 6 * 60);  // Friday's night
  EXPECT_FALSE(is_active(night, kMonday + 4 * kDay + 5 * kHour));
  EXPECT_TRUE(is_active(night, kMonday + 4 * kDay + 23 * kHour));
  EXPECT_TRUE(is_active(night, kMonday + 5 * kDay + 5 * kHour));
  EXPECT_FALSE(is_active(night, kMonday + 5 * kDay + 6 * kHour));
  EXPECT_FALSE(is_active(night, kMonday + 5 * kDay + 23 * kHour));
}

TEST(Schedule, WholeDays) {
  const auto weekend = schedule(0x60, 0, 24 * 60);
  EXPECT_FALSE(is_active(weekend, kMonday + 5 * kDay - 1));
  EXPECT_TRUE(is_active(weekend, kMonday + 5 * kDay));
  EXPECT_TRUE(is_active(weekend, kMonday + 7 * kDay - 1));
  EXPECT_FALSE(is_active(weekend, kMonday + 7 * kDay));
}

TEST(Schedule, NextChangeIsWhenSteppingMinuteByMinuteFindsIt) {
  for (const auto& one : {schedule(kWeekdays, 540, 1020), schedule(0x10, 1320, 360), schedule(0x60, 0, 1440),
                          schedule(0x41, 600, 600), schedule(0x7f, 1, 2), schedule(0x01, 1439, 1)}) {
    const auto section = section_of(one);
    for (std::time_t when = kMonday + 30; when < kMonday + 8 * kDay; when += 6007) {
      std::time_t change = (when / 60 + 1) * 60;
      while (is_active(one, change) == is_active(one, when)) change += 60;
      ASSERT_EQ(seconds_to_next_change(section, when), static_cast<std::uint64_t>(change - when))
          << int{one.days} << " " << one.from_minute << "-" << one.to_minute << " at +" << when - kMonday;
    }
  }
}

TEST(Schedule, WithoutAScheduleInUseNothingChanges) {
  auto section = section_of(schedule(kWeekdays, 540, 1020));
  section.rules[0].schedule.value.reset();
  EXPECT_EQ(seconds_to_next_change(section, kMonday), std::nullopt);
  EXPECT_EQ(seconds_to_next_change(section_of(schedule(0x7f, 0, 1440)), kMonday), std::nullopt);
}

TEST(Schedule, LocalTimeFollowsTheClocks) {
  setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  tzset();
  auto office = schedule(0x7f, 9 * 60, 17 * 60);
  office.local_time = true;
  const std::time_t march30 = 1711756800;  // 2024-03-30 00:00 UTC; the clocks go forward on the 31st
  EXPECT_FALSE(is_active(office, march30 + 8 * kHour - 1));
  EXPECT_TRUE(is_active(office, march30 + 8 * kHour));         // 09:00 CET
  EXPECT_TRUE(is_active(office, march30 + kDay + 7 * kHour));  // 09:00 CEST
  EXPECT_EQ(seconds_to_next_change(section_of(office), march30 + 20 * kHour),
            static_cast<std::uint64_t>(11 * kHour));
  unsetenv("TZ");
  tzset();
}

}  // namespace
}  // namespace millrace::firewall
