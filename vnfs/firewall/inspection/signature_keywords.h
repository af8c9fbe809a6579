// SPDX-License-Identifier: BSD-3-Clause
// The keywords that are understood: adding one is a function and a row.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "vnfs/firewall/inspection/signature_draft.h"

namespace millrace::firewall::inspection {

struct Keyword {
  std::string_view name;
  // Takes its value. An error without an attempt is about the keyword itself.
  Result<void> (*take)(SignatureDraft&, std::string_view);
  std::string_view about;  // for documentation
};

// Those that look at bytes, and all others; each in alphabetical order.
[[nodiscard]] std::span<const Keyword> byte_keywords() noexcept;
[[nodiscard]] std::span<const Keyword> other_keywords() noexcept;

// Null when it is not understood.
[[nodiscard]] const Keyword* find_keyword(std::string_view name) noexcept;

// What a keyword's function says of a value it can not take: what would be right.
[[nodiscard]] inline tl::unexpected<Error> wrong(std::string_view right) {
  return failure("", std::string(right));
}

}  // namespace millrace::firewall::inspection
