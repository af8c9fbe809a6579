// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "common/base/clock.h"

namespace millrace {

// So many events in so many seconds: ten a minute is {1, 6}. No events: no limit.
struct Pace {
  // NOLINTNEXTLINE(google-explicit-constructor): 5 is five a second
  constexpr Pace(std::uint32_t count = 0, std::uint32_t in_seconds = 1) noexcept
      : events(count), seconds(in_seconds) {}

  std::uint32_t events;
  std::uint32_t seconds;  // at least 1

  constexpr bool operator==(const Pace&) const noexcept = default;
  [[nodiscard]] constexpr bool limits() const noexcept { return events != 0; }
  // What comes back in one second, at least one: the burst where none is given.
  [[nodiscard]] constexpr std::uint32_t burst() const noexcept {
    return std::max<std::uint32_t>(events / seconds, 1);
  }
  // One of so many equal shares.
  [[nodiscard]] constexpr Pace share(std::uint32_t shares) const noexcept {
    return events % shares == 0 ? Pace(events / shares, seconds) : Pace(events, seconds * shares);
  }
};

// A pace with a burst. Eight bytes, of which all zero is a full bucket, so that a table of them needs no
// setting up; pace and burst come with each call, so a change of policy needs no pass over the table.
class RateBucket {
 public:
  // The largest burst that can be held at this pace.
  [[nodiscard]] static constexpr std::uint32_t most_burst(const Pace& pace) noexcept {
    return static_cast<std::uint32_t>(std::numeric_limits<std::uint32_t>::max() / cost(pace));
  }

  // Whether there is room for one more now; take() then takes it.
  [[nodiscard]] bool ready(const Pace& pace, std::uint32_t burst, Tick now) noexcept {
    const std::uint64_t refilled = std::uint64_t{now - last_} * pace.events;
    const std::uint64_t room = cost(pace) * std::min(burst, most_burst(pace));
    last_ = now;
    spent_ = refilled < spent_ ? spent_ - static_cast<std::uint32_t>(refilled) : 0;
    spent_ =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(spent_, room));  // another pace counts otherwise
    return spent_ + cost(pace) <= room;
  }
  void take(const Pace& pace) noexcept { spent_ += static_cast<std::uint32_t>(cost(pace)); }

 private:
  // Of one event: so that what comes back in a millisecond, one for each event of the pace, is whole.
  [[nodiscard]] static constexpr std::uint64_t cost(const Pace& pace) noexcept {
    return std::uint64_t{1000} * pace.seconds;
  }

  std::uint32_t spent_ = 0;
  Tick last_ = 0;
};

}  // namespace millrace
