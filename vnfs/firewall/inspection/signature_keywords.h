// SPDX-License-Identifier: BSD-3-Clause
// The keywords that are understood: adding one is a function and a row. Of those that are not, why.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "vnfs/firewall/inspection/signature_draft.h"

namespace millrace::firewall::inspection {

struct Keyword {
  enum class Value : std::uint8_t { kNeeded, kNone, kOptional };

  std::string_view name;
  // Takes its value. An error without an attempt is about the keyword itself.
  Result<void> (*take)(SignatureDraft&, std::string_view);
  std::string_view about;  // for documentation
  Value value = Value::kNeeded;
  bool once = false;  // a second one in the same signature would undo the first
};

// Contents with their modifiers, other tests of bytes, and all others; each in alphabetical order.
[[nodiscard]] std::span<const Keyword> content_keywords() noexcept;
[[nodiscard]] std::span<const Keyword> byte_keywords() noexcept;
[[nodiscard]] std::span<const Keyword> other_keywords() noexcept;

// Null when it is not understood.
[[nodiscard]] const Keyword* find_keyword(std::string_view name) noexcept;

// Keywords that are known, and not to be had: what they ask for is not there. Grouped by the reason.
struct RefusedKeywords {
  std::string_view why;
  std::span<const std::string_view> names;
};
[[nodiscard]] std::span<const RefusedKeywords> refused_keywords() noexcept;
// Empty when it is none of them.
[[nodiscard]] std::string_view why_refused(std::string_view name) noexcept;

// What a keyword's function says of a value it can not take: what would be right.
[[nodiscard]] inline tl::unexpected<Error> wrong(std::string_view right) {
  return failure("", std::string(right));
}

}  // namespace millrace::firewall::inspection
