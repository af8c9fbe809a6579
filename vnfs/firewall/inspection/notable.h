// SPDX-License-Identifier: BSD-3-Clause
// What is worth telling of a session beside signatures that match.
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::firewall::inspection {

enum class Notable : std::uint8_t {
  // A session goes on, at least in part, unseen.
  kNoConversation,
  kNoMemory,
  kNoTime,
  kBehind,
  kInMidStream,

  // A stream is not one.
  kConflict,
  kRewritten,
  kHoles,
  kUrgent,

  kCount
};

struct NotableFacts {
  std::string_view name;      // in_snake_case
  std::string_view sentence;  // for people
};
[[nodiscard]] const NotableFacts& facts_of(Notable notable) noexcept;

}  // namespace millrace::firewall::inspection
