// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/schedule.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace millrace::firewall {
namespace {

std::tm broken_down(const profile::Schedule& schedule, std::time_t when) {
  std::tm parts{};
  schedule.local_time ? localtime_r(&when, &parts) : gmtime_r(&when, &parts);
  return parts;
}

// The moment `minute` of the day `days_later`, counted from the day of `when`.
std::time_t moment(const profile::Schedule& schedule, std::time_t when, int days_later, int minute) {
  std::tm parts = broken_down(schedule, when);
  parts.tm_mday += days_later;
  parts.tm_hour = 0;
  parts.tm_min = minute;
  parts.tm_sec = 0;
  parts.tm_isdst = -1;
  return schedule.local_time ? mktime(&parts) : timegm(&parts);
}

}  // namespace

bool is_active(const profile::Schedule& schedule, std::time_t when) {
  const std::tm parts = broken_down(schedule, when);
  const auto minute = static_cast<unsigned>(parts.tm_hour * 60 + parts.tm_min);
  const unsigned today = static_cast<unsigned>(parts.tm_wday + 6) % 7;  // Monday is 0
  const auto on = [&](unsigned day) { return (schedule.days >> day & 1U) != 0; };
  if (schedule.to_minute > schedule.from_minute) {
    return on(today) && minute >= schedule.from_minute && minute < schedule.to_minute;
  }
  return (on(today) && minute >= schedule.from_minute) ||
         (on((today + 6) % 7) && minute < schedule.to_minute);
}

std::optional<std::uint64_t> seconds_to_next_change(const profile::Section& profile, std::time_t when) {
  std::set<std::string_view> used;
  for (const profile::Rule& rule : profile.rules) {
    if (rule.schedule.value) used.insert(*rule.schedule.value);
  }
  std::optional<std::time_t> next;
  for (const profile::Schedule& schedule : profile.schedules) {
    if (!used.contains(*schedule.name)) continue;
    const bool now = is_active(schedule, when);
    // It can only change at one of its two times or, with the clocks, at a midnight.
    for (int day = -1; day <= 8; ++day) {
      for (const int minute : {0, int{schedule.from_minute}, int{schedule.to_minute}}) {
        const std::time_t candidate = moment(schedule, when, day, minute);
        if (candidate <= when || (next && candidate >= *next)) continue;
        if (is_active(schedule, candidate) != now) next = candidate;
      }
    }
  }
  if (!next) return std::nullopt;
  return static_cast<std::uint64_t>(*next - when);
}

}  // namespace millrace::firewall
