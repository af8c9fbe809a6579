// SPDX-License-Identifier: BSD-3-Clause
// Says when something runs full or falls behind, and when that is over: two lines for each time, however many
// packets it costs.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::appliance {

// One way to lose something for want of room.
struct Loss {
  std::string_view name;      // as metrics have it
  std::string_view sentence;  // what it means and what to do
  std::uint64_t count = 0;    // so far; only grows
};

// One thread. What was counted before the first look counts as lost just now.
class LossLog {
 public:
  // After so long without another loss it is over.
  static constexpr std::uint64_t kQuietMs = 5'000;

  // What to log now. To be called about once a second, each time with the same names.
  [[nodiscard]] std::vector<std::string> look(std::span<const Loss> losses, std::uint64_t now_ms);

 private:
  struct State {
    std::uint64_t count = 0;
    std::uint64_t before = 0;  // the count when it began
    std::uint64_t began_ms = 0;
    std::uint64_t last_ms = 0;
    bool goes_on = false;
  };

  std::map<std::string, State, std::less<>> states_;
};

}  // namespace millrace::appliance
