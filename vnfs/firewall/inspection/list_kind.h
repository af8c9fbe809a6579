// SPDX-License-Identifier: BSD-3-Clause
// What threat lists are made of, and what they do, in numbers and words.
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::firewall::inspection {

enum class ListKind : std::uint8_t { kAddress, kDomain, kUrl, kJa3 };

// What becomes of a session that a list names.
enum class ListAction : std::uint8_t { kAlert, kDrop, kReject };

// As the profile writes it.
[[nodiscard]] constexpr std::string_view name_of(ListKind kind) noexcept {
  switch (kind) {
    case ListKind::kDomain:
      return "domains";
    case ListKind::kUrl:
      return "urls";
    case ListKind::kJa3:
      return "ja3";
    case ListKind::kAddress:
      break;
  }
  return "addresses";
}
[[nodiscard]] constexpr std::string_view name_of(ListAction action) noexcept {
  switch (action) {
    case ListAction::kAlert:
      return "alert";
    case ListAction::kReject:
      return "reject";
    case ListAction::kDrop:
      break;
  }
  return "drop";
}

}  // namespace millrace::firewall::inspection
